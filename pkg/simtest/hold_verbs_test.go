package simtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// newHold returns an intent to hold some points, for seconds or for days.
func (u *user) newHold(r *rand.Rand) *intent {
	ttl := time.Duration(1+r.IntN(3600)) * time.Second
	if r.IntN(2) == 0 {
		ttl = time.Duration(1+r.Int64N(int64(ledger.MaxHoldTTL/time.Second))) * time.Second
	}
	return u.intend(intent{kind: billing.EntryHold, amount: amount(r), ttl: ttl})
}

func (u *user) holdSome(r *rand.Rand) { u.try(u.newHold(r), "", patience) }

// holdAndSpend lets holds and spends compete for the same points.
func (u *user) holdAndSpend(r *rand.Rand) {
	var wait sync.WaitGroup
	for n := range 2 + r.IntN(4) {
		in := u.newSpend(amount(r))
		if n%2 == 0 {
			in = u.newHold(r)
		}
		token := u.stale(r.IntN(maxOld))
		wait.Go(func() { u.try(in, token, patience) })
	}
	wait.Wait()
}

// end returns an intent to end the hold: its release, or the capture of all or a part.
func (u *user) end(hold *intent, r *rand.Rand) *intent {
	in := intent{kind: billing.EntryRelease, amount: hold.amount, of: hold}
	if n := r.IntN(3); n > 0 {
		in.kind = billing.EntryCapture
		if n == 2 {
			in.amount = 1 + r.Int64N(hold.amount)
		}
	}
	return u.intend(in)
}

// held picks an acknowledged hold whose end was not reported to any client yet, mostly one of the last few. If old is
// set, it may pick any.
func (u *user) held(r *rand.Rand, old bool) *intent {
	over := map[*intent]bool{}
	return u.before(r, func(in *intent) bool {
		return in.kind == billing.EntryHold && in.state == acknowledged
	}, func(fitting []*intent) []*intent {
		for _, in := range u.journal {
			if in.of != nil && in.state != open {
				over[in.of] = true
			}
		}
		var left []*intent
		for _, in := range fitting {
			if old || !over[in] {
				left = append(left, in)
			}
		}
		return left[max(0, len(left)-3):]
	})
}

func (u *user) endHold(r *rand.Rand) {
	if hold := u.held(r, r.IntN(5) == 0); hold != nil {
		u.try(u.end(hold, r), "", patience)
	}
}

// holdAndEnd holds some points and captures or releases them a moment later, as most clients do.
func (u *user) holdAndEnd(r *rand.Rand) {
	hold := u.newHold(r)
	if u.try(hold, "", patience); hold.state == acknowledged {
		u.try(u.end(hold, r), "", patience)
	}
}

// endHoldTogether ends one hold in several ways at once. Only one of them may succeed.
func (u *user) endHoldTogether(r *rand.Rand) {
	hold := u.held(r, false)
	if hold == nil {
		return
	}
	var wait sync.WaitGroup
	ends := make([]*intent, 2+r.IntN(3))
	for n := range ends {
		in := u.end(hold, r)
		ends[n] = in
		wait.Go(func() { u.try(in, "", patience) })
	}
	wait.Wait()
	came := 0
	for _, in := range ends {
		if in.state == acknowledged {
			came++
		}
	}
	if came > 1 {
		u.w.violate(u, "the hold %s ended %d times", hold.effect, came)
	}
}

// captureTooMuch captures more than a hold has. The server must refuse this without effect, whether or not the hold has
// ended.
func (u *user) captureTooMuch(r *rand.Rand) {
	hold := u.held(r, false)
	if hold == nil {
		hold = u.newHold(r)
		if u.try(hold, "", patience); hold.state != acknowledged {
			return
		}
	}
	key := u.w.newKey("too-much")
	a, _, ok := u.insist(request{
		method: "POST", path: "/points/holds/" + hold.effect + "/capture", key: key, body: map[string]any{
			"amount": hold.amount + 1 + r.Int64N(maxSpend),
		},
	}, "", patience)
	if ok && a.status != http.StatusBadRequest && a.status != http.StatusConflict {
		u.w.violate(u, "a capture of more than the hold %s has answers %s", hold.effect, a)
	}
}

// checkHolds compares the entries of holds with each other and with the requests. Each hold ends once and in full, and
// never with more than it has. It ends by itself only after its expiry. The caller holds u.mu.
func (u *user) checkHolds(entries []billing.Entry) {
	begun, ended := map[billing.HoldID]billing.Entry{}, map[billing.HoldID]billing.Entry{}
	ttl := map[string]time.Duration{}
	for _, in := range u.journal {
		ttl[in.key] = in.ttl
	}
	for _, e := range entries {
		if e.Kind == billing.EntryHold {
			begun[e.HoldID] = e
		}
	}
	for _, e := range entries {
		if e.Kind != billing.EntryCapture && e.Kind != billing.EntryRelease {
			continue
		}
		hold, known := begun[e.HoldID]
		other, twice := ended[e.HoldID]
		ended[e.HoldID] = e
		switch {
		case !known:
			u.w.violate(u, "the hold %s ended and never began", e.HoldID)
		case twice:
			u.w.violate(u, "the hold %s ended twice: by the entries %s and %s", e.HoldID, e.ID, other.ID)
		case e.Held != -hold.Held || -e.Amount > hold.Held:
			u.w.violate(
				u, "the hold %s of %d points ended with %d captured and %d taken out of it", e.HoldID, hold.Held,
				-e.Amount, -e.Held,
			)
		case e.Key == "" && e.CreatedAt.Before(hold.CreatedAt.Add(ttl[hold.Key])):
			u.w.violate(
				u, "the hold %s of %s ended by itself at %s and began at %s", e.HoldID, ttl[hold.Key], e.CreatedAt,
				hold.CreatedAt,
			)
		}
	}
}

// compareHolds describes how an account's holds differ from its entries, once all clients have stopped and the account
// was settled. No hold is active after its expiry, and each one matches its last entry.
func compareHolds(a billing.Account, holds []billing.Hold, entries []billing.Entry, now time.Time) string {
	last := map[billing.HoldID]billing.Entry{}
	for _, e := range entries { // newest first
		if _, known := last[e.HoldID]; e.HoldID != "" && !known {
			last[e.HoldID] = e
		}
	}
	held := billing.Points(0)
	for _, h := range holds {
		e := last[h.ID]
		fits := false
		switch h.Status {
		case billing.HoldActive:
			held += h.Amount
			fits = e.Kind == billing.EntryHold && e.Held == h.Amount && h.ExpiresAt.After(now)
		case billing.HoldCaptured:
			fits = e.Kind == billing.EntryCapture && e.Amount == -h.Captured && e.Held == -h.Amount
		case billing.HoldReleased, billing.HoldExpired:
			fits = e.Kind == billing.EntryRelease && e.Held == -h.Amount &&
				(e.Key == "") == (h.Status == billing.HoldExpired)
		}
		if !fits {
			return fmt.Sprintf(
				"at %s the hold %s of %d points is %s until %s, and its last entry is a %s of %d, held %d", now, h.ID,
				h.Amount, h.Status, h.ExpiresAt, e.Kind, e.Amount, e.Held,
			)
		}
	}
	if held != a.Held {
		return fmt.Sprintf("%d points are held and its active holds have %d", a.Held, held)
	}
	return ""
}
