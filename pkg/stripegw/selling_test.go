package stripegw_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
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

// Proves what is read of a page of Stripe's list of events: only events of our types, the oldest on the page of any
// type, and whether there is more.
func TestEvents(t *testing.T) {
	t.Parallel()
	kind := stripegw.EventTypes[0]
	page := func(more bool) string {
		return list(more, fmt.Sprintf(
			`{"id":"evt_3","object":"event","type":%q,"created":7,"api_version":"2020-08-27","livemode":true,"data":{"object":{"object":"charge","id":"ch_1","customer":"cus_1"}}}`,
			kind,
		),
			`{"id":"evt_2","object":"event","type":"plan.created","data":{"object":{}}}`, fmt.Sprintf(
				`{"id":"evt_1","object":"event","type":%q}`, kind,
			), `{"id":"evt_0","object":"event","type":"plan.deleted"}`)
	}
	for _, more := range []bool{true, false} {
		g, s := newScript(t, map[string]string{"GET /v1/events": page(more)})
		got, err := g.Events(t.Context(), time.Unix(100, 5), "evt_9")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "page", got, stripegw.EventPage{Last: "evt_0", More: more, Events: []stripegw.Event{
			{
				ID:         "evt_3",
				Type:       kind,
				APIVersion: "2020-08-27",
				Livemode:   true,
				Created:    sec(7),
				ObjectType: "charge",
				ObjectID:   "ch_1",
				CustomerID: "cus_1",
			},
			{ID: "evt_1", Type: kind, Created: sec(0)},
		}})
		// one page, one call
		same(t, "asked", s.calls(), []string{"GET /v1/events created[gte]=100&limit=100&starting_after=evt_9"})
		if _, err := g.Events(t.Context(), time.Unix(100, 0), ""); err != nil {
			t.Error(err)
		}
		same(t, "asked", s.calls(), []string{"GET /v1/events created[gte]=100&limit=100"})
	}
	g, _ := newScript(t, map[string]string{"GET /v1/events": "400 resource_missing"})
	if got, err := g.Events(
		t.Context(), time.Unix(100, 0), "evt_9",
	); billing.CodeOf(err) != billing.EStripeRefused || got.Last != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Proves that the customer of an account is found among those with its email by its metadata alone: not another
// account's, not one without an account, not the former one. One page is read, however many share the email.
func TestFindCustomer(t *testing.T) {
	t.Parallel()
	of := func(id, account string) string {
		return `{"id":"` + id + `","metadata":{"pointsync_account":"` + account + `"}}`
	}
	for name, c := range map[string]struct{ listed, want string }{
		"None":             {list(false), ""},
		"Others":           {list(true, of("cus_8", "acc_2"), `{"id":"cus_9"}`), ""},
		"Former":           {list(false, of("cus_0", "acc_1")), ""},
		"Ours":             {list(false, of("cus_8", "acc_2"), of("cus_1", "acc_1")), "cus_1"},
		"OursBesideFormer": {list(false, of("cus_0", "acc_1"), of("cus_1", "acc_1")), "cus_1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{"GET /v1/customers": c.listed})
			got, err := g.FindCustomer(t.Context(), "acc_1", "a@example.com", "cus_0")
			if string(got) != c.want || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			same(t, "asked", s.calls(), []string{"GET /v1/customers email=a@example.com&limit=100"})
		})
	}
}

