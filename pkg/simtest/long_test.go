package simtest

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

var (
	longUsers  = flag.Int("long-users", 20, "how many users the long simulation has")
	longEvents = flag.Int64("long-events", 800, "how many deliveries of webhooks the long simulation goes on for")
	longFor    = flag.Duration(
		"long-for", 24*time.Hour, "how long, in real time, the long simulation plays at the most",
	)
	longReport = flag.String("long-report", "", "where the long simulation adds its report")
)

// TestLong proves of many customers over months what TestSimulation proves of a few. They renew, spend, hold, buy and
// are refunded. At the same time servers are killed again and again, and a share of all webhooks comes twice, out of
// order or never. Nothing acknowledged is lost and nothing happens twice. Once faults stop, the database agrees with
// Stripe about each customer.
func TestLong(t *testing.T) {
	t.Parallel()
	for _, dialect := range storetest.Dialects {
		if *onlyOn != "" && *onlyOn != string(dialect) {
			continue
		}
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			l := newLong(t, size{seed: *firstSeed, users: *longUsers}, dialect)
			l.run()
			l.report()
		})
	}
}

const (
	maxRounds     = 128
	eventsOfRound = 100 // at least
	hoursOfMonth  = 730
	// eventsOfRenewal is roughly how many events one renewal brings if the endpoint receives every type.
	eventsOfRenewal = 9
)

// longRounds returns roughly how often the clock moves until all events were delivered.
func longRounds() int { return int(max(1, min(maxRounds, *longEvents/eventsOfRound))) }

// long is a simulation of many users without a plan made beforehand. Rounds, each from one move of the clock to the
// next, go on until enough webhooks were delivered. A round leaves only the counts, the users' journals and their last
// notes.
type long struct {
	*world
	r                 *rand.Rand
	began             time.Time
	opened            time.Time // on the clock of the sandbox
	joined            int       // users who have subscribed
	rounds            int
	steps             int
	checked, compared int          // checks of one user during the run, and comparisons of one with Stripe
	uncompared        atomic.Int64 // of these, how many Stripe's faults prevented
	syncer            *reconcile.Syncer
	byEmail           map[string]*user
	played            time.Duration
	settled           settled
	heap              uint64 // this process's highest use, including the sandbox, in bytes
}

func newLong(t *testing.T, s size, dialect store.Dialect) *long {
	l := &long{
		world: newWorld(t, s, dialect, false), r: rand.New(rand.NewPCG(s.seed, uint64(s.users))), began: time.Now(),
	}
	l.steady = true
	l.again = fmt.Sprintf("make sim-long SEED=%d LONG_USERS=%d LONG_EVENTS=%d", s.seed, s.users, *longEvents)
	var err error
	l.syncer, err = newSyncer(l.world)
	l.must(err)
	l.opened = l.now()
	l.askForEverything()
	l.byEmail = map[string]*user{}
	for _, u := range l.users {
		l.byEmail[u.email] = u
	}
	l.enrol()
	l.lost.Store(true)
	for kind, share := range longFaults {
		l.strikeShare(kind, share, l.r.Uint32())
	}
	return l
}

// longFaults give the share of all webhooks, and of all calls of Stripe, that each fault strikes throughout the run.
var longFaults = map[string]float64{
	"webhook_drop": 0.05, "webhook_duplicate": 0.10, "webhook_reorder": 0.10, "webhook_basil": 0.05,
	"api_rate_limit": 0.005, "api_lock_timeout": 0.005, "api_error": 0.01, "api_cut_off": 0.005,
}

func (w *world) strikeShare(kind string, share float64, seed uint32) {
	wish := map[string]any{"kind": kind, "share": share, "seed": seed}
	status, _ := w.control(w.ctx, "POST", "faults", wish)
	w.note(-1, "fault %v: %d", wish, status)
}

// askForEverything makes Stripe send events of all types, as to an endpoint that was made by hand. A renewal then
// brings several times as many events.
func (l *long) askForEverything() {
	found, err := l.all("/v1/webhook_endpoints", nil)
	l.must(err)
	for _, endpoint := range found {
		if _, status := l.ask(
			"POST", "/v1/webhook_endpoints/"+endpoint.text("id"), url.Values{"enabled_events[]": {"*"}},
		); status != 200 {
			l.t.Fatalf("the endpoint cannot be changed: %d", status)
		}
	}
}

// run plays rounds until enough events were delivered, and then settles.
func (l *long) run() {
	for l.delivered() < *longEvents && time.Since(l.began) < *longFor && len(l.broken()) == 0 {
		l.round()
	}
	l.played = time.Since(l.began)
	if len(l.broken()) == 0 {
		l.begin("the end")
		l.settled = l.settle()
		l.checkSafety(l.users)
	}
	if len(l.broken()) > 0 {
		l.tell()
	}
}

