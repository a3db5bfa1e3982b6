package simtest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// live reports whether a subscription with this status goes on.
func live(status string) bool {
	return slices.Contains([]string{"trialing", "active", "past_due", "unpaid", "paused"}, status)
}

// counting returns the subscription that the account should show: of ours, the paid one, and then the newest.
func (s atStripe) counting() object {
	ours := s.ours()
	if len(ours) == 0 {
		return nil
	}
	rank := func(sub object) int {
		return slices.Index(
			[]string{"incomplete", "paused", "unpaid", "past_due", "trialing", "active"}, sub.text("status"),
		)
	}
	return slices.MaxFunc(ours, func(a, b object) int {
		newer := cmp.Compare(a.number("created"), b.number("created"))
		return cmp.Or(cmp.Compare(rank(a), rank(b)), newer, cmp.Compare(a.text("id"), b.text("id")))
	})
}

func (s atStripe) compareSubscription(a billing.Account) string {
	want, has := s.counting(), a.Subscription
	going := slices.DeleteFunc(s.ours(), func(sub object) bool { return !live(sub.text("status")) })
	switch {
	case len(going) > 1:
		return fmt.Sprintf(
			"%d subscriptions of one customer go on: %s and %s", len(going), going[0].text("id"), going[1].text("id"),
		)
	case want == nil && has == nil:
		return ""
	case want == nil || has == nil:
		return fmt.Sprintf("Stripe has %d subscriptions of ours and the account shows %+v", len(s.ours()), has)
	}
	start, end := at(want.number("current_period_start")), at(want.number("current_period_end"))
	about := fmt.Sprintf("the subscription %s: ", want.text("id"))
	items := want.list("items.data")
	switch {
	case want.text("id") != string(has.ID):
		return about + fmt.Sprintf("the account shows %s", has.ID)
	case want.text("status") != string(has.Status):
		return about + fmt.Sprintf("Stripe says %s and the account %s", want.text("status"), has.Status)
	case len(items) > 0 && itemOf(items[0]) != has.Plan:
		return about + fmt.Sprintf("Stripe says %s and the account %s", itemOf(items[0]), has.Plan)
	case len(items) > 0 && items[0].number("quantity") != has.Quantity:
		return about + fmt.Sprintf("Stripe says %d seats and the account %d", items[0].number("quantity"), has.Quantity)
	case !start.Equal(has.CurrentPeriodStart) || !end.Equal(has.CurrentPeriodEnd):
		return about + fmt.Sprintf(
			"Stripe says %s to %s and the account %s to %s", start, end, has.CurrentPeriodStart, has.CurrentPeriodEnd,
		)
	case s.comesNext(want) != coming(has.Scheduled):
		return about + fmt.Sprintf(
			"Stripe says that it becomes %q and the account %q", s.comesNext(want), coming(has.Scheduled),
		)
	}
	if why := s.compareComing(want, has); why != "" {
		return about + why
	}
	if why := s.checkWindow(want, has.Window); why != "" {
		return about + why
	}
	return ""
}

// compareComing compares what is scheduled for a subscription that goes on: its end, however that was set, and a pause
// of its collection.
func (s atStripe) compareComing(sub object, has *billing.Subscription) string {
	ends := s.endsAt(sub)
	if !live(sub.text("status")) {
		return ""
	}
	withPeriod := ends != nil && ends.Equal(has.CurrentPeriodEnd)
	pause, resumes := sub.at("pause_collection"), sub.number("pause_collection.resumes_at")
	switch {
	case (ends == nil) != (has.EndsAt == nil) || ends != nil && !ends.Equal(*has.EndsAt):
		return fmt.Sprintf("it ends at %v and the account says %v", ends, has.EndsAt)
	case withPeriod != has.CancelAtPeriodEnd:
		return fmt.Sprintf("it ends with its period: %v; and the account says %v", withPeriod, has.CancelAtPeriodEnd)
	case (pause != nil) != (has.CollectionPaused != nil):
		return fmt.Sprintf("its collection is paused: %v; and the account says %v", pause, has.CollectionPaused)
	case pause != nil && (resumes != 0) != (has.CollectionPaused.Until != nil):
		return fmt.Sprintf("its collection goes on at %d and the account says %v", resumes, has.CollectionPaused.Until)
	}
	return ""
}

// comesNext returns what a subscription will change to, and when: the first coming phase that sells another item of
// ours. It returns "" if there is no such phase.
func (s atStripe) comesNext(sub object) string {
	have := sub.list("items.data")
	for _, phase := range s.phases[sub.text("id")] {
		items := phase.list("items")
		if len(items) == 0 || len(have) == 0 || !live(sub.text("status")) {
			break
		}
		if items[0].text("price.id") != have[0].text("price.id") ||
			items[0].number("quantity") != have[0].number("quantity") {
			return coming(
				&billing.ScheduledChange{
					Plan: itemOf(items[0]), Quantity: items[0].number("quantity"), At: at(phase.number("start_date")),
				},
			)
		}
	}
	return ""
}

func coming(c *billing.ScheduledChange) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%d × %s at %d", c.Quantity, c.Plan, c.At.Unix())
}

// paidUntil returns when the last paid period of a subscription ends: a later one that begins inside an earlier one, as
// after a change to another interval, replaces it. A year counts as one period. If no period was paid, as after a first
// debit that the bank refused, it returns when the subscription began.
func (s atStripe) paidUntil(sub object) time.Time {
	var from, until time.Time
	for _, b := range s.paidInvoices() {
		newer := b.from.After(from) || b.from.Equal(from) && b.to.After(until)
		if b.invoice.text("subscription") == sub.text("id") && b.period && newer {
			from, until = b.from, b.to
		}
	}
	if until.IsZero() {
		return at(sub.number("start_date"))
	}
	return until
}

// checkWindow compares the access window with the table in docs/states.md.
func (s atStripe) checkWindow(sub object, has *billing.Window) string {
	from, until := at(sub.number("current_period_start")), at(sub.number("current_period_end"))
	switch status := sub.text("status"); status {
	case "active", "trialing":
	case "past_due":
		// The payment under way may be one for a change of a period that is paid.
		if paid := s.paidUntil(sub); !s.paymentUnderWay(sub) || !paid.Before(until) {
			until = paid.Add(pastDueGrace)
		}
		if has != nil {
			from = has.From // it does not matter which period's it is
		}
	default:
		if has != nil {
			return fmt.Sprintf("%s and the window is %v", status, has)
		}
		return ""
	}
	until = s.notAfterTheEnd(sub, until)
	if has == nil || !has.From.Equal(from) || !has.Until.Equal(until) {
		return fmt.Sprintf("the window is %v and should be from %s to %s", has, from, until)
	}
	return ""
}
