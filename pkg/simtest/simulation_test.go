package simtest

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

var (
	firstSeed = flag.Uint64("seed", 1, "the first seed")
	seeds     = flag.Int("seeds", 2, "how many seeds, one after the other")
	users     = flag.Int("users", 4, "how many users each simulation has")
	steps     = flag.Int("steps", 60, "how many steps each simulation has")
	onlyOn    = flag.String("database", "", "postgres or sqlite; both where it is not given")
	shrink    = flag.Bool("shrink", false, "look for fewer steps that fail as well")
	agreement = flag.Duration(
		"patience", 2*time.Minute, "how long, in real time, the database may take at the end to agree with Stripe",
	)
	story    = flag.Bool("story", false, "tell what happened to each user also where no rule was broken")
	showPlan = flag.Bool("plan", false, "print the plan of the first seed, and do nothing")
)

// TestSimulation proves, for every seed on both databases, that nothing is lost and nothing happens twice under faults.
// Once faults stop, the database agrees with Stripe.
func TestSimulation(t *testing.T) {
	t.Parallel()
	if *showPlan {
		t.Log("\n" + printPlan(makePlan(size{*firstSeed, *users, *steps})))
		return
	}
	for n := range *seeds {
		for _, dialect := range storetest.Dialects {
			if *onlyOn != "" && *onlyOn != string(dialect) {
				continue
			}
			s := size{*firstSeed + uint64(n), *users, *steps}
			t.Run(fmt.Sprintf("seed=%d/%s", s.seed, dialect), func(t *testing.T) {
				t.Parallel()
				simulate(t, s, dialect)
				if t.Failed() && *shrink {
					shrinkFailure(t, s, dialect)
				}
			})
		}
	}
}

// shrinkFailure searches by halving for the shortest start of the plan that also fails. A failure that depends on real
// time may not happen again.
func shrinkFailure(t *testing.T, s size, dialect store.Dialect) {
	passes, fails := 0, s.steps
	for fails-passes > 1 {
		s.steps = (passes + fails) / 2
		if t.Run(fmt.Sprintf("steps=%d", s.steps), func(t *testing.T) { simulate(t, s, dialect) }) {
			passes = s.steps
		} else {
			fails = s.steps
		}
	}
	t.Logf("the shortest beginning of the plan that failed has %d steps", fails)
}

// simulate runs one simulation: the plan under faults, with checks whenever it is at rest, and then the end without
// faults.
func simulate(t *testing.T, s size, dialect store.Dialect) {
	w := newWorld(t, s, dialect, true)
	w.listen()
	w.again = fmt.Sprintf("make sim SEED=%d SEEDS=1 USERS=%d STEPS=%d DATABASE=%s", s.seed, s.users, s.steps, dialect)
	for _, u := range w.users {
		u.register()
	}
	w.admin.register()
	w.appointAdmin()
	w.begin("the opening")
	w.play(makeOpening(s))
	for n, steps := range makePlan(s) {
		w.begin(fmt.Sprintf("wave %d", n))
		w.play(steps)
		if w.checkSafety(w.concerned(n, steps)); len(w.broken()) > 0 {
			w.tell()
			return
		}
	}
	w.begin("the end")
	took := w.settle()
	if w.checkSafety(w.users); len(w.broken()) > 0 {
		w.tell()
		return
	}
	if *story {
		w.tellStory()
	}
	t.Logf(
		"%s; the database agreed with Stripe %s after the last webhook", w.summary(),
		took.agreement.Round(time.Millisecond),
	)
}

// checkAllEvery is the number of waves after which all users are checked, and not only those of the last wave.
const checkAllEvery = 10

// concerned returns the users to check after a wave.
func (w *world) concerned(n int, steps wave) []*user {
	if n%checkAllEvery == 0 {
		return w.users
	}
	var who []*user
	for _, s := range steps {
		if s.user >= 0 && !slices.Contains(who, w.users[s.user]) {
			who = append(who, w.users[s.user])
		}
	}
	return who
}

func (w *world) begin(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current = what
}

// play does the steps of a wave at the same time. Steps of one user, and of the world, happen one after the other.
func (w *world) play(steps wave) {
	lines := map[int][]step{}
	for _, s := range steps {
		lines[s.user] = append(lines[s.user], s)
	}
	var wait sync.WaitGroup
	for _, line := range lines {
		wait.Go(func() {
			for _, s := range line {
				w.do(s)
			}
		})
	}
	wait.Wait()
}

func (w *world) do(s step) {
	w.note(s.user, "%s", s)
	if s.user < 0 {
		find(worldVerbs, s.verb)(w, s.rand())
		return
	}
	table := userVerbs
	if s.number < 0 {
		table = opening
	}
	w.doing(s.verb)
	find(table, s.verb)(w.users[s.user], s.rand())
}

// doing counts the verbs that users do.
func (w *world) doing(verb string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did[verb]++
}

const (
	atOnce   = 24 // users who act at the same time, if there are many
	checkers = 6  // users who are checked at the same time
	couriers = 16 // deliveries of webhooks under way at the same time
)

// inParallel runs n pieces of work, width at a time, and begins them in their order.
func (w *world) inParallel(width, n int, do func(int)) {
	work := make(chan int)
	var wait sync.WaitGroup
	for range min(width, n) {
		wait.Go(func() {
			for each := range work {
				do(each)
			}
		})
	}
	for each := range n {
		work <- each
	}
	close(work)
	wait.Wait()
}
