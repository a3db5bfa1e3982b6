package simtest

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// intent is one movement of points that a client wants, under one key, with what the client was told about it.
type intent struct {
	kind   billing.EntryKind // spend, hold, capture, release; grant and correction are an admin's
	key    string
	amount int64         // of a capture: how many of the hold's points
	ttl    time.Duration // of a hold
	of     *intent       // the hold that a capture or a release ends
	state  state
	unsure bool   // some try had no reply, so an older copy of the request may have had its effect
	effect string // the id that was acknowledged: of a hold, or of an entry
}

type state string

const (
	open         state = "open" // no definite reply yet
	acknowledged state = "acknowledged"
	refused      state = "refused"
)

// patience is how long a client insists while there are faults. It tries again later what is still open then.
const patience = 4 * time.Second

func (u *user) intend(in intent) *intent {
	u.mu.Lock()
	defer u.mu.Unlock()
	in.key, in.state = fmt.Sprintf("u%d-%d", u.number, len(u.journal)), open
	u.journal = append(u.journal, &in)
	return &in
}

func (u *user) newSpend(amount int64) *intent {
	return u.intend(intent{kind: billing.EntrySpend, amount: amount})
}

// byAdmin reports whether an admin sends the request, with the admin's token.
func (in *intent) byAdmin() bool {
	return in.kind == billing.EntryGrant || in.kind == billing.EntryCorrection
}

// request returns the request that the client sends. An admin's entry has no key that a customer sees, so its reason
// contains the key.
func (u *user) request(in *intent) request {
	r := request{method: "POST", key: in.key}
	switch in.kind {
	case billing.EntrySpend:
		r.path, r.body = "/points/spend", map[string]any{"amount": in.amount, "description": in.key}
	case billing.EntryHold:
		r.path, r.body = "/points/holds", map[string]any{
			"amount": in.amount, "ttl_seconds": int64(in.ttl.Seconds()), "description": in.key,
		}
	case billing.EntryCapture:
		r.path, r.body = "/points/holds/"+in.of.effect+"/capture", map[string]any{"amount": in.amount}
	case billing.EntryRelease:
		r.path = "/points/holds/" + in.of.effect + "/release"
	case billing.EntryGrant:
		r.path, r.body = "/admin/accounts/"+u.account+"/grants", map[string]any{
			"amount": in.amount, "reason": adminReason + in.key,
		}
	case billing.EntryCorrection:
		r.path, r.body = "/admin/accounts/"+u.account+"/corrections", map[string]any{
			"amount": in.amount, "reason": adminReason + in.key,
		}
	}
	return r
}

const adminReason = "the admin's "

// ask sends an intent until there is a definite reply.
func (u *user) ask(in *intent, token string, patience time.Duration) (a answer, unsure, ok bool) {
	if in.byAdmin() {
		return u.w.admin.insist(u.request(in), "", patience)
	}
	return u.insist(u.request(in), token, patience)
}

// try requests a movement until there is a definite reply, and records the reply.
func (u *user) try(in *intent, token string, patience time.Duration) {
	a, unsure, ok := u.ask(in, token, patience)
	u.mu.Lock()
	defer u.mu.Unlock()
	in.unsure = in.unsure || unsure
	if !ok {
		in.unsure = true
		return
	}
	u.judge(in, a)
}

// judge compares a definite reply with what the client was told before. The caller holds u.mu.
func (u *user) judge(in *intent, a answer) {
	u.w.note(u.number, "%s %d under %s: %s", in.kind, in.amount, in.key, a)
	switch a.status {
	case http.StatusOK, http.StatusCreated:
		id, amount := in.said(a)
		switch {
		case amount != in.amount:
			u.w.violate(
				u, "%s: %d points asked for under %s and the answer says %d", in.kind, in.amount, in.key, amount,
			)
		case in.state == acknowledged && in.effect != id:
			u.w.violate(u, "the key %s had two effects: %s and %s", in.key, in.effect, id)
		case in.state == acknowledged && !a.replayed:
			u.w.violate(u, "a repeat of %s does not say that it is one", in.key)
		case in.state != acknowledged && a.replayed && !in.unsure:
			u.w.violate(u, "the first answer to %s says that it is a repeat", in.key)
		}
		in.state, in.effect = acknowledged, id
	case in.refusal():
		if in.state == acknowledged {
			u.w.violate(u, "the %s %s under %s was acknowledged, and its repeat is refused", in.kind, in.effect, in.key)
			return
		}
		in.state = refused
	default:
		u.w.violate(u, "a %s of %d under %s answers %s", in.kind, in.amount, in.key, a)
	}
}

