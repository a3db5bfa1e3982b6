package checkout

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// TestStepsOfAChange proves which requests each change plans. The subscription ends with its period, because it was
// cancelled at 1 o'clock. It also has an operator's schedule, and a change that waits for the invoice in_1. The change
// replaces all of it.
func TestStepsOfAChange(t *testing.T) {
	t.Parallel()
	pro := billing.Plan{ID: "pro", Amount: 1900, Currency: "usd", Interval: "month", MaxQuantity: 9}
	full := func(t *stripegw.Terms) {
		t.Schedule, t.Cancels, t.CanceledAt, t.Pending, t.Owes.ID = "sub_sched_1", true, new(at(1)), true, "in_1"
		t.CurrentPeriodEnd = at(20)
	}
	for name, c := range map[string]struct {
		change func(t *stripegw.Terms)
		r      ChangeRequest
		want   billing.ChangeSteps
	}{
		"Up": {
			nil, ChangeRequest{},
			billing.ChangeSteps{Action: billing.ActionCharge, Item: "si_1", Price: "price_2", Quantity: 2},
		},
		"UpOfAPreview": {nil, ChangeRequest{ProrationDate: at(0).Add(-time.Minute).Unix()},
			billing.ChangeSteps{
				Action:        billing.ActionCharge,
				Item:          "si_1",
				Price:         "price_2",
				Quantity:      2,
				ProrationDate: at(0).Add(-time.Minute).Unix(),
			}},
		"UpInstead": {full, ChangeRequest{}, billing.ChangeSteps{
			Action:     billing.ActionCharge,
			Item:       "si_1",
			Price:      "price_2",
			Quantity:   2,
			Void:       "in_1",
			Release:    "sub_sched_1",
			Uncancel:   true,
			CanceledAt: at(1).Unix()}},
		"UpInsteadOfADate": {func(t *stripegw.Terms) {
			t.HasEndDate, t.CanceledAt = true, new(at(2))
		}, ChangeRequest{Quantity: 3}, billing.ChangeSteps{
			Action:     billing.ActionCharge,
			Item:       "si_1",
			Price:      "price_2",
			Quantity:   3,
			Undate:     true,
			CanceledAt: at(2).Unix()}},
		"UpByDebit": {
			func(t *stripegw.Terms) { t.PaysLater = true }, ChangeRequest{},
			billing.ChangeSteps{Action: billing.ActionInvoice, Item: "si_1", Price: "price_2", Quantity: 2},
		},
		"InATrial": {
			func(t *stripegw.Terms) { t.Status = billing.SubTrialing }, ChangeRequest{Quantity: 1},
			billing.ChangeSteps{Action: billing.ActionSwap, Item: "si_1", Price: "price_2", Quantity: 1},
		},
		"Down": {func(t *stripegw.Terms) {
			t.UnitAmount, t.CurrentPeriodEnd = 2000, at(20)
		}, ChangeRequest{}, billing.ChangeSteps{
			Action: billing.ActionSchedule, Item: "si_1", Price: "price_2", Quantity: 2, PeriodEnd: at(20).Unix()}},
		"DownWhileEnding": {func(t *stripegw.Terms) {
			t.UnitAmount, t.CurrentPeriodEnd, t.Cancels = 2000, at(20), true
		}, ChangeRequest{}, billing.ChangeSteps{
			Action:    billing.ActionSchedule,
			Item:      "si_1",
			Price:     "price_2",
			Quantity:  2,
			PeriodEnd: at(20).Unix(),
			Uncancel:  true}},
		// The schedule is rewritten, and its end with it. There is nothing else to withdraw.
		"DownWhileLed": {func(t *stripegw.Terms) {
			full(t)
			t.UnitAmount, t.HasEndDate = 2000, true
		}, ChangeRequest{}, billing.ChangeSteps{
			Action:     billing.ActionSchedule,
			Item:       "si_1",
			Price:      "price_2",
			Quantity:   2,
			PeriodEnd:  at(20).Unix(),
			Schedule:   "sub_sched_1",
			Void:       "in_1",
			CanceledAt: at(1).Unix()}},
		// The subscription already has this plan. What is under way is withdrawn, and its end stays.
		"Same": {
			func(t *stripegw.Terms) { full(t); t.Item, t.HasEndDate = "pro", true }, ChangeRequest{},
			billing.ChangeSteps{Release: "sub_sched_1", Void: "in_1", CanceledAt: at(1).Unix()},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := remembering(t, map[string]string{"GET /v1/prices": stripePrices})
			v := viewOf(billing.SubActive)
			if c.change != nil {
				c.change(&v.terms)
			}
			got, err := s.planChange(t.Context(), v, pro, c.r)
			c.want.Subscription = "sub_1"
			if err != nil || got != c.want {
				t.Errorf("%v\n got %+v\nwant %+v", err, got, c.want)
			}
		})
	}
	t.Run("WithoutAPrice", func(t *testing.T) {
		t.Parallel()
		s, _ := remembering(t, nil)
		if _, err := s.planChange(
			t.Context(), viewOf(billing.SubActive), pro, ChangeRequest{},
		); billing.CodeOf(err) != billing.EStripeRefused {
			t.Error(err)
		}
		if _, err := s.planChange(
			t.Context(), viewOf(billing.SubActive), pro, ChangeRequest{ProrationDate: 1},
		); billing.CodeOf(err) != billing.EInvalid {
			t.Error(err)
		}
	})
}

