package simtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// The policies as docs/states.md states them; the servers run with the same.
const (
	renewalGrace = 2 * time.Hour
	pastDueGrace = 72 * time.Hour
)

// ends answers when subscriptions ended, by their source as lots name it.
func (s atStripe) ends() map[string]time.Time {
	ended := map[string]time.Time{}
	for _, sub := range s.subscriptions {
		if at := sub.number("ended_at"); at != 0 {
			ended["subscription:"+sub.text("id")] = time.Unix(at, 0).UTC()
		}
	}
	return ended
}

// span is from the earliest to the latest of some times, both zero where there is none.
type span struct{ from, to time.Time }

// carried answers to which ends points of a subscription may have gone over, by its source as lots name it: into a period that a
// change of plan began anew, and into one whose plan lets them.
func (s atStripe) carried(items *catalog.Catalog) map[string]span {
	ends := map[string]span{}
	for _, invoice := range s.invoices {
		if invoice.text("status") != "paid" {
			continue
		}
		for _, line := range invoice.list("lines.data") {
			plan, _ := items.Plan(itemOf(line))
			if line.flag("proration") || line.number("amount") == 0 || !beginsAnew(invoice) && plan.Rollover == 0 {
				continue
			}
			source, end := "subscription:"+invoice.text("subscription"), time.Unix(line.number("period.end"), 0).UTC()
			have, known := ends[source]
			if beginsAnew(invoice) && (have.from.IsZero() || end.Before(have.from)) {
				have.from = end
			}
			if !known || end.After(have.to) {
				have.to = end
			}
			ends[source] = have
		}
	}
	return ends
}

// checkExpiry bounds how long a lot with points left may last: a pack's for ever; a subscription's to its end, or to the end
// of its period and the graces beyond it.
func checkExpiry(lot billing.Lot, want due, ended map[string]time.Time, carried span) string {
	at, over := ended[lot.Source]
	var least, most time.Time
	if want.until != nil {
		least, most = *want.until, *want.until
		if !carried.from.IsZero() && carried.from.Before(least) {
			least = carried.from
		}
		if carried.to.After(most) {
			most = carried.to
		}
	}
	switch {
	case lot.Remaining == 0:
		return ""
	case want.until == nil && !strings.HasPrefix(lot.Source, "subscription:"):
		if lot.ExpiresAt != nil {
			return fmt.Sprintf("the pack's points of %s end at %s", lot.GrantKey, lot.ExpiresAt)
		}
	case lot.ExpiresAt == nil:
		return fmt.Sprintf("the points of %s never end", lot.GrantKey)
	case over && lot.ExpiresAt.After(at):
		return fmt.Sprintf("the points of %s end at %s and their subscription ended at %s", lot.GrantKey, lot.ExpiresAt, at)
	case !over && want.until != nil && (lot.ExpiresAt.Before(least) || lot.ExpiresAt.After(most.Add(pastDueGrace+renewalGrace))):
		return fmt.Sprintf("the points of %s end at %s and their period at %s", lot.GrantKey, lot.ExpiresAt, want.until)
	}
	return ""
}

// live says whether a subscription in this status goes on.
func live(status string) bool {
	return slices.Contains([]string{"trialing", "active", "past_due", "unpaid", "paused"}, status)
}

// counting answers the subscription that the account should show: one that goes on before one that does not, then the newest.
func (s atStripe) counting() object {
	if len(s.subscriptions) == 0 {
		return nil
	}
	rank := func(sub object) int {
		if live(sub.text("status")) {
			return 1
		}
		return 0
	}
	return slices.MaxFunc(s.subscriptions, func(a, b object) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.number("created"), b.number("created")), cmp.Compare(a.text("id"), b.text("id")))
	})
}