// Proves that a customer is created under a key that names the account and the earlier customer, with an email if there
// is one. Also proves how the portal is requested.
func TestCustomerCalls(t *testing.T) {
	t.Parallel()
	g, s := newScript(t, map[string]string{
		"POST /v1/customers": `{"id":"cus_1"}`, "POST /v1/billing_portal/sessions": `{"url":"https://portal"}`,
		"GET /v1/customers/cus_1": `{"id":"cus_1"}`, "GET /v1/customers/cus_2": `{"id":"cus_2","deleted":true}`,
		"GET /v1/customers/cus_3": "403 ",
	})
	for _, c := range []struct {
		email  string
		former billing.CustomerID
		asked  string
	}{
		{
			"a@example.com", "",
			"POST /v1/customers email=a@example.com&metadata[pointsync_account]=acc_1 customer-acc_1",
		},
		{"", "cus_0", "POST /v1/customers metadata[pointsync_account]=acc_1 customer-acc_1-after-cus_0"},
	} {
		if id, err := g.CreateCustomer(t.Context(), "acc_1", c.email, c.former); id != "cus_1" || err != nil {
			t.Errorf("%q, %v", id, err)
		}
		same(t, "asked", s.calls(), []string{c.asked})
	}
	for back, form := range map[string]string{
		"https://shop": "customer=cus_1&return_url=https://shop", "": "customer=cus_1",
	} {
		if url, err := g.PortalURL(t.Context(), "cus_1", back); url != "https://portal" || err != nil {
			t.Errorf("%q, %v", url, err)
		}
		if calls := s.calls(); len(calls) != 1 || !strings.HasPrefix(
			calls[0], "POST /v1/billing_portal/sessions "+form+" ",
		) {
			t.Errorf("asked %q", calls)
		}
	}
	for id, want := range map[billing.CustomerID]struct {
		deleted bool
		code    billing.Code
	}{
		"cus_1": {false, ""}, "cus_2": {true, ""}, "cus_3": {false, billing.EStripeRefused},
		"cus_4": {false, billing.EStripeRefused}, "": {false, billing.EInternal},
	} {
		if deleted, err := g.IsDeleted(t.Context(), id); deleted != want.deleted || billing.CodeOf(err) != want.code {
			t.Errorf("%s: %v, %v", id, deleted, err)
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

// Proves that ids and types of an event may have up to 255 bytes, and that a longer id of an object counts as none.
// Claims are read from an unsigned event.
func TestEventEdges(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	body := func(id, kind, object string) []byte {
		return fmt.Appendf(
			nil,
			`{"object":"event","id":%q,"type":%q,"data":{"object":{"object":"charge","id":%q,"customer":{"id":%q}}}}`,
			id, kind, object, object,
		)
	}
	for name, c := range map[string]struct {
		body   []byte
		ok     bool
		object string
	}{
		"Usual": {body("evt_1", "a.b", "ch_1"), true, "ch_1"}, "Longest": {body(long, long, long), true, long},
		"LongID": {body(long+"x", "a.b", "ch_1"), false, ""}, "LongType": {body("evt_1", long+"x", "ch_1"), false, ""},
		"LongObject": {
			body("evt_1", "a.b", long+"x"), true, "",
		}, "NoID": {body("", "a.b", "ch_1"), false, ""}, "NoType": {body("evt_1", "", "ch_1"), false, ""},
		"NoEvent": {
			[]byte(`{"object":"charge","id":"ch_1","type":"x"}`), false, "",
		}, "NoJSON": {[]byte(`{`), false, ""},
	} {
		e, ok := stripegw.Claims(c.body)
		if ok != c.ok || ok && (e.ObjectID != c.object || string(e.CustomerID) != c.object) {
			t.Errorf("%s: %+v, %v", name, e, ok)
		}
	}
}

// Proves the limits of a signature. It may be up to 300 seconds old or ahead, and no more. Its header may have up to 16
// signatures, and no more, and up to 4096 bytes, and no more.
func TestSignatureEdges(t *testing.T) {
	t.Parallel()
	const body = `{"object":"event","id":"evt_1","type":"a.b"}`
	now := time.Unix(1_700_000_000, 999)
	for age, ok := range map[int64]bool{300: true, 301: false, -300: true, -301: false, 0: true} {
		if _, err := stripegw.ParseEvent(
			[]byte(body), header("whsec_1", now.Add(-time.Duration(age)*time.Second), body), []string{"whsec_1"}, now,
		); (err == nil) != ok {
			t.Errorf("%d seconds: %v", age, err)
		}
	}
	for length, ok := range map[int]bool{4096: true, 4097: false} {
		h := header("whsec_1", now, body) + ",v0="
		h += strings.Repeat("0", length-len(h))
		if _, err := stripegw.ParseEvent([]byte(body), h, []string{"whsec_1"}, now); (err == nil) != ok {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
	for others, ok := range map[int]bool{0: true, 15: true, 16: false} {
		h := header("whsec_1", now, body) + strings.Repeat(",v1=00", others)
		if _, err := stripegw.ParseEvent([]byte(body), h, []string{"whsec_1"}, now); (err == nil) != ok {
			t.Errorf("%d more signatures: %v", others, err)
		}
	}
	if _, err := stripegw.ParseEvent(
		[]byte(body), header("whsec_1", now, body), nil, now,
	); billing.CodeOf(err) != billing.EInternal {
		t.Error(err)
	}
}

// Proves that a price carries the terms that it was created with: what setup writes is what is read.
func TestTermsAreWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plan billing.Plan
		want map[string]string
	}{
		"Plain": {billing.Plan{Points: 500}, map[string]string{"points": "500"}},
		"Trial": {
			billing.Plan{Points: 500, TrialDays: 7, TrialPoints: 1},
			map[string]string{"points": "500", "trial_points": "1"},
		},
		"Monthly": {
			billing.Plan{Points: 500, GrantInterval: "month", Interval: "year"},
			map[string]string{"points": "500", "grant_interval": "month"},
		},
		"Cap": {billing.Plan{Points: 500, Rollover: 1}, map[string]string{"points": "500", "rollover": "1"}},
		"All": {
			billing.Plan{Points: 500, Rollover: billing.RolloverAll},
			map[string]string{"points": "500", "rollover": "all"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.plan.ID, c.plan.Name, c.plan.Amount, c.plan.Currency, c.plan.MaxQuantity = "basic", "Basic", 900, "usd", 1
			if c.plan.Interval == "" {
				c.plan.Interval = "month"
			}
			got := writtenTerms(t, t.Context(), c.plan)
			if !maps.Equal(got, c.want) {
				t.Errorf("written %v, want %v", got, c.want)
			}
		})
	}
}

func writtenTerms(t *testing.T, ctx context.Context, plan billing.Plan) map[string]string {
	t.Helper()
	g, s := newScript(t, map[string]string{
		"GET /v1/products/pointsync_basic": `{"id":"pointsync_basic","active":true,"name":"Basic","metadata":{"pointsync_item":"basic"}}`,
		"GET /v1/prices":                   list(false), "POST /v1/prices": `{"id":"price_1"}`,
		"POST /v1/products/pointsync_basic": `{"id":"pointsync_basic"}`,
	})
	if _, err := g.EnsureCatalog(ctx, &catalog.Catalog{Plans: []billing.Plan{plan}}); err != nil {
		t.Fatal(err)
	}
	terms := map[string]string{}
	for _, call := range s.calls() {
		form, made := strings.CutPrefix(call, "POST /v1/prices ")
		if !made {
			continue
		}
		for _, field := range strings.Split(strings.Fields(form)[0], "&") {
			name, value, _ := strings.Cut(field, "=")
			if key, ok := strings.CutPrefix(name, "metadata[pointsync_"); ok && key != "item]" {
				terms[strings.TrimSuffix(key, "]")] = value
			}
		}
	}
	return terms
}
