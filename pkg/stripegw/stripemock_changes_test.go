package stripegw_test

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// changingCalls returns the calls that change subscriptions.
func changingCalls() []mockCall {
	item := stripegw.NewItem{
		Subscription: "sub_1", Item: "si_1", Price: "price_1", Quantity: 2, ProrationDate: 1700000000, Key: "key",
	}
	phases := `"phases":[{"start_date":1,"end_date":2,"trial_end":2,"coupon":"half","default_payment_method":"pm_1","items":[{"price":"price_0","quantity":1}]}]`
	scheduled := `{"id":"sub_1","items":{"data":[{"id":"si_1","price":{"id":"price_0","metadata":{"pointsync_item":"basic"}}}]},"schedule":{"id":"sub_sched_1","status":"active","current_phase":{"start_date":1,"end_date":2},"phases":[{"start_date":2,"items":[{"price":"price_1","quantity":1}]}]}}`
	return []mockCall{
		{"Subscription", []string{"GET /v1/subscriptions/sub_1"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.Subscription(ctx, "sub_1")
			return err
		}},
		{"SubscriptionScheduled", []string{"GET /v1/prices/price_1"}, map[string]string{
			"GET /v1/subscriptions/sub_1": scheduled,
		},
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.Subscription(ctx, "sub_1")
				return err
			}},
		{"FetchScheduled", []string{"GET /v1/prices/price_1"}, map[string]string{
			"GET /v1/subscriptions": list(false, scheduled),
		},
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.Fetch(ctx, stripegw.Want{Customer: "cus_1"})
				return err
			}},
		{"ChargeItem", []string{"POST /v1/subscriptions/sub_1"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.ChargeItem(ctx, item)
			return err
		}},
		{
			"SwapItem", []string{"POST /v1/subscriptions/sub_1"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error { return g.SwapItem(ctx, item) },
		},
		{"ScheduleItem", []string{
			"POST /v1/subscription_schedules", "POST /v1/subscription_schedules/sub_sched_1",
		}, map[string]string{
			"POST /v1/subscription_schedules": `{"id":"sub_sched_1",` + phases + `}`,
		}, func(ctx context.Context, g *stripegw.Gateway) error { return g.ScheduleItem(ctx, item, "", 3) }},
		{"ScheduleItemAgain", []string{
			"GET /v1/subscription_schedules/sub_sched_1", "POST /v1/subscription_schedules/sub_sched_1",
		}, map[string]string{
			"GET /v1/subscription_schedules/sub_sched_1": `{"id":"sub_sched_1","current_phase":{"start_date":1,"end_date":2},` + phases + `}`,
		}, func(ctx context.Context, g *stripegw.Gateway) error {
			return g.ScheduleItem(ctx, item, "sub_sched_1", 3)
		}},
		{"EndScheduled", []string{
			"GET /v1/subscription_schedules/sub_sched_1", "POST /v1/subscription_schedules/sub_sched_1",
		}, map[string]string{
			"GET /v1/subscription_schedules/sub_sched_1": `{"id":"sub_sched_1","current_phase":{"start_date":1,"end_date":2},` + phases + `}`,
		}, func(ctx context.Context, g *stripegw.Gateway) error {
			return g.EndScheduled(ctx, "sub_sched_1", 3, "key")
		}},
		{"InvoiceItem", []string{"POST /v1/subscriptions/sub_1"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.InvoiceItem(ctx, item)
			return err
		}},
		{"CollectAgain", []string{"POST /v1/subscriptions/sub_1"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error { return g.CollectAgain(ctx, "sub_1", "key") }},
		{"ReleaseSchedule", []string{"POST /v1/subscription_schedules/sub_sched_1/release"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error {
				return g.ReleaseSchedule(ctx, "sub_sched_1", "key")
			}},
		{"CancelAtPeriodEnd", []string{"POST /v1/subscriptions/sub_1"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error { return g.CancelAtPeriodEnd(ctx, "sub_1", "key") }},
		{"KeepSubscription", []string{"POST /v1/subscriptions/sub_1"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error { return g.KeepSubscription(ctx, "sub_1", "key") }},
		{"KeepPastDate", []string{"POST /v1/subscriptions/sub_1"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error { return g.KeepPastDate(ctx, "sub_1", "key") }},
		{"CancelNow", []string{"DELETE /v1/subscriptions/sub_1"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error { return g.CancelNow(ctx, "sub_1", "key") }},
		{"RestartSubscription", []string{"POST /v1/subscriptions/sub_1/resume"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.RestartSubscription(ctx, "sub_1", "key")
			return err
		}},
		{
			"Owed", []string{"GET /v1/invoices/in_1"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error { _, _, err := g.Owed(ctx, "in_1"); return err },
		},
		{"VoidInvoice", []string{"POST /v1/invoices/in_1/void"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error {
				return errorOf(g.VoidInvoice(ctx, "in_1", "key"))
			}},
		{"OpenInvoices", []string{"GET /v1/invoices"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error { return errorOf(g.OpenInvoices(ctx, "sub_1")) }},
		{"OpenInvoicesOf", []string{"GET /v1/invoices"}, nil, func(ctx context.Context, g *stripegw.Gateway) error {
			return errorOf(g.OpenInvoicesOf(ctx, "cus_1"))
		}},
		{"PreviewCharge", []string{"GET /v1/invoices/upcoming"}, map[string]string{
			"GET /v1/invoices/upcoming": `{"lines":{"data":[]}}`,
		},
			func(ctx context.Context, g *stripegw.Gateway) error { _, err := g.PreviewCharge(ctx, item); return err }},
		{"PromotionCode", []string{"GET /v1/promotion_codes"}, map[string]string{
			"GET /v1/promotion_codes": list(
				false, `{"id":"promo_1","active":true,"code":"half","coupon":{"valid":true}}`,
			),
		}, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.PromotionCode(ctx, "HALF", "cus_1")
			return err
		}},
		{"CheckoutWithPromotion", []string{"POST /v1/checkout/sessions"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.CreateCheckout(
				ctx, stripegw.NewCheckout{Order: aPack(), Customer: "cus_1", Price: "price_1", Promotion: "promo_1"},
			)
			return err
		}},
		{"CheckoutAllowsPromotions", []string{"POST /v1/checkout/sessions"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.CreateCheckout(
				ctx, stripegw.NewCheckout{Order: aPack(), Customer: "cus_1", Price: "price_1", AllowPromotions: true},
			)
			return err
		}},
		{"PlanPrice", []string{"GET /v1/prices"}, map[string]string{
			"GET /v1/prices": list(
				false,
				`{"id":"price_1","active":true,"lookup_key":"pointsync_basic","unit_amount":900,"currency":"usd","product":"pointsync_basic","recurring":{"interval":"month","interval_count":1}}`,
			),
		}, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.PlanPrice(ctx, billing.Plan{ID: "basic", Amount: 900, Currency: "usd", Interval: "month"})
			return err
		}},
	}
}

func aPack() billing.Order {
	return billing.Order{
		ID:         "ord_1",
		AccountID:  "acc_1",
		Item:       "pack",
		Kind:       billing.KindPack,
		Quantity:   1,
		SuccessURL: "https://shop.example/ok",
		CancelURL:  "https://shop.example/no",
	}
}