func (s atStripe) compareSubscription(a billing.Account) string {
	want, has := s.counting(), a.Subscription
	going := slices.DeleteFunc(slices.Clone(s.subscriptions), func(sub object) bool { return !live(sub.text("status")) })
	switch {
	case len(going) > 1:
		return fmt.Sprintf("%d subscriptions of one customer go on: %s and %s", len(going), going[0].text("id"), going[1].text("id"))
	case want == nil && has == nil:
		return ""
	case want == nil || has == nil:
		return fmt.Sprintf("Stripe has %d subscriptions and the account shows %+v", len(s.subscriptions), has)
	}
	start, end := time.Unix(want.number("current_period_start"), 0).UTC(), time.Unix(want.number("current_period_end"), 0).UTC()
	at := fmt.Sprintf("the subscription %s: ", want.text("id"))
	items := want.list("items.data")
	switch {
	case want.text("id") != string(has.ID):
		return at + fmt.Sprintf("the account shows %s", has.ID)
	case want.text("status") != string(has.Status):
		return at + fmt.Sprintf("Stripe says %s and the account %s", want.text("status"), has.Status)
	case len(items) > 0 && itemOf(items[0]) != has.Plan:
		return at + fmt.Sprintf("Stripe says %s and the account %s", itemOf(items[0]), has.Plan)
	case len(items) > 0 && items[0].number("quantity") != has.Quantity:
		return at + fmt.Sprintf("Stripe says %d seats and the account %d", items[0].number("quantity"), has.Quantity)
	case !start.Equal(has.CurrentPeriodStart) || !end.Equal(has.CurrentPeriodEnd):
		return at + fmt.Sprintf("Stripe says %s to %s and the account %s to %s", start, end, has.CurrentPeriodStart, has.CurrentPeriodEnd)
	case s.comesNext(want) != coming(has.Scheduled):
		return at + fmt.Sprintf("Stripe says that it becomes %q and the account %q", s.comesNext(want), coming(has.Scheduled))
	case want.flag("cancel_at_period_end") != has.CancelAtPeriodEnd:
		return at + fmt.Sprintf("Stripe says cancel_at_period_end %v and the account %v", want.flag("cancel_at_period_end"), has.CancelAtPeriodEnd)
	}
	if why := checkWindow(want.text("status"), start, end, s.paidUntil(want.text("id")), has.Window); why != "" {
		return at + why
	}
	return ""
}

// comesNext says what a subscription becomes, and when, "" where it goes on as it is.
func (s atStripe) comesNext(sub object) string {
	phase, known := s.scheduled[sub.text("id")]
	items, have := phase.list("items"), sub.list("items.data")
	if !known || len(items) == 0 || len(have) == 0 || !live(sub.text("status")) ||
		items[0].text("price.id") == have[0].text("price.id") && items[0].number("quantity") == have[0].number("quantity") {
		return ""
	}
	return coming(&billing.ScheduledChange{Plan: itemOf(items[0]), Quantity: items[0].number("quantity"), At: time.Unix(phase.number("start_date"), 0)})
}

func coming(c *billing.ScheduledChange) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%d × %s at %d", c.Quantity, c.Plan, c.At.Unix())
}

// paidUntil answers when the last period that was paid for, or the trial, ends.
func (s atStripe) paidUntil(subscription string) (until time.Time) {
	for _, invoice := range s.invoices {
		for _, line := range invoice.list("lines.data") {
			end := time.Unix(line.number("period.end"), 0).UTC()
			if invoice.text("subscription") == subscription && invoice.text("status") == "paid" && !line.flag("proration") && end.After(until) {
				until = end
			}
		}
	}
	return until
}

// checkWindow holds the access window against the table in docs/states.md. Retries of one period may go on in the next one.
func checkWindow(status string, start, end, paidUntil time.Time, has *billing.Window) string {
	switch status {
	case "active", "trialing":
		if has == nil || !has.From.Equal(start) || !has.Until.Equal(end) {
			return fmt.Sprintf("%s from %s to %s and the window is %v", status, start, end, has)
		}
	case "past_due":
		if has == nil || has.Until.After(end.Add(pastDueGrace)) || has.Until.Before(start) && has.Until.Before(paidUntil) {
			return fmt.Sprintf("past_due in the period from %s to %s and the window is %v", start, end, has)
		}
	default:
		if has != nil {
			return fmt.Sprintf("%s and the window is %v", status, has)
		}
	}
	return ""
}

// compareOrders holds the orders against their sessions. An order of which Stripe knows no session sells nothing.
func (s atStripe) compareOrders(orders []billing.Order) string {
	sessions := map[string]object{}
	for _, session := range s.sessions {
		sessions[session.text("id")] = session
	}
	for _, o := range orders {
		if o.Automatic {
			continue
		}
		session, known := sessions[string(o.CheckoutID)]
		delete(sessions, string(o.CheckoutID))
		fits := true
		switch {
		case !known:
			fits = o.CheckoutID == "" && (o.Status == billing.OrderPending || o.Status == billing.OrderExpired)
		case session.text("status") == "expired":
			fits = o.Status == billing.OrderExpired
		case paidSession(session):
			fits = o.Status == billing.OrderFulfilled || o.Status == billing.OrderRefunded
		default:
			fits = o.Status == billing.OrderPending
		}
		if !fits {
			return fmt.Sprintf("the order %s is %s and its session %s is %s, %s", o.ID, o.Status, o.CheckoutID, session.text("status"), session.text("payment_status"))
		}
	}
	for id, session := range sessions {
		if paidSession(session) {
			return fmt.Sprintf("no order knows the session %s, which was paid", id)
		}
	}
	return ""
}
