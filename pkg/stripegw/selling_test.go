package stripegw_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves which promotion code a typed text means: an active one with exactly that text and a valid coupon. The
// customer's own is preferred to one for everyone, and the first to a later one. Another customer's is never used.
func TestPromotionCode(t *testing.T) {
	t.Parallel()
	code := func(id, text, more string) string {
		return fmt.Sprintf(`{"id":%q,"active":true,"code":%q,"coupon":{"id":"half","valid":true}%s}`, id, text, more)
	}
	anybodys, own, other := code("promo_1", "HALF", ""), code(
		"promo_2", "half", `,"customer":"cus_1"`,
	), code("promo_3", "HALF", `,"customer":"cus_2"`)
	for name, c := range map[string]struct {
		listed []string
		want   billing.PromotionCodeID
		code   billing.Code
	}{
		"Anybodys":     {[]string{anybodys}, "promo_1", ""},
		"First":        {[]string{anybodys, code("promo_4", "HALF", "")}, "promo_1", ""},
		"OwnAfter":     {[]string{anybodys, own}, "promo_2", ""},
		"OwnBefore":    {[]string{own, anybodys}, "promo_2", ""},
		"AnothersOnly": {[]string{other}, "", billing.ENotFound},
		"None":         {nil, "", billing.ENotFound},
		"OtherText":    {[]string{code("promo_1", "HALFPRICE", "")}, "", billing.ENotFound},
		"Inactive": {
			[]string{strings.Replace(anybodys, `"active":true`, `"active":false`, 1)}, "", billing.ENotFound,
		},
		"UsedUp": {
			[]string{strings.Replace(anybodys, `"valid":true`, `"valid":false`, 1)}, "", billing.ENotFound,
		},
		"WithoutOne": {[]string{`{"id":"promo_1","active":true,"code":"HALF"}`}, "", billing.ENotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{"GET /v1/promotion_codes": list(false, c.listed...)})
			got, err := g.PromotionCode(t.Context(), "Half", "cus_1")
			if got != c.want || billing.CodeOf(err) != c.code {
				t.Errorf("%q, %v", got, err)
			}
			same(t, "asked", s.calls(), []string{"GET /v1/promotion_codes active=true&code=Half&limit=100"})
		})
	}
	g, _ := newScript(t, map[string]string{"GET /v1/promotion_codes": "403 "})
	if _, err := g.PromotionCode(t.Context(), "HALF", "cus_1"); billing.CodeOf(err) != billing.EStripeRefused {
		t.Error(err)
	}
	if _, err := g.PromotionCode(t.Context(), "", "cus_1"); billing.CodeOf(err) != billing.EInternal {
		t.Error(err)
	}
}

