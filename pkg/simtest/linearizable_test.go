package simtest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const (
	historyClients = 64
	historyMoves   = 10_000 // the whole life of a hold, two or three moves, counts as one
	fullMoves      = 100_000
	chapterMoves   = 5_000
	historyStart   = 500   // points, so that most of the time some client has too few
	packItem       = "odd" // bought once in each chapter
	packPoints     = 333
	checkWithin    = time.Minute // for a chapter
)

// historian makes many clients move the points of one account. It records what each requested and was told, and when.
type historian struct {
	w           *world
	user, admin *user
	left        atomic.Int64 // moves that may still begin
	begin       time.Time

	mu      sync.Mutex
	history []porcupine.Operation
}

// TestLinearizable proves that an account behaves as if everything happened to it one after the other, each change at
// some moment between request and reply. 64 clients spend, hold, capture, release, grant as an admin, buy and read at
// once, over two servers on one PostgreSQL. Replies are cut, and clients repeat under one key until they know the
// outcome. The rules are in books_test.go. The account itself claims the order of its changes, in the Seq of its
// entries. The test checks whether that order explains what every client saw, and when.
//
// The history comes in chapters. At the end of each, all clients have their replies and no hold is left. The next
// chapter begins with the balance that is read then.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	h := newHistorian(t)
	var clients, checks time.Duration
	chapters, available := rounds(t, historyMoves, fullMoves)/chapterMoves, int64(historyStart)
	counts, moves := map[string]int{}, 0
	for n := range chapters {
		begin := time.Now()
		after := h.chapter(n)
		clients += time.Since(begin)
		h.w.checkServers()
		h.w.audit(h.user)
		if len(h.w.broken()) > 0 {
			h.w.tell()
			return
		}
		begin = time.Now()
		h.giveTurns(available)
		if got, info := porcupine.CheckOperationsVerbose(
			model(available), h.history, checkWithin,
		); got != porcupine.Ok {
			t.Fatalf(
				"chapter %d, %d moves from %d points, is not linearizable: %s\n%s", n, len(h.history), available, got,
				h.unexplained(available, info),
			)
		}
		checks += time.Since(begin)
		h.count(counts)
		moves, available, h.history = moves+len(h.history), after, nil
	}
	t.Logf("%d moves of %d clients in %s, %d answers and connections cut; checked in %s: linearizable (%v)", moves, historyClients,
		clients.Round(time.Millisecond), h.w.api.strikes(), checks.Round(time.Millisecond), counts)
}

// chapter makes all clients do their moves. It returns how many points are left when all have finished.
func (h *historian) chapter(n int) (available int64) {
	h.left.Store(chapterMoves)
	var clients sync.WaitGroup
	for client := range historyClients {
		r := rand.New(rand.NewPCG(uint64(n), uint64(client)))
		clients.Go(func() {
			if client == 0 {
				h.buy()
			}
			for h.left.Add(-1) >= 0 {
				h.any(client, r)
			}
		})
	}
	clients.Wait()
	last := h.ask(0, move{kind: "read"}, h.user, request{method: "GET", path: "/points"})
	if last.held != 0 {
		h.w.violate(h.user, "all holds have ended and %d points are held", last.held)
	}
	return last.available
}

func newHistorian(t *testing.T) *historian {
	t.Helper()
	databaseURL := storetest.URL(t, store.Postgres)
	w := newShop(t, size{users: 2}, store.Postgres, databaseURL)
	w.open(databaseURL, 2)
	w.must(w.servers[1].start())
	w.api.setTargets([]string{w.servers[0].addr, w.servers[1].addr})
	w.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * historyClients}}
	// An abandoned try might have its effect after a later one was refused. The history could not express that.
	w.answerWithin = time.Minute
	h := &historian{w: w, user: w.users[0], admin: w.users[1]}
	h.user.register()
	h.admin.register()
	_, err := w.command("user", "role", h.admin.email, "admin")
	w.must(err)
	a, _, ok := h.admin.insist(h.grantOf(historyStart, "start"), "", loginPatience)
	if !ok || a.status != http.StatusCreated {
		t.Fatalf("the first grant answers %s", a)
	}
	h.begin = time.Now()
	return h
}

func (h *historian) grantOf(amount int64, key string) request {
	return request{
		method: "POST",
		path:   "/admin/accounts/" + h.user.account + "/grants",
		key:    key,
		body:   map[string]any{"amount": amount, "reason": "a proof"},
	}
}

