package stripegw_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// A request to Stripe contains the order and nothing else: its item once, its redirects, and our ids in every place
// where an event or an object may need to lead back to us.
func TestCreateCheckout(t *testing.T) {
	t.Parallel()
	expires := time.Unix(1_700_003_600, 0)
	pack := billing.Order{
		ID: "ord_1", AccountID: "acc_1", Item: "pack_100", Kind: billing.KindPack, Quantity: 3,
		SuccessURL: "https://shop.example/ok?s={CHECKOUT_SESSION_ID}", CancelURL: "https://shop.example/no",
	}
	plan := pack
	plan.Kind, plan.Quantity, plan.ExpiresAt = billing.KindPlan, 1, &expires
	common := map[string]string{
		"customer": "cus_1", "client_reference_id": "ord_1", "line_items[0][price]": "price_1",
		"success_url": pack.SuccessURL, "cancel_url": pack.CancelURL,
		"metadata[pointsync_order]": "ord_1", "metadata[pointsync_account]": "acc_1",
	}
	for name, test := range map[string]struct {
		n    stripegw.NewCheckout
		want map[string]string
	}{
		"Pack": {stripegw.NewCheckout{Order: pack, Customer: "cus_1", Price: "price_1"}, map[string]string{
			"mode": "payment", "line_items[0][quantity]": "3",
			"payment_intent_data[metadata][pointsync_order]":   "ord_1",
			"payment_intent_data[metadata][pointsync_account]": "acc_1",
		}},
		"PlanWithTrial": {stripegw.NewCheckout{
			Order: plan, Customer: "cus_1", Price: "price_1", TrialDays: 14,
		}, map[string]string{
			"mode": "subscription", "line_items[0][quantity]": "1", "expires_at": "1700003600",
			"subscription_data[trial_period_days]":           "14",
			"subscription_data[metadata][pointsync_order]":   "ord_1",
			"subscription_data[metadata][pointsync_account]": "acc_1",
		}},
		"PlanWithoutTrial": {stripegw.NewCheckout{Order: plan, Customer: "cus_1", Price: "price_1"}, map[string]string{
			"mode": "subscription", "line_items[0][quantity]": "1", "expires_at": "1700003600",
			"subscription_data[metadata][pointsync_order]":   "ord_1",
			"subscription_data[metadata][pointsync_account]": "acc_1",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var form url.Values
			var key string
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				r.ParseForm()
				form, key = r.PostForm, r.Header.Get("Idempotency-Key")
				answer(
					w, 200,
					`{"id":"cs_1","object":"checkout.session","status":"open","payment_status":"unpaid","url":"https://x","expires_at":1700003600}`,
				)
			})
			got, err := g.CreateCheckout(t.Context(), test.n)
			want := billing.StripeCheckout{
				ID: "cs_1", URL: "https://x", Status: "open", PaymentStatus: "unpaid", ExpiresAt: expires.UTC(),
			}
			if err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
			if key != "checkout-ord_1" {
				t.Errorf("idempotency key %q", key)
			}
			maps.Copy(test.want, common)
			for name, value := range test.want {
				if form.Get(name) != value {
					t.Errorf("%s is %q, want %q", name, form.Get(name), value)
				}
			}
			if len(form) != len(test.want) {
				t.Errorf("asked %v, want %v", slices.Sorted(maps.Keys(form)), slices.Sorted(maps.Keys(test.want)))
			}
		})
	}
}

// A price that Stripe refuses to sell is looked up again for the next order.
func TestRefusedPriceIsForgotten(t *testing.T) {
	t.Parallel()
	lookups := 0
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			refuse(w, 400, "invalid_request_error", "", "line_items[0][price]", "The price specified is inactive.")
			return
		}
		lookups++
		answer(w, 200, list(false, `{"id":"price_1","active":true,"lookup_key":"pointsync_pack_100"}`))
	})
	order := billing.Order{ID: "ord_1", AccountID: "acc_1", Item: "pack_100", Kind: billing.KindPack, Quantity: 1}
	for want := 1; want <= 2; want++ {
		price, err := g.Price(t.Context(), order.Item)
		if err != nil || lookups != want {
			t.Fatalf("%d lookups, want %d; %v", lookups, want, err)
		}
		_, err = g.CreateCheckout(t.Context(), stripegw.NewCheckout{Order: order, Customer: "cus_1", Price: price})
		if billing.CodeOf(err) != billing.EStripeRefused {
			t.Fatalf("got %v", err)
		}
	}
}
