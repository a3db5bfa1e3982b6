package simtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// The policies from docs/states.md. The servers run with the same values.
const (
	renewalGrace = 2 * time.Hour
	pastDueGrace = 72 * time.Hour
)

// ends returns when subscriptions ended, by their source as lots name it.
func (s atStripe) ends() map[string]time.Time {
	ended := map[string]time.Time{}
	for _, sub := range s.subscriptions {
		if seconds := sub.number("ended_at"); seconds != 0 {
			ended["subscription:"+sub.text("id")] = at(seconds)
		}
	}
	return ended
}

// paidPeriod is a paid period of a subscription, or a trial.
type paidPeriod struct {
	from, to time.Time
	rollover int64 // how many points of earlier periods it takes over
	byChange bool  // a change of interval began it: it takes over all of them
	monthly  bool
	inner    bool // it is a month of a year, and not the last one
}

// periods returns the periods of a subscription that were paid before it ended, the newest last. For a year whose
// points come month by month, it returns the months that have begun.
func (s atStripe) periods(source string, now time.Time) (all []paidPeriod) {
	for _, b := range s.paidInvoices() {
		if source != "subscription:"+b.invoice.text("subscription") || !b.period || !s.paidLate(b).IsZero() {
			continue
		}
		if b.points == 0 && b.sold.rollover == 0 {
			continue // a credit paid all of it: it grants nothing, and begins nothing
		}
		one := paidPeriod{
			from: b.from, to: b.to, rollover: b.sold.rollover, byChange: b.byChange, monthly: b.sold.monthly,
		}
		if !one.monthly {
			all = append(all, one)
			continue
		}
		for n := range 12 {
			if begins := monthsLater(b.from, n); n == 0 || !begins.After(now) {
				month := one
				month.from, month.to, month.inner = begins, monthsLater(b.from, n+1), n < 11
				month.byChange = one.byChange && n == 0
				all = append(all, month)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b paidPeriod) int { return cmp.Or(a.from.Compare(b.from), a.to.Compare(b.to)) })
	return all
}

// lotEnds returns when the points expire that were bought for a period that began at from, by docs/grants.md, "When a
// period's points end". It does not know this for a change in a period that is over and was never paid.
func (s atStripe) lotEnds(sub object, newest paidPeriod, from time.Time) (until time.Time, known bool) {
	begin, end := at(sub.number("current_period_start")), at(sub.number("current_period_end"))
	grace, paid := renewalGrace, s.paysFor(newest, begin)
	switch {
	case newest.inner: // a month of a year keeps its end, whatever the subscription changed to
		return s.notAfterTheEnd(sub, newest.to.Add(grace)), true
	case paid || !from.Before(begin):
		until = end // also if it was moved after the payment
	case !from.Before(newest.to):
		return until, false
	case s.paymentUnderWay(sub):
		until = end
	default:
		until = newest.to
		if paid := s.paidUntil(sub); paid.After(newest.from) && paid.Before(until) {
			until = paid // a credit paid for a shorter period, which replaced it
		}
		if sub.text("status") == "past_due" {
			grace = pastDueGrace
		}
		if trial := at(sub.number("trial_end")); trial.After(until) && !trial.After(begin) {
			until = trial // an operator moved its end
		}
	}
	if paid && sub.text("status") == "past_due" { // the period is paid, and a change is not
		grace = pastDueGrace
	}
	return s.notAfterTheEnd(sub, until.Add(grace)), true
}

// notAfterTheEnd returns until, or when the subscription is going to end if that is earlier.
func (s atStripe) notAfterTheEnd(sub object, until time.Time) time.Time {
	if ends := s.endsAt(sub); ends != nil && ends.Before(until) {
		return *ends
	}
	return until
}

// paysFor reports whether a paid period is the current one, which began at begin, or a month of it.
func (s atStripe) paysFor(newest paidPeriod, begin time.Time) bool { return !newest.from.Before(begin) }

// paymentUnderWay reports whether the bank has not decided yet about a payment of a subscription.
func (s atStripe) paymentUnderWay(sub object) bool {
	return slices.ContainsFunc(s.invoices, func(invoice object) bool {
		open := invoice.text("subscription") == sub.text("id") && invoice.text("status") == "open"
		return open && slices.ContainsFunc(s.intents, func(intent object) bool {
			return intent.text("id") == invoice.text("payment_intent") && intent.text("status") == "processing"
		})
	})
}

// endsAt returns when a subscription is going to end, however that was set, or nil if it goes on.
func (s atStripe) endsAt(sub object) *time.Time {
	var ends []time.Time
	if seconds := sub.number("cancel_at"); seconds != 0 {
		ends = append(ends, at(seconds))
	}
	if sub.flag("cancel_at_period_end") {
		ends = append(ends, at(sub.number("current_period_end")))
	}
	if end, ok := s.scheduledEnd[sub.text("id")]; ok {
		ends = append(ends, end)
	}
	if len(ends) == 0 {
		return nil
	}
	return new(slices.MinFunc(ends, time.Time.Compare))
}

// compareEnds compares with Stripe's lists when lots expire, and what is left of earlier periods.
func (s atStripe) compareEnds(lots []billing.Lot, wanted map[string]due, now time.Time) string {
	for _, lot := range lots {
		if why := s.compareEnd(lot, wanted[lot.GrantKey], now); why != "" {
			return why
		}
	}
	for _, sub := range s.subscriptions {
		if why := s.compareCarried(sub, lots, wanted, now); why != "" {
			return why
		}
	}
	return ""
}

func (s atStripe) compareEnd(lot billing.Lot, want due, now time.Time) string {
	if lot.Remaining == 0 {
		return ""
	}
	ended, over := s.ends()[lot.Source]
	switch {
	case !strings.HasPrefix(lot.Source, "subscription:") && want.until == nil:
		if lot.ExpiresAt != nil {
			return fmt.Sprintf("the pack's points of %s end at %s", lot.GrantKey, lot.ExpiresAt)
		}
	case lot.ExpiresAt == nil:
		return fmt.Sprintf("the points of %s never end", lot.GrantKey)
	case want.until != nil:
		if !lot.ExpiresAt.Equal(*want.until) && !want.anyEnd {
			return fmt.Sprintf(
				"the points of %s, paid after the end, end at %s and should at %s", lot.GrantKey, lot.ExpiresAt,
				want.until,
			)
		}
	case over:
		return fmt.Sprintf("%d points of %s are there at %s until %s, and their subscription ended at %s",
			lot.Remaining, lot.GrantKey, now, lot.ExpiresAt, ended)
	}
	return ""
}

// compareCarried checks the lots of a subscription that goes on. Each lot expires when it should. No lot of the newest
// paid period has expired. Earlier periods have no more points left than were carried over.
func (s atStripe) compareCarried(sub object, lots []billing.Lot, wanted map[string]due, now time.Time) string {
	source := "subscription:" + sub.text("id")
	periods := s.periods(source, now)
	if !live(sub.text("status")) || len(periods) == 0 || mixed(periods) {
		return ""
	}
	newest, carried := periods[len(periods)-1], int64(0)
	for _, lot := range lots {
		want := wanted[lot.GrantKey]
		if lot.Source != source || want.most {
			continue
		}
		until, known := s.lotEnds(sub, newest, want.from)
		switch {
		case known && lot.Remaining > 0 && !lot.ExpiresAt.Equal(until):
			return fmt.Sprintf(
				"the points of %s end at %s and should at %s: %s", lot.GrantKey, lot.ExpiresAt, until,
				sub.text("status"),
			)
		case want.from.Before(newest.from):
			carried += int64(lot.Remaining)
		case known && until.After(now) && lot.Expired > 0 && s.neverLate(sub, newest):
			return fmt.Sprintf(
				"%d of the %d points of %s ran out, and they last until %s", lot.Expired, lot.Granted, lot.GrantKey,
				until,
			)
		}
	}
	if !newest.byChange && carried > newest.rollover {
		return fmt.Sprintf("%d points of earlier periods of %s are there, and %d may go over into the one of %s",
			carried, source, newest.rollover, newest.from)
	}
	return ""
}

// mixed reports whether a year whose points come month by month is among other paid periods: then its months overlap
// with them.
func mixed(periods []paidPeriod) bool {
	differs := func(p paidPeriod) bool { return p.monthly != periods[0].monthly }
	return slices.ContainsFunc(periods, differs)
}

// neverLate reports whether a subscription's charge for the current period, if it was not paid, came before the renewal
// grace was over. Stripe may charge later than that, and what expired by then stays expired.
func (s atStripe) neverLate(sub object, newest paidPeriod) bool {
	if s.paysFor(newest, at(sub.number("current_period_start"))) {
		return true
	}
	return !slices.ContainsFunc(s.invoices, func(invoice object) bool {
		finalized := at(invoice.number("status_transitions.finalized_at"))
		unpaid := invoice.text("subscription") == sub.text("id") && invoice.text("status") != "paid"
		return unpaid && finalized.After(newest.to.Add(renewalGrace))
	})
}