// any does one move, or the whole life of one hold.
func (h *historian) any(client int, r *rand.Rand) {
	if r.IntN(20) == 0 {
		h.w.api.cutAnswer(cut{skip: r.IntN(20), after: r.IntN(700)})
	}
	switch n := r.IntN(100); {
	case n < 55:
		m := move{kind: "spend", amount: 1 + r.Int64N(40)}
		h.ask(
			client, m, h.user, request{method: "POST", path: "/points/spend", body: map[string]any{"amount": m.amount}},
		)
	case n < 67:
		m := move{kind: "grant", amount: 1 + r.Int64N(200)}
		h.ask(client, m, h.admin, h.grantOf(m.amount, ""))
	case n < 77:
		h.ask(client, move{kind: "read"}, h.user, request{method: "GET", path: "/points"})
	default:
		h.hold(client, r)
	}
}

// hold sets points aside and then ends the hold: by a capture, by a release, or by both at once. Of both, one must be
// refused.
func (h *historian) hold(client int, r *rand.Rand) {
	m := move{kind: "hold", amount: 1 + r.Int64N(60)}
	o := h.ask(
		client, m, h.user, request{method: "POST", path: "/points/holds", body: map[string]any{"amount": m.amount}},
	)
	if o.refused {
		return
	}
	part, way := 1+r.Int64N(m.amount), r.IntN(3)
	var ends sync.WaitGroup
	if way != 0 {
		ends.Go(func() {
			h.ask(client, move{kind: "capture", hold: o.hold, amount: part}, h.user,
				request{
					method: "POST", path: "/points/holds/" + o.hold + "/capture", body: map[string]any{"amount": part},
				})
		})
	}
	if way != 1 {
		ends.Go(func() {
			h.ask(
				client, move{kind: "release", hold: o.hold}, h.user,
				request{method: "POST", path: "/points/holds/" + o.hold + "/release"},
			)
		})
	}
	ends.Wait()
}

// ask sends a request until there is a definite reply, and records the move.
func (h *historian) ask(client int, m move, u *user, r request) outcome {
	if r.method == "POST" && r.key == "" {
		r.key = h.w.newKey(m.kind)
	}
	call := time.Since(h.begin).Nanoseconds()
	a, _, ok := u.insist(r, "", 2*time.Minute)
	back := time.Since(h.begin).Nanoseconds()
	o := outcome{
		hold:      a.text("hold.id"),
		shown:     !a.replayed,
		available: a.number("points.available"),
		held:      a.number("points.held"),
	}
	for _, entry := range []string{"spend", "entry"} {
		if total, ok := a.at(entry + ".balance_after").(float64); ok {
			o.stated, o.total, o.entry = true, int64(total), a.text(entry+".id")
		}
	}
	if o.hold != "" {
		o.entry = entryOfHold(m.kind, o.hold)
	}
	switch {
	case !ok:
		h.w.violate(u, "no definite answer to %s", m.kind)
		return outcome{refused: true}
	case m.kind == "read" && a.status == http.StatusOK:
		o.available, o.held = a.number("available"), a.number("held")
	case a.status == http.StatusOK, a.status == http.StatusCreated:
	case a.status == http.StatusPaymentRequired && (m.kind == "spend" || m.kind == "hold"):
		o.refused, o.shown = true, false // the model only needs to know that there were too few
	case a.status == http.StatusConflict && m.hold != "":
		o.refused, o.shown = true, false
	default:
		h.w.violate(u, "%s answers %s", m.kind, a)
		return outcome{refused: true}
	}
	h.write(porcupine.Operation{ClientId: client, Input: m, Output: o, Call: call, Return: back})
	return o
}

// buy buys a pack. Its points arrive at some moment between the payment and the fulfillment of the order.
func (h *historian) buy() {
	made, ok := h.user.orderWithin(finishPatience, map[string]any{"item": packItem})
	if !ok {
		h.w.violate(h.user, "nothing can be ordered")
		return
	}
	call := time.Since(h.begin).Nanoseconds()
	if status := h.user.pay(made, "pm_card_visa"); status != http.StatusOK {
		h.w.violate(h.user, "paying answers %d", status)
		return
	}
	for try, deadline := 0, time.Now().Add(*agreement); time.Now().Before(deadline); try++ {
		a, _, _ := h.user.insist(request{method: "GET", path: "/checkout/" + made.id}, "", patience)
		if a.text("order.status") == "fulfilled" {
			back := time.Since(h.begin).Nanoseconds()
			bought := h.lastPurchase()
			o := outcome{stated: true, total: int64(bought.BalanceAfter), entry: string(bought.ID)}
			h.write(
				porcupine.Operation{
					Input: move{kind: "grant", amount: packPoints}, Output: o, Call: call, Return: back,
				},
			)
			return
		}
		pause(h.w.ctx, try)
	}
	h.w.violate(h.user, "a paid order is not fulfilled")
}

