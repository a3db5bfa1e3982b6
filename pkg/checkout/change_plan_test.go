package checkout

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

func viewOf(status billing.SubscriptionStatus) view {
	now := time.Date(2030, time.March, 10, 0, 0, 0, 0, time.UTC)
	return view{now: now, terms: stripegw.Terms{
		StripeSubscription: billing.StripeSubscription{
			ID: "sub_1", Status: status, Item: "basic", Quantity: 2, CurrentPeriodStart: now.AddDate(0, 0, -9),
		},
		ItemID: "si_1", UnitAmount: 900, Currency: "usd", Interval: "month", IntervalCount: 1,
	}}
}

// TestWhatMayBeDone proves the table of docs/states.md: what a customer may do in which status.
func TestWhatMayBeDone(t *testing.T) {
	t.Parallel()
	plan := billing.Plan{ID: "pro", Amount: 1900, Currency: "usd", Interval: "month", MaxQuantity: 9}
	// The columns are change, cancel at the period's end, cancel now, resume a cancellation, resume nothing.
	for status, want := range map[billing.SubscriptionStatus]string{
		billing.SubIncomplete: "- - + + -", billing.SubTrialing: "+ + + + -", billing.SubActive: "+ + + + -",
		billing.SubPastDue: "- + + + -",
		billing.SubUnpaid:  "- - + + -", billing.SubPaused: "- - + + +", billing.SubCanceled: "- - - - -",
		billing.SubIncompleteExpired: "- - - - -",
	} {
		got := ""
		note := func(err error) {
			switch billing.CodeOf(err) {
			case "":
				got += " +"
			case billing.EConflict:
				got += " -"
			default:
				t.Errorf("%s: %v", status, err)
			}
		}
		v, ending := viewOf(status), viewOf(status)
		ending.terms.CancelAtPeriodEnd, ending.terms.Cancels = true, true
		_, err := decideMove(v, plan, ChangeRequest{Plan: "pro"})
		note(err)
		_, err = planCancel(v, billing.CancelAtPeriodEnd)
		note(err)
		_, err = planCancel(v, billing.CancelNow)
		note(err)
		_, err = planResume(ending)
		note(err)
		_, err = planResume(v)
		note(err)
		if got != " "+want {
			t.Errorf("%s:%s, want %s", status, got, want)
		}
	}
}

