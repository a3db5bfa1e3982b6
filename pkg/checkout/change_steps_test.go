package checkout

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const stripePrices = `{"object":"list","data":[{"id":"price_2","active":true,"lookup_key":"pointsync_pro",
	"product":"pointsync_pro","unit_amount":1900,"currency":"usd","recurring":{"interval":"month","interval_count":1}}]}`

// memory is a Stripe with prepared replies, by "GET /v1/path". It records each request and its key.
type memory struct {
	answers map[string]string
	mu      sync.Mutex
	asked   []string
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	answer, known := m.answers[call]
	if r.Method != http.MethodGet {
		_ = r.ParseForm()
		form, _ := url.QueryUnescape(r.PostForm.Encode())
		call += " " + form + " " + r.Header.Get("Idempotency-Key")
	}
	m.asked = append(m.asked, call)
	w.Header().Set("Content-Type", "application/json")
	if !known {
		w.WriteHeader(http.StatusForbidden)
		answer = `{"error":{"type":"invalid_request_error","message":"no"}}`
	}
	_, _ = w.Write([]byte(answer))
}

// remembering returns a service whose Stripe has prepared replies. It has no database.
func remembering(t *testing.T, answers map[string]string) (*Service, *memory) {
	t.Helper()
	m := &memory{answers: answers}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	g, err := stripegw.New(stripegw.Options{Key: "sk_test_123", BaseURL: server.URL, MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return &Service{stripe: g}, m
}

func at(hour int) time.Time { return time.Date(2030, time.March, 10, hour, 0, 0, 0, time.UTC) }

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

// TestRequestsOfAChange proves the order of a change's requests and their keys. An earlier change's invoice is voided
// first. What the change replaces is withdrawn last, but before the change if the change makes a schedule. It is not
// withdrawn at all while an invoice is owed or after a refusal.
func TestRequestsOfAChange(t *testing.T) {
	t.Parallel()
	const (
		voided   = "POST /v1/invoices/in_1/void  change-chg_1-void"
		released = "POST /v1/subscription_schedules/sub_sched_1/release  change-chg_1-release"
		kept     = "POST /v1/subscriptions/sub_1 cancel_at_period_end=false change-chg_1-keep"
		undated  = "POST /v1/subscriptions/sub_1 cancel_at= change-chg_1-keep"
		collects = "POST /v1/subscriptions/sub_1 pause_collection= change-chg_1-collect"
		swapped  = "POST /v1/subscriptions/sub_1 items[0][id]=si_1&items[0][price]=price_2&items[0][quantity]=2" +
			"&proration_behavior=none change-chg_1-swap"
		invoiced = "POST /v1/subscriptions/sub_1 expand[0]=latest_invoice.payment_intent&items[0][id]=si_1" +
			"&items[0][price]=price_2&items[0][quantity]=2&payment_behavior=allow_incomplete" +
			"&proration_behavior=always_invoice change-chg_1-invoice"
		ended    = "POST /v1/subscriptions/sub_1 cancel_at_period_end=true change-chg_1-cancel"
		endedNow = "DELETE /v1/subscriptions/sub_1  change-chg_1-cancel_now"
		open     = "GET /v1/invoices"
		voidOpen = "POST /v1/invoices/in_1/void  change-chg_1-void-open-in_1"
	)
	all := map[string]string{
		"POST /v1/invoices/in_1/void":                         `{"id":"in_1"}`,
		"POST /v1/subscription_schedules/sub_sched_1/release": `{"id":"sub_sched_1"}`,
		"POST /v1/subscriptions/sub_1":                        `{"id":"sub_1"}`,
		"DELETE /v1/subscriptions/sub_1":                      `{"id":"sub_1"}`,
		open:                                                  `{"object":"list","data":[{"id":"in_1","status":"open"}]}`,
	}
	owing := map[string]string{
		"POST /v1/subscriptions/sub_1": `{"id":"sub_1",
			"latest_invoice":{"id":"in_2","status":"open","billing_reason":"subscription_update"}}`,
	}
	for name, c := range map[string]struct {
		steps   billing.ChangeSteps
		answers map[string]string
		asked   []string
		owed    billing.InvoiceID
		code    billing.Code
	}{
		"Swap": {
			billing.ChangeSteps{Action: billing.ActionSwap, Void: "in_1", Release: "sub_sched_1", Uncancel: true}, all,
			[]string{voided, swapped, released, kept}, "", "",
		},
		"VoidRefused": {
			billing.ChangeSteps{Action: billing.ActionSwap, Void: "in_1"}, owing, []string{voided}, "",
			billing.EStripeRefused,
		},
		"SwapRefused": {
			billing.ChangeSteps{Action: billing.ActionSwap, Uncancel: true}, nil, []string{swapped}, "",
			billing.EStripeRefused,
		},
		"Owed": {
			billing.ChangeSteps{Action: billing.ActionInvoice, Uncancel: true}, owing, []string{invoiced}, "in_2", "",
		},
		"Invoiced": {
			billing.ChangeSteps{Action: billing.ActionInvoice, Undate: true}, all, []string{invoiced, undated}, "", "",
		},
		"Cancel": {billing.ChangeSteps{Action: billing.ActionCancel}, all, []string{ended}, "", ""},
		"CancelNow": {
			billing.ChangeSteps{Action: billing.ActionCancelNow}, all, []string{endedNow, open, voidOpen}, "", "",
		},
		"CancelNowNo": {
			billing.ChangeSteps{Action: billing.ActionCancelNow}, nil, []string{endedNow}, "", billing.EStripeRefused,
		},
		"TakeBack": {
			billing.ChangeSteps{Release: "sub_sched_1", Undate: true, Unpause: true}, all,
			[]string{released, undated, collects}, "", "",
		},
		"ReleaseNo": {
			billing.ChangeSteps{Release: "sub_sched_1", Undate: true}, owing, []string{released}, "",
			billing.EStripeRefused,
		},
		"KeepNo": {
			billing.ChangeSteps{Uncancel: true, Unpause: true}, nil, []string{kept}, "", billing.EStripeRefused,
		},
		"UndateNo": {
			billing.ChangeSteps{Undate: true, Unpause: true}, nil, []string{undated}, "", billing.EStripeRefused,
		},
		"CollectNo": {billing.ChangeSteps{Unpause: true}, nil, []string{collects}, "", billing.EStripeRefused},
		"ScheduleNo": {
			billing.ChangeSteps{Action: billing.ActionSchedule, Uncancel: true}, nil, []string{kept}, "",
			billing.EStripeRefused,
		},
		"KeptFirst": {
			billing.ChangeSteps{Action: billing.ActionSchedule, Uncancel: true}, all,
			[]string{kept, "POST /v1/subscription_schedules from_subscription=sub_1 change-chg_1-schedule-schedule"},
			"", billing.EStripeRefused,
		},
		"EndScheduled": {
			billing.ChangeSteps{Action: billing.ActionCancel, Schedule: "sub_sched_1"}, all,
			[]string{"GET /v1/subscription_schedules/sub_sched_1"}, "", billing.EStripeRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m := remembering(t, c.answers)
			c.steps.Subscription, c.steps.Item, c.steps.Price, c.steps.Quantity = "sub_1", "si_1", "price_2", 2
			owed, err := s.askFor(t.Context(), &billing.SubscriptionChange{ID: "chg_1", Steps: &c.steps}, func(
				_ context.Context, about billing.SubscriptionChange,
			) error {
				if len(about.Voided) != 1 || about.Voided[0].ID != "in_1" || slices.Contains(m.asked, voidOpen) {
					t.Errorf("noted %+v after %q", about.Voided, m.asked)
				}
				return nil
			})
			if owed.ID != c.owed || billing.CodeOf(err) != c.code {
				t.Errorf("owed %q, %v", owed.ID, err)
			}
			if !slices.Equal(m.asked, c.asked) {
				t.Errorf("\n got %q\nwant %q", m.asked, c.asked)
			}
		})
	}
}

// TestReplaceLate proves what a change that was paid late still withdraws: the end that it was to replace, as it was
// then, and the schedule that it knew. It withdraws nothing of a subscription that has ended.
func TestReplaceLate(t *testing.T) {
	t.Parallel()
	const look, write = "GET /v1/subscriptions/sub_1", "POST /v1/subscriptions/sub_1"
	const kept, undated = write + " cancel_at_period_end=false change-chg_1-keep", write +
		" cancel_at= change-chg_1-keep"
	const released = "POST /v1/subscription_schedules/sub_sched_1/release  change-chg_1-release"
	uncancel, undate, release := billing.ChangeSteps{
		Uncancel: true, CanceledAt: 100,
	}, billing.ChangeSteps{Undate: true, CanceledAt: 100}, billing.ChangeSteps{Release: "sub_sched_1"}
	for name, c := range map[string]struct {
		steps billing.ChangeSteps
		is    string // the subscription's status
		asked []string
	}{
		"Nothing": {billing.ChangeSteps{CanceledAt: 100}, `"status":"active"`, nil},
		"End": {
			uncancel, `"status":"active","cancel_at_period_end":true,"canceled_at":100`, []string{look, kept},
		},
		"EndDecidedSince": {
			uncancel, `"status":"active","cancel_at_period_end":true,"canceled_at":101`, []string{look},
		},
		"EndTakenBackSince": {uncancel, `"status":"active","canceled_at":100`, []string{look}},
		"EndOfNoTime":       {uncancel, `"status":"active","cancel_at_period_end":true`, []string{look}},
		"HasEnded": {
			uncancel, `"status":"canceled","cancel_at_period_end":true,"canceled_at":100`, []string{look},
		},
		"Date":             {undate, `"status":"active","cancel_at":300,"canceled_at":100`, []string{look, undated}},
		"DateDecidedSince": {undate, `"status":"active","cancel_at":300,"canceled_at":101`, []string{look}},
		"DateIsThePeriods": {
			undate, `"status":"active","cancel_at_period_end":true,"cancel_at":300,"canceled_at":100`, []string{look},
		},
		"Schedule": {
			release, `"status":"active","schedule":{"id":"sub_sched_1","status":"active"}`, []string{look, released},
		},
		"AnotherSchedule": {
			release, `"status":"active","schedule":{"id":"sub_sched_2","status":"active"}`, []string{look},
		},
		"ScheduleIsGone": {release, `"status":"active"`, []string{look}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m := remembering(
				t,
				map[string]string{
					look: `{"id":"sub_1",` + c.is + `}`, write: `{"id":"sub_1"}`,
					"POST /v1/subscription_schedules/sub_sched_1/release": `{"id":"sub_sched_1"}`,
				},
			)
			c.steps.Subscription = "sub_1"
			before := c.steps
			if err := s.replaceLate(t.Context(), billing.SubscriptionChange{ID: "chg_1", Steps: &c.steps}); err != nil {
				t.Error(err)
			}
			if !slices.Equal(m.asked, c.asked) {
				t.Errorf("\n got %q\nwant %q", m.asked, c.asked)
			}
			if c.steps != before {
				t.Error("the steps that are written down were changed")
			}
		})
	}
	s, _ := remembering(t, nil)
	if err := s.replaceLate(
		t.Context(),
		billing.SubscriptionChange{ID: "chg_1", Steps: &billing.ChangeSteps{Subscription: "sub_1", Uncancel: true}},
	); billing.CodeOf(err) != billing.EStripeRefused {
		t.Error(err)
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

// TestDefinite proves which errors end a change: those that would not change on a retry.
func TestDefinite(t *testing.T) {
	t.Parallel()
	for code, want := range map[billing.Code]bool{
		billing.EStripeRefused: true, billing.EConflict: true, billing.EPaymentRequired: true,
		billing.EStripeUnavailable: false, billing.EUnavailable: false, billing.EInternal: false,
		billing.ETooMany: false,
	} {
		if got := definite(billing.Errorf(code, "x")); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
	if definite(nil) {
		t.Error("no error")
	}
}

// TestOrdersBesideEachOther proves when a page is returned again, and when it is closed for a newer one. Also proves
// what is not sold while another payment is under way.
func TestOrdersBesideEachOther(t *testing.T) {
	t.Parallel()
	open := billing.Order{
		ID:          "ord_2",
		Kind:        billing.KindPlan,
		Status:      billing.OrderPending,
		CheckoutID:  "cs_1",
		URL:         "https://x",
		RequestHash: "h",
		Amount:      900,
		Currency:    "usd",
		Points:      500,
		ExpiresAt:   new(at(12).Add(reuseMargin + time.Second)),
	}
	for name, c := range map[string]struct {
		change func(o *billing.Order)
		want   bool
	}{
		"Same": {func(*billing.Order) {}, true}, "Fulfilled": {
			func(o *billing.Order) { o.Status = billing.OrderFulfilled }, false,
		}, "NoPage": {func(o *billing.Order) { o.URL = "" }, false},
		"Another": {
			func(o *billing.Order) { o.RequestHash = "g" }, false,
		}, "Amount": {func(o *billing.Order) { o.Amount = 901 }, false}, "Currency": {
			func(o *billing.Order) { o.Currency = "eur" }, false,
		},
		"Points": {func(o *billing.Order) { o.Points = 501 }, false}, "NoEnd": {
			func(o *billing.Order) { o.ExpiresAt = nil }, false,
		},
		"EndsSoon": {func(o *billing.Order) { o.ExpiresAt = new(at(12).Add(reuseMargin)) }, false},
	} {
		o := open
		if c.change(&o); reusable(o, open, at(12)) != c.want {
			t.Errorf("%s: reusable %v", name, !c.want)
		}
	}
	older, packed, unopened := open, open, open
	older.ID, packed.ID, packed.Kind, unopened.ID, unopened.CheckoutID = "ord_1", "ord_3", billing.KindPack, "ord_4", ""
	all := []billing.Order{packed, open, older, unopened}
	for n, want := range []bool{false, false, true, false} {
		if outdated(all[n], all) != want {
			t.Errorf("%s: outdated %v", all[n].ID, !want)
		}
	}
	paying := open
	paying.URL = ""
	done, pack, draft := paying, paying, billing.Order{Kind: billing.KindPlan}
	done.Status, pack.Kind = billing.OrderFulfilled, billing.KindPack
	itself, packDraft := billing.Order{Kind: billing.KindPlan, ID: paying.ID}, billing.Order{Kind: billing.KindPack}
	for n, c := range []struct {
		draft billing.Order
		open  billing.Order
		code  billing.Code
	}{
		{draft, paying, billing.EConflict}, {draft, open, ""}, {draft, unopened, ""}, {draft, done, ""},
		{draft, pack, ""}, {itself, paying, ""}, {packDraft, paying, ""},
	} {
		if err := refuseBesidePayment(c.draft, []billing.Order{c.open}); billing.CodeOf(err) != c.code {
			t.Errorf("%d: %v", n, err)
		}
	}
	for status, want := range map[billing.SubscriptionStatus]billing.Code{
		billing.SubActive: billing.ESubscriptionExists, billing.SubPastDue: billing.ESubscriptionExists,
		billing.SubCanceled: "",
	} {
		a := billing.Account{Subscription: &billing.Subscription{Status: status}}
		if err := refuseSecond(a, draft); billing.CodeOf(err) != want {
			t.Errorf("%s: %v", status, err)
		}
		if err := refuseSecond(a, packDraft); err != nil {
			t.Errorf("a pack beside %s: %v", status, err)
		}
	}
	if err := refuseSecond(billing.Account{}, draft); err != nil {
		t.Error(err)
	}
}

// TestCounted proves which automatic orders count in a month: those made in it, except those that brought nothing.
func TestCounted(t *testing.T) {
	t.Parallel()
	begin := at(0)
	made := func(created time.Time, status billing.OrderStatus) billing.Order {
		return billing.Order{CreatedAt: created, Status: status}
	}
	for n, c := range []struct {
		o    billing.Order
		want int64
	}{
		{made(begin, billing.OrderFulfilled), 1}, {
			made(begin.Add(-1), billing.OrderFulfilled), 0,
		}, {made(begin, billing.OrderFailed), 0},
		{made(begin, billing.OrderExpired), 0}, {made(begin, billing.OrderPending), 1}, {
			made(begin, billing.OrderRefunded), 1,
		},
	} {
		if got := counted([]billing.Order{c.o, c.o}, begin); got != 2*c.want {
			t.Errorf("%d: %d", n, got)
		}
	}
}
