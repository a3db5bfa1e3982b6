package simtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// topUpCoolOff is the servers' setting, shorter than most steps of the clock.
const topUpCoolOff = 10 * time.Minute

// monthlyLimit returns the limit that the user always sets, so that the test can check later whether it was kept.
func (u *user) monthlyLimit() int64 { return int64(1 + u.number%4) }

// setTopUp enables automatic purchases of packs, which need a saved card.
func (u *user) setTopUp(r *rand.Rand) {
	body := map[string]any{
		"enabled": true, "pack": "small", "quantity": 1 + r.IntN(3), "threshold": 20 + r.IntN(400),
		"monthly_limit": u.monthlyLimit(),
	}
	if r.IntN(3) == 0 {
		body["pack"], body["quantity"] = "odd", 1
	}
	a, _, ok := u.insist(request{method: "PUT", path: "/points/top-up", body: body}, "", patience)
	u.w.note(u.number, "top up by %v: %s", body, a)
	now := u.w.now()
	u.mu.Lock()
	u.switchedOn = now
	u.mu.Unlock()
	retired := u.w.changed.Load() && (a.status == http.StatusBadRequest || a.status == http.StatusNotFound)
	if ok && a.status != http.StatusOK && a.status != http.StatusConflict && a.status != http.StatusTooManyRequests &&
		!retired {
		u.w.violate(u, "setting a top-up answers %s", a)
	}
}

func (u *user) forgetTopUp(*rand.Rand) {
	a, _, ok := u.insist(request{method: "DELETE", path: "/points/top-up"}, "", patience)
	u.w.note(u.number, "no top-up any more: %s", a)
	if ok && a.status != http.StatusNoContent {
		u.w.violate(u, "forgetting a top-up answers %s", a)
	}
}

// automatic returns the payments that top-ups requested, by order.
func (s atStripe) automatic() map[string][]object {
	by := map[string][]object{}
	for _, intent := range s.intents {
		if order := intent.text(
			"metadata." + billing.MetadataOrder,
		); order != "" && !slices.ContainsFunc(s.sessions, func(session object) bool {
			return session.text("payment_intent") == intent.text("id")
		}) {
			by[order] = append(by[order], intent)
		}
	}
	return by
}

// compareAutomatic compares automatic orders with their payments. Each order has at most one payment, and none that
// could still be paid by hand. Their number and frequency are as agreed.
func (s atStripe) compareAutomatic(orders []billing.Order, limit int64, now time.Time) string {
	payments := s.automatic()
	months, last := map[string]int64{}, time.Time{}
	slices.SortFunc(orders, func(a, b billing.Order) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, o := range orders {
		paid := payments[string(o.ID)]
		delete(payments, string(o.ID))
		if !o.Automatic {
			continue
		}
		if why := compareCharge(o, paid, now); why != "" {
			return why
		}
		if o.CreatedAt.Before(last.Add(topUpCoolOff)) {
			return fmt.Sprintf(
				"two automatic orders were too close: %s was made at %s and the one before at %s", o.ID, o.CreatedAt,
				last,
			)
		}
		last = o.CreatedAt
		month := o.CreatedAt.UTC().Format("2006-01")
		if o.Status != billing.OrderFailed && o.Status != billing.OrderExpired {
			months[month]++
		}
		if months[month] > limit {
			return fmt.Sprintf("%d packs were bought in %s and %d are the limit", months[month], month, limit)
		}
	}
	for order := range payments {
		return fmt.Sprintf("an order %s that the account does not have was charged", order)
	}
	return ""
}

func compareCharge(o billing.Order, paid []object, now time.Time) string {
	const chargeable = 70 * time.Minute // an order without a charge expires after that
	status := "nothing"
	if len(paid) == 1 {
		status = paid[0].text("status")
	}
	fits := false
	switch status {
	case "nothing":
		fits = o.Status == billing.OrderExpired || o.Status == billing.OrderPending && now.Before(
			o.CreatedAt.Add(chargeable+time.Minute),
		)
	case "succeeded":
		fits = o.Status == billing.OrderFulfilled || o.Status == billing.OrderRefunded
	case "processing":
		fits = o.Status == billing.OrderPending
	case "canceled":
		fits = o.Status == billing.OrderFailed
	}
	if len(paid) > 1 || !fits {
		return fmt.Sprintf(
			"the automatic order %s of %s is %s at %s, and has %d payments, the first of which is %s", o.ID,
			o.CreatedAt, o.Status, now, len(paid), status,
		)
	}
	return ""
}