// Proves what a page contains besides its order: a discount or the field to type a code, that the method is saved, and
// how long a trial lasts.
func TestCheckoutExtras(t *testing.T) {
	t.Parallel()
	pack := billing.Order{
		ID:         "ord_1",
		AccountID:  "acc_1",
		Item:       "pack",
		Kind:       billing.KindPack,
		Quantity:   1,
		SuccessURL: "https://s",
		CancelURL:  "https://c",
	}
	plan := pack
	plan.Kind = billing.KindPlan
	for name, c := range map[string]struct {
		n    stripegw.NewCheckout
		want []string // what there is besides what every page has
	}{
		"Plain": {stripegw.NewCheckout{Order: pack}, nil},
		"Save": {
			stripegw.NewCheckout{Order: pack, SaveMethod: true},
			[]string{"payment_intent_data[setup_future_usage]=off_session"},
		},
		"Promotion": {
			stripegw.NewCheckout{Order: pack, Promotion: "promo_1", AllowPromotions: true},
			[]string{"discounts[0][promotion_code]=promo_1"},
		},
		"Allowed": {stripegw.NewCheckout{Order: plan, AllowPromotions: true}, []string{"allow_promotion_codes=true"}},
		"Trial": {
			stripegw.NewCheckout{Order: plan, TrialDays: 1}, []string{"subscription_data[trial_period_days]=1"},
		},
		"PlanSave": {stripegw.NewCheckout{Order: plan, SaveMethod: true}, nil}, // a plan's method is kept anyway
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{"POST /v1/checkout/sessions": `{"id":"cs_1"}`})
			c.n.Customer, c.n.Price = "cus_1", "price_1"
			if _, err := g.CreateCheckout(t.Context(), c.n); err != nil {
				t.Fatal(err)
			}
			_, form, _ := strings.Cut(s.calls()[0], "sessions ")
			form, _, _ = strings.Cut(form, " checkout-ord_1")
			var extra []string
			for _, field := range strings.Split(form, "&") {
				usual := slices.ContainsFunc([]string{
					"cancel_url", "client_reference_id", "customer", "line_items", "metadata", "mode", "success_url",
					"payment_intent_data[metadata]", "subscription_data[metadata]",
				}, func(name string) bool { return strings.HasPrefix(field, name) })
				if !usual {
					extra = append(extra, field)
				}
			}
			same(t, "extra", extra, c.want)
		})
	}
}

// Proves that only a refusal of the discount is the customer's to correct, and only if one was requested. No id of a
// page may be missing.
func TestCheckoutRefused(t *testing.T) {
	t.Parallel()
	order := billing.Order{ID: "ord_1", AccountID: "acc_1", Item: "pack", Kind: billing.KindPack, Quantity: 1}
	for name, c := range map[string]struct {
		promotion billing.PromotionCodeID
		answer    string
		want      billing.Code
	}{
		"Expired":        {"promo_1", "400 coupon_expired", billing.EInvalid},
		"ExpiredNotOurs": {"", "400 coupon_expired", billing.EStripeRefused},
		"Discounts":      {"promo_1", "400 - discounts[0][promotion_code]", billing.EInvalid},
		"SomethingElse":  {"promo_1", "400 - line_items", billing.EStripeRefused},
		"Forbidden":      {"promo_1", "403 coupon_expired", billing.EStripeRefused},
		"Away":           {"promo_1", "503 ", billing.EStripeUnavailable},
	} {
		g, _ := newScript(t, map[string]string{"POST /v1/checkout/sessions": c.answer})
		_, err := g.CreateCheckout(
			t.Context(),
			stripegw.NewCheckout{Order: order, Customer: "cus_1", Price: "price_1", Promotion: c.promotion},
		)
		if billing.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Proves that the lists of pages expand what identifies a failed payment. Two pages are requested one by one, and three
// by the list.
func TestPagesAreExpanded(t *testing.T) {
	t.Parallel()
	g, s := newScript(t, map[string]string{
		"GET /v1/checkout/sessions": list(
			false, `{"id":"cs_1"}`, `{"id":"cs_2"}`, `{"id":"cs_3"}`,
		), "GET /v1/checkout/sessions/cs_1": `{"id":"cs_1"}`, "GET /v1/checkout/sessions/cs_2": `{"id":"cs_2"}`,
		"GET /v1/invoices": list(false), "GET /v1/subscriptions": list(false, `{"id":"sub_1"}`),
		"GET /v1/charges": list(false),
	})
	const listed = "GET /v1/checkout/sessions customer=cus_1&expand[0]=data.payment_intent&expand[1]=data.invoice.payment_intent&limit=100"
	for _, ids := range [][]billing.CheckoutID{{"cs_1", "cs_2"}, {"cs_1", "cs_2", "cs_3"}} {
		got, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1", Checkouts: ids})
		if err != nil || len(got.Checkouts) != len(ids) || contains(s, listed) != (len(ids) == 3) {
			t.Errorf("%d pages: %+v, %v, asked %q", len(ids), got.Checkouts, err, s.calls())
		}
	}
}
