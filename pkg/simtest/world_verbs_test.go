package simtest

import (
	"math/rand/v2"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
)

const day = 24 * time.Hour

// worldVerbs are what happens to users, to Stripe and to the servers.
var worldVerbs = []weighted[func(*world, *rand.Rand)]{
	{"minutes pass", 10, func(w *world, r *rand.Rand) { w.advance(minutes(1 + r.IntN(40))) }},
	{"hours pass", 8, func(w *world, r *rand.Rand) { w.advance(minutes(60 + r.IntN(1380))) }},
	{"days pass", 6, func(w *world, r *rand.Rand) { w.advance(day + minutes(r.IntN(9*1440))) }},
	{"a month passes", 4, func(w *world, r *rand.Rand) { w.advance(28*day + minutes(r.IntN(20*1440))) }},
	{"webhooks are lost", 4, func(w *world, r *rand.Rand) { w.lost.Store(true); w.share("webhook_drop", r, 0.5, nil) }},
	{"webhooks come twice", 6, func(w *world, r *rand.Rand) { w.share("webhook_duplicate", r, 0.6, nil) }},
	{"webhooks come late", 6, func(w *world, r *rand.Rand) {
		w.share("webhook_delay", r, 0.6, map[string]any{"delay_seconds": 1 + r.IntN(7200)})
	}},
	{"webhooks change places", 6, func(w *world, r *rand.Rand) { w.share("webhook_reorder", r, 0.7, nil) }},
	{"webhooks have a newer shape", 4, func(w *world, r *rand.Rand) { w.share("webhook_basil", r, 0.8, nil) }},
	{"Stripe limits the rate", 4, func(w *world, r *rand.Rand) { w.share("api_rate_limit", r, 0.3, nil) }},
	{"Stripe's objects are locked", 4, func(w *world, r *rand.Rand) { w.share("api_lock_timeout", r, 0.3, nil) }},
	{
		"Stripe fails", 6,
		func(w *world, r *rand.Rand) { w.share("api_error", r, 0.3, map[string]any{"executed": r.IntN(2) == 0}) },
	},
	{"Stripe's answers are cut off", 5, func(w *world, r *rand.Rand) { w.share("api_cut_off", r, 0.3, nil) }},
	{"Stripe's answers are late", 10, (*world).delayStripe},
	{"Stripe falls silent for a call", 2, (*world).silence},
	{"Stripe is well again", 12, func(w *world, _ *rand.Rand) { w.clearFaults() }},
	{"answers to clients are cut", 10, func(w *world, r *rand.Rand) { cutSome(w.api, r) }},
	{"clients' connections are cut", 5, func(w *world, _ *rand.Rand) { w.api.cutAll() }},
	{"the database's answers are cut", 10, (*world).cutDatabaseAnswers},
	{"the database's connections are cut", 4, (*world).cutDatabase},
	{"a server is killed", 9, (*world).killServer},
	{"a server is restarted", 5, (*world).restartServer},
	{"there are two servers, or one", 4, (*world).changeReplicas},
	{"the catalogue changes", 8, (*world).changeCatalogue},
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// advance moves the one clock. After that Stripe has done its due work, and its webhooks are on their way.
func (w *world) advance(by time.Duration) {
	status, _ := w.control(w.ctx, "POST", "clock", map[string]any{"advance_seconds": int(by.Seconds())})
	w.note(-1, "%s pass: %d", by, status)
}

// share sets a fault that strikes a share of what it matches, until Stripe's faults are cleared.
func (w *world) share(kind string, r *rand.Rand, most float64, more map[string]any) {
	wish := map[string]any{"kind": kind, "share": 0.05 + r.Float64()*(most-0.05), "seed": r.Uint32()}
	for name, value := range more {
		wish[name] = value
	}
	status, _ := w.control(w.ctx, "POST", "faults", wish)
	w.note(-1, "fault %v: %d", wish, status)
}

// silence lets one read of a sync hang. More would cost much real time, and prove nothing else.
func (w *world) silence(r *rand.Rand) {
	endpoint := []string{"GET /v1/subscriptions", "GET /v1/charges", "POST /v1/checkout/sessions"}[r.IntN(3)]
	status, _ := w.control(
		w.ctx, "POST", "faults", map[string]any{"kind": "api_timeout", "endpoint": endpoint, "next": 1},
	)
	w.note(-1, "the next %s hangs: %d", endpoint, status)
}

// clearFaults ends Stripe's faults, and counts what they did.
func (w *world) clearFaults() {
	_, faults := w.control(w.ctx, "GET", "faults", nil)
	for _, f := range faults.list("data") {
		w.count(f.text("kind"), f.number("struck"))
	}
	status, _ := w.control(w.ctx, "DELETE", "faults", nil)
	w.note(-1, "Stripe is well again: %d", status)
}

func (w *world) count(kind string, n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.struck[kind] += n
}

// cutSome cuts the next few replies, each after a number of bytes: none, in its header, or in its body.
func cutSome(on *wire, r *rand.Rand) {
	for range 1 + r.IntN(4) {
		on.cutAnswer(cut{after: r.IntN(700)})
	}
}

// delayStripe delays some replies until a newer state may have overtaken what they say. Sync tickets exist for that
// case.
func (w *world) delayStripe(r *rand.Rand) {
	for range 1 + r.IntN(10) {
		w.toStripe.delayAnswer(time.Duration(50+r.IntN(1500)) * time.Millisecond)
	}
}

// cutDatabaseAnswers lets some replies pass between the cuts. Otherwise no request would reach the middle of a
// transaction. It may cut the reply to a commit: then the server cannot know whether the commit happened.
func (w *world) cutDatabaseAnswers(r *rand.Rand) {
	if w.database != nil {
		for range 1 + r.IntN(6) {
			w.database.cutAnswer(cut{skip: r.IntN(12), after: r.IntN(60)})
		}
	}
}

func (w *world) cutDatabase(*rand.Rand) {
	if w.database != nil {
		w.database.cutAll()
	}
}

// killServer kills a server and restarts it at once.
func (w *world) killServer(r *rand.Rand) {
	running := w.running()
	s := running[r.IntN(len(running))]
	w.note(-1, "%s is killed", s.addr)
	w.count("kill", 1)
	s.kill()
	w.startServer(s)
}

// restartServer ends a server in an orderly way, as an update does.
func (w *world) restartServer(r *rand.Rand) {
	running := w.running()
	s := running[r.IntN(len(running))]
	w.note(-1, "%s is restarted", s.addr)
	if err := s.terminate(); err != nil {
		w.violate(nil, "%v\n%s", err, s.said.String())
	}
	w.startServer(s)
}

func (w *world) startServer(s *server) {
	if err := s.start(); err != nil {
		w.violate(nil, "%v", err)
	}
}

// changeReplicas lets a second server join or leave. SQLite has one node.
func (w *world) changeReplicas(*rand.Rand) {
	if w.dialect != store.Postgres {
		return
	}
	second := w.servers[1]
	w.note(-1, "a second server joins or leaves")
	if len(w.targets()) == 1 {
		w.startServer(second)
		w.api.setTargets([]string{w.servers[0].addr, second.addr})
		return
	}
	w.api.setTargets([]string{w.servers[0].addr})
	if err := second.terminate(); err != nil {
		w.violate(nil, "%v\n%s", err, second.said.String())
	}
}
