package simtest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// intent is one spend that a client wants, under one key, and what it was told about it.
type intent struct {
	key    string
	amount int64
	state  state
	unsure bool   // some try had no answer, so an older copy of the request may have had its effect
	spend  string // the id that was acknowledged
}

type state string

const (
	open         state = "open" // no definite answer yet
	acknowledged state = "acknowledged"
	refused      state = "refused"
)

// patience is how long a client insists while faults rain; what is still open then is tried again later.
const patience = 4 * time.Second

func (u *user) newIntent(amount int64) *intent {
	u.mu.Lock()
	defer u.mu.Unlock()
	in := &intent{key: fmt.Sprintf("u%d-%d", u.number, len(u.spends)), amount: amount, state: open}
	u.spends = append(u.spends, in)
	return in
}

func (in *intent) request() request {
	return request{method: "POST", path: "/points/spend", key: in.key, body: map[string]any{"amount": in.amount, "description": in.key}}
}

// try asks for a spend until there is a definite answer, and writes down what it was.
func (u *user) try(in *intent, token string, patience time.Duration) {
	a, unsure, ok := u.insist(in.request(), token, patience)
	u.mu.Lock()
	defer u.mu.Unlock()
	in.unsure = in.unsure || unsure
	if !ok {
		in.unsure = true
		return
	}
	u.judge(in, a)
}

// judge holds a definite answer against what the client was told before. The caller holds u.mu.
func (u *user) judge(in *intent, a answer) {
	u.w.note(u.number, "spend %d under %s: %s", in.amount, in.key, a)
	switch a.status {
	case http.StatusOK:
		id := a.text("spend.id")
		switch {
		case a.number("spend.amount") != in.amount:
			u.w.violate(u, "%d points asked for under %s and %d spent", in.amount, in.key, a.number("spend.amount"))
		case in.state == acknowledged && in.spend != id:
			u.w.violate(u, "the key %s had two effects: %s and %s", in.key, in.spend, id)
		case in.state == acknowledged && !a.replayed:
			u.w.violate(u, "a repeat of %s does not say that it is one", in.key)
		case in.state != acknowledged && a.replayed && !in.unsure:
			u.w.violate(u, "the first answer to %s says that it is a repeat", in.key)
		}
		in.state, in.spend = acknowledged, id
	case http.StatusPaymentRequired:
		if in.state == acknowledged {
			u.w.violate(u, "the spend %s under %s was acknowledged, and its repeat is refused", in.spend, in.key)
			return
		}
		in.state = refused
	default:
		u.w.violate(u, "a spend of %d under %s answers %s", in.amount, in.key, a)
	}
}

// checkJournal holds what the client was told against the account's entries: an acknowledged spend is there, with its amount,
// once; a refused one is not; and there is no spend that nobody asked for.
func (u *user) checkJournal(entries []billing.Entry) {
	u.mu.Lock()
	defer u.mu.Unlock()
	byKey := map[string][]billing.Entry{}
	for _, e := range entries {
		if e.Kind == billing.EntrySpend {
			byKey[e.Key] = append(byKey[e.Key], e)
		}
	}
	for _, in := range u.spends {
		found := byKey[in.key]
		delete(byKey, in.key)
		switch {
		case len(found) > 1:
			u.w.violate(u, "the key %s has %d entries", in.key, len(found))
		case len(found) == 1 && int64(found[0].Amount) != -in.amount:
			u.w.violate(u, "%d points were asked for under %s and its entry has %d", in.amount, in.key, found[0].Amount)
		case in.state == acknowledged && (len(found) == 0 || string(found[0].ID) != in.spend):
			u.w.violate(u, "the spend %s of %d points under %s was acknowledged and is lost", in.spend, in.amount, in.key)
		case in.state == refused && !in.unsure && len(found) == 1:
			u.w.violate(u, "the spend of %d points under %s was refused and is there", in.amount, in.key)
		}
	}
	for key, found := range byKey {
		u.w.violate(u, "nobody asked for the spend of %d points under %q", -found[0].Amount, key)
	}
}

// finish asks again for every spend that is still open, now that faults have stopped.
func (u *user) finish(patience time.Duration) {
	u.mu.Lock()
	waiting := []*intent{}
	for _, in := range u.spends {
		if in.state == open {
			waiting = append(waiting, in)
		}
	}
	u.mu.Unlock()
	for _, in := range waiting {
		u.try(in, "", patience)
		if in.state == open {
			u.w.violate(u, "no definite answer for %s although faults have stopped", in.key)
		}
	}
}