// delivered returns how often a server accepted an event.
func (l *long) delivered() int64 {
	_, o := l.control(l.ctx, "GET", "deliveries", nil)
	return o.number("since_start.delivered")
}

// round moves the clock. Users join and act while the move's webhooks are on their way and faults strike servers and
// wires. It then waits until all due webhooks were delivered, and checks some users.
func (l *long) round() {
	l.rounds++
	began := time.Now()
	l.begin(fmt.Sprintf("round %d", l.rounds))
	l.advance(l.stride())
	lines := l.lines()
	happenings := l.happenings(len(lines))
	var world sync.WaitGroup
	line := make(chan func(), len(happenings))
	world.Go(func() {
		for happens := range line {
			happens()
		}
	})
	l.inParallel(atOnce, len(lines)+1, func(n int) {
		for _, h := range happenings {
			if h.before == n {
				line <- h.do
			}
		}
		if n < len(lines) {
			lines[n]()
		}
	})
	close(line)
	acted := time.Since(began)
	l.flush()
	world.Wait()
	flushed := time.Since(began)
	l.checkSome()
	l.compareSome()
	l.watchHeap()
	l.t.Logf("round %d: %d users, %d acted in %s, delivered after %s, checked after %s; %d events delivered in %s, %d MB", l.rounds, l.joined, len(lines),
		acted.Round(time.Millisecond), flushed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond),
		l.delivered(),
		time.Since(l.began).Round(time.Second), l.heap>>20)
}

// stride returns how far a round moves the clock, so that all rounds together bring the requested number of events.
func (l *long) stride() time.Duration {
	perHour := float64(l.size.users*eventsOfRenewal) / hoursOfMonth
	hours := float64(*longEvents) / float64(longRounds()) / perHour
	return time.Duration(min(max(hours, 1), 20*24) * (0.5 + l.r.Float64()) * float64(time.Hour))
}

// lines returns what users do in a round. Each line has a few steps, one after the other. In the first tenth of the
// rounds users join.
func (l *long) lines() (lines []func()) {
	before := l.joined
	for range min(len(l.users)-l.joined, 1+len(l.users)*10/longRounds()) {
		u, r := l.users[l.joined], rand.New(rand.NewPCG(l.r.Uint64(), uint64(l.joined)))
		l.joined++
		lines = append(lines, func() { u.join(r) })
	}
	if before > 0 {
		lines = append(lines, l.invoiceLines()...)
	}
	who := map[int]bool{}
	for range (before + 19) / 20 {
		who[l.r.IntN(before)] = true
	}
	for _, n := range slices.Sorted(maps.Keys(who)) {
		u, r := l.users[n], rand.New(rand.NewPCG(l.r.Uint64(), uint64(n)))
		steps := 1 + r.IntN(3)
		l.steps += steps
		lines = append(lines, func() {
			for range steps {
				verb := pick(r, userVerbs)
				l.note(u.number, "%s", verb.name)
				l.doing(verb.name)
				verb.do(u, r)
			}
		})
	}
	l.r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

// happening is what happens to servers and wires when the users have reached a given point.
type happening struct {
	before int
	do     func()
}

// longVerbs are the other things that happen in a round. In addition, each round kills a server twice.
var longVerbs = []weighted[func(*world, *rand.Rand)]{
	{"answers to clients are cut", 4, func(w *world, r *rand.Rand) { cutSome(w.api, r) }},
	{"clients' connections are cut", 2, func(w *world, _ *rand.Rand) { w.api.cutAll() }},
	{"the database ends all connections", 3, (*world).endSessions},
	{"a server is restarted", 2, (*world).restartServer},
	{"there are two servers, or one", 2, (*world).changeReplicas},
	{"the catalogue changes", 2, (*world).changeCatalogue},
}

const sessionsEnded = "connections that the database ended"

// endSessions makes PostgreSQL end every connection of the servers, even in the middle of a transaction.
func (w *world) endSessions(*rand.Rand) {
	if w.dialect != store.Postgres {
		return
	}
	n, err := w.db.SQL().ExecContext(
		w.ctx,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`,
		applicationName,
	)
	if err != nil {
		w.violate(nil, "the database does not end connections: %v", err)
		return
	}
	ended, _ := n.RowsAffected()
	w.count(sessionsEnded, ended)
}

func (l *long) happenings(among int) (all []happening) {
	add := func(before int, name string, do func(*world, *rand.Rand)) {
		r := rand.New(rand.NewPCG(l.r.Uint64(), uint64(l.rounds)))
		l.steps++
		all = append(all, happening{before, func() {
			l.note(-1, "%s", name)
			do(l.world, r)
		}})
	}
	for range 2 {
		verb := pick(l.r, longVerbs)
		add(l.r.IntN(among+1), verb.name, verb.do)
	}
	add(l.r.IntN(among+1), "a server is killed", (*world).killServer)
	add(among, "a server is killed", (*world).killServer) // while the rest of the webhooks are delivered
	return all
}
