package checkout

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// TestProgress proves which part of a change that was cut off counts as done at Stripe. Nothing that costs money is
// done again, and what Stripe has not begun is given up.
func TestProgress(t *testing.T) {
	t.Parallel()
	steps := func(s billing.ChangeSteps) billing.ChangeSteps {
		s.Price, s.Quantity, s.PeriodEnd = "price_2", 2, at(20).Unix()
		return s
	}
	here := func(t stripegw.Terms) stripegw.Terms { t.Price, t.Quantity = "price_2", 2; return t }
	owing := func(t stripegw.Terms) stripegw.Terms { t.Owes.ID = "in_1"; return t }
	pending := func(t stripegw.Terms) stripegw.Terms { t.Pending = true; return owing(t) }
	in := func(status billing.SubscriptionStatus) (t stripegw.Terms) { t.Status = status; return t }
	ends := func(end time.Time) (t stripegw.Terms) { t.EndsAt = &end; return t }
	moving := func(plan string, quantity int64) (t stripegw.Terms) {
		t.Scheduled = &billing.ScheduledChange{Plan: plan, Quantity: quantity}
		return t
	}
	var none stripegw.Terms
	cancels := stripegw.Terms{Cancels: true}
	dated := stripegw.Terms{HasEndDate: true}
	led := stripegw.Terms{Schedule: "sub_sched_1"}
	var stopped stripegw.Terms
	stopped.CollectionPaused = &billing.CollectionPause{}
	only := here(none)
	only.Quantity = 1
	charge, invoice, restart, swap := steps(billing.ChangeSteps{Action: billing.ActionCharge}), steps(
		billing.ChangeSteps{Action: billing.ActionInvoice},
	),
		steps(
			billing.ChangeSteps{Action: billing.ActionRestart},
		), steps(billing.ChangeSteps{Action: billing.ActionSwap})
	schedule, cancel, now := steps(
		billing.ChangeSteps{Action: billing.ActionSchedule},
	), steps(billing.ChangeSteps{Action: billing.ActionCancel}),
		steps(billing.ChangeSteps{Action: billing.ActionCancelNow})
	instead := charge
	instead.Void = "in_1"
	for name, c := range map[string]struct {
		terms stripegw.Terms
		steps billing.ChangeSteps
		owes  bool
		want  progress
	}{
		"NotCharged":           {none, charge, false, untouched},
		"Charged":              {here(none), charge, false, acted},
		"ChargedOtherQuantity": {only, charge, false, untouched},
		"Waits":                {pending(none), charge, true, untouched},
		"WaitsAndIsHere":       {pending(here(none)), charge, true, untouched},
		"OwesSomethingElse":    {owing(none), charge, false, untouched},
		"WaitsForTheOneBefore": {pending(none), instead, false, untouched},
		"NotInvoiced":          {owing(none), invoice, false, untouched},
		"Invoiced":             {owing(here(none)), invoice, true, acted},
		"InvoicedAndPaid":      {here(none), invoice, false, acted},
		"NotRestarted":         {in(billing.SubPaused), restart, false, untouched},
		"RestartOwed":          {owing(in(billing.SubPaused)), restart, true, untouched},
		"Restarted":            {in(billing.SubActive), restart, false, acted},
		"RestartedOwing":       {owing(in(billing.SubActive)), restart, false, acted},
		"NotSwapped":           {owing(none), swap, false, untouched},
		"Swapped":              {owing(here(none)), swap, false, acted},
		"NotScheduled":         {none, schedule, false, untouched},
		"ScheduleMade":         {led, schedule, false, begun},
		"Scheduled":            {moving("pro", 2), schedule, false, acted},
		"ScheduledOtherPlan":   {moving("basic", 2), schedule, false, untouched},
		"ScheduledOtherNumber": {moving("pro", 1), schedule, false, untouched},
		"RewriteNotBegun": {
			led, steps(billing.ChangeSteps{Action: billing.ActionSchedule, Schedule: "sub_sched_1"}), false, untouched,
		},
		"ScheduledEndNotTaken": {
			cancels, steps(billing.ChangeSteps{Action: billing.ActionSchedule, Uncancel: true}), false, untouched,
		},
		"ScheduledEndTaken": {
			none, steps(billing.ChangeSteps{Action: billing.ActionSchedule, Uncancel: true}), false, begun,
		},
		"NotCancelled":         {none, cancel, false, untouched},
		"Cancelled":            {ends(at(20)), cancel, false, acted},
		"EndsSooner":           {ends(at(19)), cancel, false, acted},
		"EndsLater":            {ends(at(21)), cancel, false, untouched},
		"StillLives":           {in(billing.SubActive), now, false, untouched},
		"IsGone":               {in(billing.SubCanceled), now, false, begun},
		"NothingTakenBack":     {cancels, steps(billing.ChangeSteps{Uncancel: true}), false, untouched},
		"EndTakenBack":         {none, steps(billing.ChangeSteps{Uncancel: true}), false, begun},
		"DateNotTakenBack":     {dated, steps(billing.ChangeSteps{Undate: true}), false, untouched},
		"DateTakenBack":        {none, steps(billing.ChangeSteps{Undate: true}), false, begun},
		"ScheduleNotTakenBack": {led, steps(billing.ChangeSteps{Release: "sub_sched_1"}), false, untouched},
		"ScheduleTakenBack":    {none, steps(billing.ChangeSteps{Release: "sub_sched_1"}), false, begun},
		"NotCollectedAgain":    {stopped, steps(billing.ChangeSteps{Unpause: true}), false, untouched},
		"CollectedAgain":       {none, steps(billing.ChangeSteps{Unpause: true}), false, begun},
		"NothingToTakeBack":    {none, steps(billing.ChangeSteps{}), false, untouched},
	} {
		owes, got := progressOf(c.terms, billing.SubscriptionChange{Plan: "pro", Steps: &c.steps})
		if owes != c.owes || got != c.want {
			t.Errorf("%s: owes %v and %d, want %v and %d", name, owes, got, c.owes, c.want)
		}
	}
}