// lastPurchase returns the entry of the last purchase.
func (h *historian) lastPurchase() billing.Entry {
	entries, err := h.w.entries(h.user)
	if err != nil {
		h.w.violate(h.user, "its entries cannot be read: %v", err)
	}
	for _, e := range entries { // newest first
		if e.Kind == billing.EntryGrant && e.Description == packItem {
			return e
		}
	}
	h.w.violate(h.user, "no entry is of the purchase")
	return billing.Entry{}
}

// entryOfHold names the entry of a hold's beginning or end. No reply contains its id, and each hold has at most one
// entry of each kind.
func entryOfHold(kind, hold string) string { return kind + " " + hold }

// giveTurns orders the chapter's moves and writes the order into their outcomes. Changes follow each other as in the
// account's entries. A read or a refusal comes after the first change that explains it, among the changes that its time
// and the moves before it allow. If no change explains it, it gets a turn that the check refuses.
func (h *historian) giveTurns(available int64) {
	changes, others := h.split()
	after := []books{{available: available}} // after[n]: the books after n changes
	for _, c := range changes {
		b, _ := after[len(after)-1].take(c.Input.(move), c.Output.(outcome))
		after = append(after, b)
	}
	behind := map[int][]*porcupine.Operation{}
	slices.SortFunc(others, func(a, b *porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	for n, o := range others {
		at := 0
		for i, c := range changes {
			if c.Return < o.Call {
				at = i + 1
			}
		}
		for _, before := range others[:n] {
			if before.Return < o.Call {
				at = max(at, before.Output.(outcome).turn)
			}
		}
		said := o.Output.(outcome)
		for said.turn = at; said.turn < len(after); said.turn++ {
			if _, ok := after[said.turn].explain(o.Input.(move), said); ok {
				break
			}
		}
		o.Output = said
		behind[said.turn] = append(behind[said.turn], o)
	}
	turn := 0
	for n := range after {
		if n > 0 {
			turn = next(changes[n-1], turn)
		}
		for _, o := range behind[n] {
			turn = next(o, turn)
		}
	}
}

// next gives a move the turn after the given one, and returns that turn.
func next(o *porcupine.Operation, turn int) int {
	said := o.Output.(outcome)
	said.turn = turn + 1
	o.Output = said
	return said.turn
}

// split returns the moves that changed something, in the order of the account's entries, and the other moves.
func (h *historian) split() (changes, others []*porcupine.Operation) {
	entries, err := h.w.entries(h.user)
	h.w.must(err)
	seq := map[string]int64{}
	for _, e := range entries {
		seq[string(e.ID)] = e.Seq
		seq[entryOfHold(string(e.Kind), string(e.HoldID))] = e.Seq
	}
	for n := range h.history {
		o := &h.history[n]
		if o.Input.(move).kind == "read" || o.Output.(outcome).refused {
			others = append(others, o)
		} else {
			changes = append(changes, o)
		}
	}
	slices.SortFunc(changes, func(a, b *porcupine.Operation) int {
		return cmp.Compare(seq[a.Output.(outcome).entry], seq[b.Output.(outcome).entry])
	})
	return changes, others
}

func (h *historian) write(o porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = append(h.history, o)
}

// unexplained describes where the longest order that explains the start of the history ends, and what was under way
// then.
func (h *historian) unexplained(available int64, info porcupine.LinearizationInfo) string {
	var longest []porcupine.Operation
	for _, order := range info.PartialLinearizationsOperations()[0] {
		if len(order) > len(longest) {
			longest = order
		}
	}
	state, step := any(books{available: available}), model(available).Step
	explained := map[string]bool{}
	for _, o := range longest {
		_, state = step(state, o.Input, o.Output)
		explained[fmt.Sprint(o)] = true
	}
	said := fmt.Sprintf("%d are explained, until %+v", len(longest), state)
	left := slices.DeleteFunc(
		slices.Clone(h.history), func(o porcupine.Operation) bool { return explained[fmt.Sprint(o)] },
	)
	slices.SortFunc(left, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	for _, o := range append(longest[max(0, len(longest)-5):], left[:min(len(left), 2*historyClients)]...) {
		said += fmt.Sprintf("\n%d–%d: %+v %+v", o.Call, o.Return, o.Input, o.Output)
	}
	return said
}

// count counts how many moves of each kind succeeded and how many were refused.
func (h *historian) count(counts map[string]int) {
	for _, o := range h.history {
		name := o.Input.(move).kind
		if o.Output.(outcome).refused {
			name += " refused"
		}
		counts[name]++
	}
}
