package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestPlan proves that a seed determines the plan, and that a run with fewer steps is the start of the same plan. A few
// seeds bring every verb.
func TestPlan(t *testing.T) {
	t.Parallel()
	drawn := map[string]bool{}
	for seed := range uint64(60) {
		whole, part := slices.Concat(makePlan(size{seed, 4, 100})...), slices.Concat(makePlan(size{seed, 4, 37})...)
		if !slices.Equal(whole, slices.Concat(makePlan(size{seed, 4, 100})...)) {
			t.Errorf("seed %d makes two plans", seed)
		}
		if len(whole) != 100 || !slices.Equal(whole[:37], part) {
			t.Errorf("37 steps of seed %d are not the beginning of 100", seed)
		}
		for _, s := range whole {
			drawn[s.verb] = true
		}
	}
	if all := len(userVerbs) + len(worldVerbs); len(drawn) != all {
		t.Errorf("%d of %d verbs were drawn", len(drawn), all)
	}
}

// TestVerbsOfCI proves that the 25 seeds of `make sim` bring every verb several times, on each database. One user does
// few verbs in one run. So a verb that is rarer than this is not really tested.
func TestVerbsOfCI(t *testing.T) {
	t.Parallel()
	const often = 4
	drawn := map[string]int{}
	for seed := range uint64(25) {
		for _, s := range slices.Concat(makePlan(size{seed + 1, 4, 60})...) {
			drawn[s.verb]++
		}
	}
	var names []string
	for _, verb := range userVerbs {
		names = append(names, verb.name)
	}
	for _, verb := range worldVerbs {
		names = append(names, verb.name)
	}
	for _, name := range names {
		if t.Logf("%4d %s", drawn[name], name); drawn[name] < often {
			t.Errorf("%q comes up %d times in 25 seeds, and should %d times", name, drawn[name], often)
		}
	}
}

// size is how large a simulation is, and its seed.
type size struct {
	seed         uint64
	users, steps int
}

// step is one thing that happens: a verb of a user, or of the world around them. Its own seed determines its details,
// so it stays the same when other steps are left out.
type step struct {
	number int
	user   int // -1 for steps of the world
	verb   string
	seed   uint64
}

func (s step) rand() *rand.Rand { return rand.New(rand.NewPCG(s.seed, uint64(s.number))) }

func (s step) String() string {
	if s.user < 0 {
		return fmt.Sprintf("%d world: %s", s.number, s.verb)
	}
	return fmt.Sprintf("%d user %d: %s", s.number, s.user, s.verb)
}

// wave is a set of steps that happen at the same time. Steps of one user happen one after the other.
type wave []step

// maxWave is the highest number of steps at once.
const maxWave = 6

// worldShare is the percentage of steps that are the world's.
const worldShare = 22

// makePlan makes the plan of a seed. Fewer steps give the start of the same plan, so you can narrow down a failure by
// asking for fewer.
func makePlan(s size) []wave {
	r := rand.New(rand.NewPCG(s.seed, uint64(s.users)))
	var plan []wave
	for made := 0; made < s.steps; {
		var w wave
		for n := 1 + r.IntN(maxWave); n > 0; n-- {
			one := step{number: made, user: -1, seed: r.Uint64()}
			if world := r.IntN(100) < worldShare; world {
				one.verb = pick(r, worldVerbs).name
				r.IntN(s.users) // every step draws the same number of random numbers
				if *favour != "" && one.seed%2 == 0 && has(worldVerbs, *favour) {
					one.verb = *favour
				}
			} else {
				one.verb = pick(r, userVerbs).name
				if *favour != "" && one.seed%3 == 0 && has(userVerbs, *favour) {
					one.verb = *favour
				}
				one.user = r.IntN(s.users)
			}
			if made++; made <= s.steps {
				w = append(w, one)
			}
		}
		plan = append(plan, w)
	}
	return plan
}

// weighted is a verb in a table. The larger its weight, the more often it is drawn.
type weighted[F any] struct {
	name   string
	weight int
	do     F
}

func pick[F any](r *rand.Rand, table []weighted[F]) weighted[F] {
	total := 0
	for _, each := range table {
		total += each.weight
	}
	n := r.IntN(total)
	for _, each := range table {
		if n -= each.weight; n < 0 {
			return each
		}
	}
	panic("a table of verbs has no weight")
}

func find[F any](table []weighted[F], name string) F {
	for _, each := range table {
		if each.name == name {
			return each.do
		}
	}
	panic("no such verb: " + name)
}

func has[F any](table []weighted[F], name string) bool {
	return slices.ContainsFunc(table, func(each weighted[F]) bool { return each.name == name })
}

func printPlan(plan []wave) string {
	var out strings.Builder
	for n, w := range plan {
		fmt.Fprintf(&out, "wave %d\n", n)
		for _, s := range w {
			fmt.Fprintf(&out, "  %s\n", s)
		}
	}
	return out.String()
}