// said returns what a reply says that the request did: the id of its hold or entry, and the points.
func (in *intent) said(a answer) (id string, amount int64) {
	switch in.kind {
	case billing.EntrySpend:
		return a.text("spend.id"), a.number("spend.amount")
	case billing.EntryHold:
		return a.text("hold.id"), a.number("hold.amount")
	case billing.EntryCapture:
		return a.text("hold.id"), a.number("hold.captured")
	case billing.EntryRelease:
		return a.text("hold.id"), in.amount - a.number("hold.captured")
	case billing.EntryCorrection:
		return a.text("entry.id"), -a.number("entry.amount")
	}
	return a.text("entry.id"), a.number("entry.amount")
}

// refusal returns the status of a refusal, for lack of points or because the hold has ended.
func (in *intent) refusal() int {
	switch in.kind {
	case billing.EntrySpend, billing.EntryHold:
		return http.StatusPaymentRequired
	case billing.EntryGrant:
		return 0
	}
	return http.StatusConflict
}

// entry returns the points and held points that the ledger must have for an intent that had its effect.
func (in *intent) entry() (amount, held int64) {
	switch in.kind {
	case billing.EntryHold:
		return 0, in.amount
	case billing.EntryCapture:
		return -in.amount, -in.of.amount
	case billing.EntryRelease:
		return 0, -in.amount
	case billing.EntryGrant:
		return in.amount, 0
	}
	return -in.amount, 0
}

// keyOf returns the key of an entry that a client requested, or "" for any other entry.
func keyOf(e billing.Entry) string {
	if reason, isAdmins := strings.CutPrefix(e.Description, adminReason); isAdmins && e.Key == "" {
		return reason
	}
	return e.Key
}

// checkJournal compares what the client was told with the account's entries. What was acknowledged is there once, with
// its amount. What was refused is not there. There is no entry that no one requested.
func (u *user) checkJournal(entries []billing.Entry) {
	u.mu.Lock()
	defer u.mu.Unlock()
	byKey := map[string][]billing.Entry{}
	for _, e := range entries {
		if key := keyOf(e); key != "" {
			byKey[key] = append(byKey[key], e)
		} else if e.Kind == billing.EntrySpend || e.Kind == billing.EntryHold || e.Kind == billing.EntryCapture ||
			e.Kind == billing.EntryCorrection {
			u.w.violate(u, "nobody asked for the %s of %d points", e.Kind, e.Amount)
		}
	}
	for _, in := range u.journal {
		found := byKey[in.key]
		delete(byKey, in.key)
		if len(found) > 1 {
			u.w.violate(u, "the key %s has %d entries", in.key, len(found))
			continue
		}
		if len(found) == 1 {
			u.checkEntry(in, found[0])
		}
		switch {
		case in.state == acknowledged && len(found) == 0:
			u.w.violate(
				u, "the %s %s of %d points under %s was acknowledged and is lost", in.kind, in.effect, in.amount,
				in.key,
			)
		case in.state == refused && !in.unsure && len(found) == 1:
			u.w.violate(u, "the %s of %d points under %s was refused and is there", in.kind, in.amount, in.key)
		}
	}
	for key, found := range byKey {
		u.w.violate(u, "nobody asked for the %s of %d points under %q", found[0].Kind, found[0].Amount, key)
	}
	u.checkHolds(entries)
}

func (u *user) checkEntry(in *intent, e billing.Entry) {
	amount, held := in.entry()
	id := string(e.ID)
	if in.kind == billing.EntryHold || in.of != nil {
		id = string(e.HoldID)
	}
	switch {
	case e.Kind != in.kind:
		u.w.violate(u, "a %s was asked for under %s and its entry is a %s", in.kind, in.key, e.Kind)
	case int64(e.Amount) != amount || int64(e.Held) != held:
		u.w.violate(
			u, "the %s of %d points under %s has an entry of %d, held %d", in.kind, in.amount, in.key, e.Amount, e.Held,
		)
	case in.state == acknowledged && id != in.effect:
		u.w.violate(u, "the %s under %s was acknowledged as %s and is %s", in.kind, in.key, in.effect, id)
	}
}

// finish repeats all requests that are still open, now that faults have stopped.
func (u *user) finish(patience time.Duration) {
	u.mu.Lock()
	waiting := []*intent{}
	for _, in := range u.journal {
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
