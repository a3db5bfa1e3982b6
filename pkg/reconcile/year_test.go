package reconcile_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// months goes through months of a paid year. In each month, some of the last month's points are spent and the rest is
// replaced.
func (w *world) months(a billing.Account, from, to int) {
	w.t.Helper()
	for n := from; n <= to; n++ {
		w.spend(a, 100)
		w.toNextGrant(a)
		w.sync(a)
		w.wantPoints(a.ID, 500, 0)
		if got := w.granted(a); got != n {
			w.t.Fatalf("in month %d there are %d grants of a month", n, got)
		}
	}
}

// granted returns the number of months that were granted.
func (w *world) granted(a billing.Account) (n int) {
	w.t.Helper()
	for _, e := range w.entries(a) {
		if e.Kind == billing.EntryGrant && e.Amount == 500 {
			n++
		}
	}
	return n
}

// Proves that a yearly plan that grants by the month grants its trial's points for the trial, and then twelve months.
// Each month begins on the day on which the paid year began, not the trial. Then the first month of the next year
// follows.
func TestYearAfterTrial(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		plan := basicYear
		plan.TrialDays, plan.TrialPoints = 14, 50
		w.sells(plan)
		a := w.buyer()
		o := billing.Order{
			Item: plan.ID, Kind: billing.KindPlan, Points: plan.Points, Amount: plan.Amount, Currency: plan.Currency,
		}
		w.pay(w.orderWithTrial(a, o, plan.TrialDays))
		w.sync(a)
		w.wantStatus(a, billing.SubTrialing, true)
		w.wantPoints(a.ID, 50, 0)
		if next := w.account(a.ID).Sync.NextGrantAt; next != nil {
			w.t.Errorf("in the trial, points shall come at %v", next)
		}
		w.renew(a) // into the paid year
		w.wantStatus(a, billing.SubActive, true)
		w.wantPoints(a.ID, 500, 0)
		w.wantDrift(a)
		now := w.account(a.ID)
		begin := now.Subscription.CurrentPeriodStart
		if day := begin.Day(); day <= 28 && !now.Sync.NextGrantAt.Equal(begin.AddDate(0, 1, 0)) {
			w.t.Errorf("the second month comes at %v; the paid year began at %v", now.Sync.NextGrantAt, begin)
		}
		w.months(a, 2, 12)
		if next := w.account(a.ID).Sync.NextGrantAt; next != nil {
			w.t.Errorf("after twelve months, points shall come at %v", next)
		}
		w.wantDrift(a)
		w.renew(a)
		w.wantPoints(a.ID, 500, 0)
		if n := w.granted(a); n != 13 || w.account(a.ID).Sync.NextGrantAt == nil {
			w.t.Errorf("the second year: %d months, %+v", n, w.account(a.ID).Sync)
		}
	})
}

// Proves that the months of a paid year go on to its end after the customer scheduled a cancellation for that end. Once
// the year has ended, no month comes and none is left.
func TestYearCancelledAtItsEnd(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.yearly()
		w.months(a, 2, 3)
		w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"cancel_at_period_end": {"true"}})
		w.sync(a)
		w.wantPoints(a.ID, 500, 0)
		if s := w.account(a.ID).Subscription; !s.CancelAtPeriodEnd {
			w.t.Errorf("%+v", s)
		}
		w.months(a, 4, 12)
		w.wantDrift(a)
		w.Advance(w.account(a.ID).Subscription.CurrentPeriodEnd.Sub(w.Now()) + time.Hour)
		w.sync(a)
		w.wantStatus(a, billing.SubCanceled, false)
		w.wantPoints(a.ID, 0, 0)
		w.Advance(62 * 24 * time.Hour)
		w.sync(a)
		w.wantPoints(a.ID, 0, 0)
		w.wantDrift(a)
		if n := w.granted(a); n != 12 || w.account(a.ID).Sync.NextGrantAt != nil {
			w.t.Errorf("%d months were granted; %+v", n, w.account(a.ID).Sync)
		}
	})
}

// Proves that a change to another interval ends what was paid for, although the old period would have ended later. Two
// months before the end of a paid year comes a change to a month, which the credit for the rest of the year pays. The
// next month's charge fails. Window and points last until 72 hours after the paid month, and not until the year's end.
func TestYearGivenBack(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		c := w.sells(proYearly)
		a := w.buyer()
		id := w.pay(w.orderOf(c, a, proYearly.ID))["subscription"].(string)
		w.sync(a)
		yearEnd := w.account(a.ID).Subscription.CurrentPeriodEnd
		w.Advance(yearEnd.Sub(w.Now()) - 60*24*time.Hour)
		w.changePlan(id, "pro_monthly")
		w.sync(a)
		w.wantPoints(a.ID, proYearly.Points, 0)
		paidUntil := w.account(a.ID).Subscription.CurrentPeriodEnd
		end := paidUntil.Add(policy.PastDueGrace)
		if !end.Before(yearEnd) {
			w.t.Fatalf("the month ends at %v, want before the year at %v", paidUntil, yearEnd)
		}
		w.useCard(id, "pm_card_chargeCustomerFail")
		w.renew(a)
		w.wantStatus(a, billing.SubPastDue, true)
		got := w.account(a.ID)
		if window := got.Subscription.Window; !window.Until.Equal(end) || !got.NextExpiry.Equal(end) {
			w.t.Errorf("the window ends at %v, the points at %v, want both at %v", window.Until, got.NextExpiry, end)
		}
		w.wantDrift(a)
		w.Advance(end.Sub(w.Now()) + time.Minute)
		w.sync(a)
		w.wantStatus(a, billing.SubPastDue, false)
		w.wantPoints(a.ID, 0, 0)
	})
}
