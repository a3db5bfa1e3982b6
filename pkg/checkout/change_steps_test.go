package checkout

import (
	"context"
	"slices"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

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

		open: `{"object":"list","data":[{"id":"in_1","status":"open"}]}`,
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