// TestUpOrDown proves which changes are upgrades and which are downgrades, and that upgrades happen now.
func TestUpOrDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plan     billing.Plan
		quantity int64
		change   func(*stripegw.Terms)
		action   billing.ChangeAction
		code     billing.Code
	}{
		"Dearer":       {billing.Plan{Amount: 901, Interval: "month"}, 0, nil, billing.ActionCharge, ""},
		"AsDear":       {billing.Plan{Amount: 900, Interval: "month"}, 0, nil, billing.ActionCharge, ""},
		"Cheaper":      {billing.Plan{Amount: 899, Interval: "month"}, 0, nil, billing.ActionSchedule, ""},
		"DearerInAll":  {billing.Plan{Amount: 601, Interval: "month"}, 3, nil, billing.ActionCharge, ""},
		"CheaperInAll": {billing.Plan{Amount: 1799, Interval: "month"}, 1, nil, billing.ActionSchedule, ""},
		"Longer":       {billing.Plan{Amount: 1, Interval: "year"}, 0, nil, billing.ActionCharge, ""},
		"Shorter":      {billing.Plan{Amount: 90000, Interval: "week"}, 0, nil, billing.ActionSchedule, ""},
		"ShorterThanThree": {
			billing.Plan{Amount: 90000, Interval: "month"}, 0, func(t *stripegw.Terms) { t.IntervalCount = 3 },
			billing.ActionSchedule, "",
		},
		"Trial": {
			billing.Plan{Amount: 1, Interval: "month"}, 0, func(t *stripegw.Terms) { t.Status = billing.SubTrialing },
			billing.ActionSwap, "",
		},
		"OlderPrice": {
			billing.Plan{Amount: 900, Interval: "month"}, 0, func(t *stripegw.Terms) { t.UnitAmount = 1000 },
			billing.ActionSchedule, "",
		},
		"Same": {billing.Plan{ID: "basic", Amount: 900, Interval: "month"}, 2, nil, "", billing.EConflict},
		"SameWhileMoving": {
			billing.Plan{ID: "basic", Amount: 900, Interval: "month"}, 2,
			func(t *stripegw.Terms) { t.Schedule, t.Scheduled = "sub_sched_1", new(billing.ScheduledChange) },
			billing.ActionNone, "",
		},
		"SameWhileLed": {
			billing.Plan{ID: "basic", Amount: 900, Interval: "month"}, 2,
			func(t *stripegw.Terms) { t.Schedule = "sub_sched_1" }, "", billing.EConflict,
		},
		"ByDebit": {
			billing.Plan{Amount: 901, Interval: "month"}, 0, func(t *stripegw.Terms) { t.PaysLater = true },
			billing.ActionInvoice, "",
		},
		"DownByDebit": {
			billing.Plan{Amount: 899, Interval: "month"}, 0,
			func(t *stripegw.Terms) { t.PaysLater, t.UnderWay = true, true }, billing.ActionSchedule, "",
		},
		"WhileUnderWay": {
			billing.Plan{Amount: 901, Interval: "month"}, 0, func(t *stripegw.Terms) { t.UnderWay = true }, "",
			billing.EConflict,
		},
		"WhilePaused": {
			billing.Plan{Amount: 901, Interval: "month"}, 0,
			func(t *stripegw.Terms) { t.CollectionPaused = new(billing.CollectionPause) }, "", billing.EConflict,
		},
		"SameWhileUnpaid": {
			billing.Plan{ID: "basic", Amount: 900, Interval: "month"}, 0,
			func(t *stripegw.Terms) { t.Pending, t.Owes.ID = true, "in_1" }, billing.ActionNone, "",
		},
		"TooMany": {billing.Plan{Amount: 900, Interval: "month"}, 10, nil, "", billing.EInvalid},
		"TooManyAsNow": {
			billing.Plan{Amount: 900, Interval: "month"}, 0, func(t *stripegw.Terms) { t.Quantity = 10 }, "",
			billing.EInvalid,
		},
		"OtherCurrency": {
			billing.Plan{Amount: 900, Interval: "month", Currency: "eur"}, 0, nil, "", billing.EInvalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := viewOf(billing.SubActive)
			c.plan.MaxQuantity = 9
			if c.plan.Currency == "" {
				c.plan.Currency = "usd"
			}
			if c.change != nil {
				c.change(&v.terms)
			}
			m, err := decideMove(v, c.plan, ChangeRequest{Quantity: c.quantity})
			if billing.CodeOf(err) != c.code || err == nil && m.action != c.action {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
}

// TestProrationDate proves that only the date of a recent preview is accepted.
func TestProrationDate(t *testing.T) {
	t.Parallel()
	v := viewOf(billing.SubActive)
	for age, ok := range map[time.Duration]bool{
		0: true, 9 * time.Minute: true, 11 * time.Minute: false, -time.Minute: false, 30 * 24 * time.Hour: false,
	} {
		if _, err := prorationDate(v, v.now.Add(-age).Unix()); (err == nil) != ok {
			t.Errorf("%s: %v", age, err)
		}
	}
	v.terms.CurrentPeriodStart = v.now.Add(-time.Minute)
	if _, err := prorationDate(v, v.now.Add(-2*time.Minute).Unix()); err == nil {
		t.Error("a date before the period is taken")
	}
}

// TestWhyNot proves that a refusal names what the customer can do in each state.
func TestWhyNot(t *testing.T) {
	t.Parallel()
	for status, want := range map[billing.SubscriptionStatus]string{
		billing.SubPastDue: "The last payment failed", billing.SubUnpaid: "or cancel now",
		billing.SubIncomplete: "first payment is not made", billing.SubPaused: "/subscription/resume",
		billing.SubCanceled: "has ended", billing.SubIncompleteExpired: "has ended",
	} {
		if err := changeable(status); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", status, err)
		}
	}
}