// TestNoQuantity proves that a subscription without a quantity, such as a metered one at Stripe, counts as one seat.
func TestNoQuantity(t *testing.T) {
	t.Parallel()
	v := viewOf(billing.SubActive)
	v.terms.Quantity = 0
	m, err := decideMove(
		v, billing.Plan{Amount: 901, Currency: "usd", Interval: "month", MaxQuantity: 1}, ChangeRequest{},
	)
	if err != nil || m.quantity != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestOwesForChange proves that a charge is refused while another one is unpaid, and that a change that costs nothing
// now is not refused.
func TestOwesForChange(t *testing.T) {
	t.Parallel()
	v := viewOf(billing.SubActive)
	v.owes = true
	for amount, want := range map[int64]billing.Code{901: billing.EConflict, 899: ""} {
		if _, err := decideMove(
			v, billing.Plan{Amount: amount, Currency: "usd", Interval: "month", MaxQuantity: 9}, ChangeRequest{},
		); billing.CodeOf(err) != want {
			t.Errorf("%d: %v", amount, err)
		}
	}
}

// TestStepsOfAnEnd proves that an end with the period replaces a later end, but not one at the same time or earlier.
// Also proves what resuming withdraws.
func TestStepsOfAnEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ends *time.Time
		code billing.Code
	}{
		"Never": {nil, ""}, "Later": {new(at(21)), ""}, "Then": {new(at(20)), billing.EConflict},
		"Before": {new(at(19)), billing.EConflict},
	} {
		v := viewOf(billing.SubActive)
		v.terms.CurrentPeriodEnd, v.terms.EndsAt, v.terms.Schedule = at(20), c.ends, "sub_sched_1"
		got, err := planCancel(v, billing.CancelAtPeriodEnd)
		want := billing.ChangeSteps{
			Subscription: "sub_1", Action: billing.ActionCancel, Schedule: "sub_sched_1", PeriodEnd: at(20).Unix(),
		}
		if billing.CodeOf(err) != c.code || err == nil && got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	v := viewOf(billing.SubActive)
	v.terms.Pending, v.terms.Owes.ID, v.terms.Schedule = true, "in_1", "sub_sched_1"
	v.terms.Cancels, v.terms.CanceledAt = true, new(at(1))
	now, err := planCancel(v, billing.CancelNow)
	if want := (billing.ChangeSteps{
		Subscription: "sub_1", Void: "in_1", Action: billing.ActionCancelNow,
	}); err != nil || now != want {
		t.Errorf("now: %+v, %v", now, err)
	}
	on, err := planResume(v)
	if want := (billing.ChangeSteps{
		Subscription: "sub_1", Release: "sub_sched_1", Uncancel: true, CanceledAt: at(1).Unix(),
	}); err != nil || on != want {
		t.Errorf("on: %+v, %v", on, err)
	}
	paused := viewOf(billing.SubActive)
	paused.terms.CollectionPaused = &billing.CollectionPause{}
	if on, err = planResume(paused); err != nil || on != (billing.ChangeSteps{Subscription: "sub_1", Unpause: true}) {
		t.Errorf("collect again: %+v, %v", on, err)
	}
	if on, err = planResume(viewOf(billing.SubPaused)); err != nil || on != (billing.ChangeSteps{
		Subscription: "sub_1", Action: billing.ActionRestart,
	}) {
		t.Errorf("restart: %+v, %v", on, err)
	}
}

// TestEdgesOfAPreview proves that the date of a preview is valid for ten minutes, to the second, from the beginning of
// the period.
func TestEdgesOfAPreview(t *testing.T) {
	t.Parallel()
	v := viewOf(billing.SubActive)
	v.terms.CurrentPeriodStart = v.now.Add(-previewLife)
	for age, ok := range map[time.Duration]bool{
		previewLife: true, previewLife + time.Second: false, 0: true, -time.Second: false,
	} {
		if got, err := prorationDate(
			v, v.now.Add(-age).Unix(),
		); (err == nil) != ok || ok && got != v.now.Add(-age).Unix() {
			t.Errorf("%s: %d, %v", age, got, err)
		}
	}
	if got, err := prorationDate(v, 0); got != 0 || err != nil {
		t.Errorf("none: %d, %v", got, err)
	}
}