// TestEndOfAChange proves how a change is completed, and what its request then returns.
func TestEndOfAChange(t *testing.T) {
	t.Parallel()
	refused := billing.Errorf(billing.EConflict, "no")
	unpaid := billing.Errorf(billing.EPaymentRequired, "refused")
	for name, c := range map[string]struct {
		owed    billing.OwedInvoice
		failure error
		want    billing.SubscriptionChange
		code    billing.Code // of the outcome
		url     string
	}{
		"Done": {billing.OwedInvoice{}, nil, billing.SubscriptionChange{Status: billing.ChangeDone}, "", ""},
		"Failed": {
			billing.OwedInvoice{ID: "in_1"}, refused,
			billing.SubscriptionChange{Status: billing.ChangeFailed, Problem: billing.EConflict, Detail: "no"},
			billing.EConflict, "",
		},
		"Declined": {
			billing.OwedInvoice{}, unpaid,
			billing.SubscriptionChange{
				Status: billing.ChangeFailed, Problem: billing.EPaymentRequired, Detail: "refused",
			},
			billing.EPaymentRequired, "",
		},
		"Unpaid": {
			billing.OwedInvoice{ID: "in_1", URL: "https://pay", Status: billing.ChangeUnpaid}, nil,
			billing.SubscriptionChange{Status: billing.ChangeUnpaid, LookAt: new(at(13))}, billing.EPaymentRequired,
			"https://pay",
		},
		"NotSaid": {
			billing.OwedInvoice{ID: "in_1"}, nil,
			billing.SubscriptionChange{Status: billing.ChangeUnpaid, LookAt: new(at(13))}, billing.EPaymentRequired, "",
		},
		"Processing": {
			billing.OwedInvoice{ID: "in_1", Status: billing.ChangeProcessing}, nil,
			billing.SubscriptionChange{Status: billing.ChangeProcessing, LookAt: new(at(13))}, "", "",
		},
		"Invoiced": {
			billing.OwedInvoice{ID: "in_1", Status: billing.ChangeInvoiced}, nil,
			billing.SubscriptionChange{Status: billing.ChangeInvoiced, LookAt: new(at(13))}, "", "",
		},
	} {
		got := billing.SubscriptionChange{
			Status:  billing.ChangeUnpaid,
			Problem: billing.EInternal,
			Detail:  "before",
			LookAt:  new(at(1)),
			Owed:    c.owed,
		}
		end(&got, at(12), c.failure)
		c.want.Owed, c.want.EndedAt = c.owed, new(at(12))
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
		err := outcome(got)
		var pay *PaymentRequired
		if billing.CodeOf(err) != c.code || errors.As(err, &pay) != (c.code == billing.EPaymentRequired) ||
			pay != nil && pay.URL != c.url {
			t.Errorf("%s: told %v", name, err)
		}
	}
	for action, want := range map[billing.ChangeAction]string{
		billing.ActionCharge: "so the subscription is as it was", billing.ActionInvoice: "The change is made",
	} {
		text := outcome(
			billing.SubscriptionChange{Status: billing.ChangeUnpaid, Steps: &billing.ChangeSteps{Action: action}},
		).Error()
		if !strings.Contains(text, want) || !strings.Contains(text, "Pay at payment_url") {
			t.Errorf("%s is told %q", action, text)
		}
	}
	if text := outcome(
		billing.SubscriptionChange{Status: billing.ChangeUnpaid},
	).Error(); !strings.Contains(text, "as it was") {
		t.Errorf("without steps it is told %q", text)
	}
}
