package stripegw_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves how the payment of an automatic order is found: by its id, or among the customer's since a day before the
// order, by the order that it names. For an order made at second 86,500 the search begins at second 100.
func TestOrderIntent(t *testing.T) {
	t.Parallel()
	const byID, all = "GET /v1/payment_intents/pi_1", "GET /v1/payment_intents"
	order := billing.Order{ID: "ord_1", CreatedAt: sec(86_500)}
	known := order
	known.PaymentIntentID = "pi_1"
	mine := `{"id":"pi_1","status":"succeeded","metadata":{"pointsync_order":"ord_1"}}`
	want := billing.StripeIntent{ID: "pi_1", OrderID: "ord_1", Status: "succeeded"}
	for name, c := range map[string]struct {
		order  billing.Order
		answer string
		asked  string
		want   billing.StripeIntent
		ok     bool
		refuse billing.Code
	}{
		"Known":     {known, mine, byID, want, true, ""},
		"KnownGone": {known, "403 ", byID, billing.StripeIntent{}, false, billing.EStripeRefused},
		"Listed": {
			order, list(false, `{"id":"pi_0","metadata":{"pointsync_order":"ord_0"}}`, mine, `{"id":"pi_2"}`),
			all + " created[gte]=100&customer=cus_1&limit=100", want, true, "",
		},
		"NotListed": {
			order, list(false, `{"id":"pi_0","metadata":{"pointsync_order":"ord_0"}}`),
			all + " created[gte]=100&customer=cus_1&limit=100", billing.StripeIntent{}, false, "",
		},
		"Refused": {
			order, "403 ", all + " created[gte]=100&customer=cus_1&limit=100", billing.StripeIntent{}, false,
			billing.EStripeRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{byID: c.answer, all: c.answer})
			got, ok, err := g.OrderIntent(t.Context(), "cus_1", c.order)
			if ok != c.ok || billing.CodeOf(err) != c.refuse {
				t.Errorf("%v, %v", ok, err)
			}
			same(t, "intent", got, c.want)
			same(t, "asked", s.calls(), []string{c.asked})
		})
	}
	g, _ := newScript(t, map[string]string{
		all: list(false, mine), "GET /v1/subscriptions": list(false, `{"id":"sub_1"}`), "GET /v1/invoices": list(false),
		"GET /v1/charges": list(false),
	})
	if got, err := g.Fetch(
		t.Context(), stripegw.Want{Customer: "cus_1", Automatic: []billing.Order{order}},
	); err != nil || len(got.Intents) != 1 || got.Intents[0] != want {
		t.Errorf("in a picture: %+v, %v", got.Intents, err)
	}
}

// Proves that a picture asks for the payments of several orders once: one call for each known payment, and one list
// for all others, from the oldest on. At a deleted customer, whose lists Stripe refuses, it shows the known ones.
func TestIntentsOfManyOrders(t *testing.T) {
	t.Parallel()
	orders := []billing.Order{
		{ID: "ord_3", CreatedAt: sec(300_000), PaymentIntentID: "pi_3"}, {ID: "ord_2", CreatedAt: sec(200_000)},
		{ID: "ord_1", CreatedAt: sec(86_500)}, {ID: "ord_0", CreatedAt: sec(90_000)},
	}
	of := func(n string) string {
		return `{"id":"pi_` + n + `","status":"succeeded","metadata":{"pointsync_order":"ord_` + n + `"}}`
	}
	answers := map[string]string{
		"GET /v1/payment_intents/pi_3": of("3"), "GET /v1/payment_intents": list(false, of("1"), of("2"), of("9")),
		"GET /v1/subscriptions": list(false, `{"id":"sub_1"}`), "GET /v1/invoices": list(false),
		"GET /v1/charges": list(false),
	}
	want := stripegw.Want{Customer: "cus_1", Automatic: orders}
	ids := func(s billing.Snapshot) (ids []billing.PaymentIntentID) {
		for _, i := range s.Intents {
			ids = append(ids, i.ID)
		}
		return ids
	}
	g, s := newScript(t, answers)
	got, err := g.Fetch(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "intents", ids(got), []billing.PaymentIntentID{"pi_3", "pi_2", "pi_1"})
	var asked []string
	for _, call := range s.calls() {
		if strings.HasPrefix(call, "GET /v1/payment_intents") {
			asked = append(asked, call)
		}
	}
	same(t, "asked", asked, []string{
		"GET /v1/payment_intents/pi_3", "GET /v1/payment_intents created[gte]=100&customer=cus_1&limit=100",
	})
	for _, refused := range []string{"payment_intents", "subscriptions", "invoices", "charges"} {
		answers["GET /v1/"+refused] = "404 resource_missing customer"
	}
	answers["GET /v1/customers/cus_1"] = `{"id":"cus_1","deleted":true}`
	g, _ = newScript(t, answers)
	got, err = g.Fetch(t.Context(), want)
	if err != nil || !got.Deleted {
		t.Errorf("%+v, %v", got, err)
	}
	same(t, "intents of a deleted customer", ids(got), []billing.PaymentIntentID{"pi_3"})
}

// Proves why a payment failed: the customer must authenticate, or else the bank's reason, or else Stripe's.
func TestDeclineCodes(t *testing.T) {
	t.Parallel()
	for intent, want := range map[string]string{
		`"status":"succeeded"`: "",
		`"status":"requires_payment_method","last_payment_error":{"code":"card_declined","decline_code":"insufficient_funds"}`: "insufficient_funds",
		`"status":"requires_payment_method","last_payment_error":{"code":"expired_card"}`:                                      "expired_card",
		`"status":"requires_payment_method","last_payment_error":{"code":"authentication_required","decline_code":"do_not"}`:   billing.DeclineAuthentication,
		`"status":"requires_payment_method","last_payment_error":{"code":"payment_intent_authentication_failure"}`:             billing.DeclineAuthentication,
		`"status":"requires_action"`:                                billing.DeclineAuthentication,
		`"status":"requires_confirmation"`:                          "",
		`"status":"canceled","cancellation_reason":"abandoned"`:     billing.DeclineAuthentication,
		`"status":"canceled","cancellation_reason":"fraudulent"`:    "canceled",
		`"status":"processing","cancellation_reason":"abandoned"`:   "",
		`"status":"canceled","last_payment_error":{"code":"x_y_z"}`: "x_y_z",
	} {
		g, _ := newScript(t, map[string]string{"GET /v1/payment_intents/pi_1": `{"id":"pi_1",` + intent + `}`})
		got, _, err := g.OrderIntent(t.Context(), "cus_1", billing.Order{ID: "ord_1", PaymentIntentID: "pi_1"})
		if err != nil || got.DeclineCode != want {
			t.Errorf("%s: %q, %v, want %q", intent, got.DeclineCode, err, want)
		}
	}
}

// Proves which payment method is charged while the customer is away: the customer's default, or else that of the
// newest subscription that has one, or else the newest card.
func TestSavedMethod(t *testing.T) {
	t.Parallel()
	const customer, subscriptions, cards = "GET /v1/customers/cus_1", "GET /v1/subscriptions", "GET /v1/payment_methods"
	const askSubscriptions, askCards = subscriptions + " customer=cus_1&limit=100", cards +
		" customer=cus_1&limit=100&type=card"
	two := list(
		false, `{"id":"sub_3"}`, `{"id":"sub_2","default_payment_method":"pm_2"}`,
		`{"id":"sub_1","default_payment_method":"pm_1"}`,
	)
	twoCards := list(false, `{"id":"pm_9"}`, `{"id":"pm_8"}`)
	for name, c := range map[string]struct {
		customer, subscriptions, cards string
		want                           billing.PaymentMethodID
		asked                          []string
		refuse                         billing.Code
	}{
		"Default": {
			`{"id":"cus_1","invoice_settings":{"default_payment_method":"pm_0"}}`, two, twoCards, "pm_0",
			[]string{customer}, "",
		},
		"OfASubscription": {
			`{"id":"cus_1","invoice_settings":{}}`, two, twoCards, "pm_2", []string{customer, askSubscriptions}, "",
		},
		"Card": {
			`{"id":"cus_1"}`, list(false), twoCards, "pm_9", []string{customer, askSubscriptions, askCards}, "",
		},
		"None": {
			`{"id":"cus_1"}`, list(false), list(false), "", []string{customer, askSubscriptions, askCards}, "",
		},
		"Deleted":   {`{"id":"cus_1","deleted":true}`, two, twoCards, "", []string{customer}, ""},
		"Forbidden": {"403 ", two, twoCards, "", []string{customer}, billing.EStripeRefused},
		"SubscriptionsForbid": {
			`{"id":"cus_1"}`, "403 ", twoCards, "", []string{customer, askSubscriptions}, billing.EStripeRefused,
		},
		"CardsForbid": {
			`{"id":"cus_1"}`, list(false), "403 ", "", []string{customer, askSubscriptions, askCards},
			billing.EStripeRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(
				t, map[string]string{customer: c.customer, subscriptions: c.subscriptions, cards: c.cards},
			)
			got, err := g.SavedMethod(t.Context(), "cus_1")
			if got != c.want || billing.CodeOf(err) != c.refuse {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
			same(t, "asked", s.calls(), c.asked)
		})
	}
}

// Proves what an automatic charge asks for: three packs at 500 are 1500, from the saved method, under the order's own
// key. A price that differs from the order in amount or currency charges nothing. A decline is not an error.
func TestChargeSaved(t *testing.T) {
	t.Parallel()
	const look, charge = "GET /v1/prices", "POST /v1/payment_intents"
	const ask = charge + " amount=1500&automatic_payment_methods[allow_redirects]=never&automatic_payment_methods[enabled]=true&confirm=true&currency=usd&customer=cus_1" +
		"&metadata[pointsync_account]=acc_1&metadata[pointsync_item]=pack&metadata[pointsync_order]=ord_1&off_session=true&payment_method=pm_1 top-up-ord_1"
	order := billing.Order{ID: "ord_1", AccountID: "acc_1", Item: "pack", Quantity: 3, Amount: 1500, Currency: "usd"}
	dearer, euro := order, order
	dearer.Amount, euro.Currency = 1501, "eur"
	price := list(
		false, `{"id":"price_1","active":true,"lookup_key":"pointsync_pack","unit_amount":500,"currency":"usd"}`,
	)
	for name, c := range map[string]struct {
		order         billing.Order
		price, charge string
		want          billing.StripeIntent
		charged       bool
		refuse        billing.Code
	}{
		"OK": {
			order, price, `{"id":"pi_1","status":"succeeded","metadata":{"pointsync_order":"ord_1"}}`,
			billing.StripeIntent{ID: "pi_1", OrderID: "ord_1", Status: "succeeded"}, true, "",
		},
		"AnotherAmount": {dearer, price, "403 ", billing.StripeIntent{}, false, billing.EStripeRefused},
		"Currency":      {euro, price, "403 ", billing.StripeIntent{}, false, billing.EStripeRefused},
		"NoPrice":       {order, list(false), "403 ", billing.StripeIntent{}, false, billing.EStripeRefused},
		"PriceUnknown":  {order, "503 ", "403 ", billing.StripeIntent{}, false, billing.EStripeUnavailable},
		// no intent was made
		"Refused": {order, price, "402 card_declined", billing.StripeIntent{}, true, billing.EStripeRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{look: c.price, charge: c.charge})
			got, err := g.ChargeSaved(t.Context(), c.order, "cus_1", "pm_1")
			if billing.CodeOf(err) != c.refuse {
				t.Errorf("%v, want %q", err, c.refuse)
			}
			same(t, "intent", got, c.want)
			want := []string{look + " active=true&limit=100&lookup_keys[0]=pointsync_pack"}
			if c.charged {
				want = append(want, ask)
			}
			same(t, "asked", s.calls(), want)
		})
	}
	for name, without := range map[string]func(o *billing.Order) (billing.CustomerID, billing.PaymentMethodID){
		"Order": func(o *billing.Order) (billing.CustomerID, billing.PaymentMethodID) {
			o.ID = ""
			return "cus_1", "pm_1"
		},
		"Account": func(o *billing.Order) (billing.CustomerID, billing.PaymentMethodID) {
			o.AccountID = ""
			return "cus_1", "pm_1"
		},
		"Customer": func(*billing.Order) (billing.CustomerID, billing.PaymentMethodID) { return "", "pm_1" },
		"Method":   func(*billing.Order) (billing.CustomerID, billing.PaymentMethodID) { return "cus_1", "" },
	} {
		g, s := newScript(t, nil)
		o := order
		customer, method := without(&o)
		if _, err := g.ChargeSaved(
			t.Context(), o, customer, method,
		); billing.CodeOf(err) != billing.EInternal || len(s.calls()) != 0 {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// Proves that a payment that can no longer be cancelled is left as it is, and that every other refusal is an error.
func TestCancelIntent(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]billing.Code{
		`{"id":"pi_1"}`: "", "400 payment_intent_unexpected_state": "", "400 other": billing.EStripeRefused,
		"403 ": billing.EStripeRefused, "503 ": billing.EStripeUnavailable,
	} {
		g, s := newScript(t, map[string]string{"POST /v1/payment_intents/pi_1/cancel": answer})
		if err := g.CancelIntent(t.Context(), "pi_1"); billing.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", answer, err, want)
		}
		same(
			t, "asked", s.calls(),
			[]string{"POST /v1/payment_intents/pi_1/cancel cancellation_reason=abandoned cancel-pi_1"},
		)
	}
	g, _ := newScript(t, nil)
	if err := g.CancelIntent(t.Context(), ""); billing.CodeOf(err) != billing.EInternal {
		t.Error(err)
	}
}

// Proves that the item of a price is found by its metadata. A plan is sold only at a price that matches the catalogue
// in each part.
func TestPlanPrice(t *testing.T) {
	t.Parallel()
	plan := billing.Plan{ID: "basic", Name: "Basic", Amount: 900, Currency: "usd", Interval: "month", Points: 500}
	price := func(amount, currency, interval, points string) string {
		return list(false, `{"id":"price_1","active":true,"lookup_key":"pointsync_basic","product":"pointsync_basic","unit_amount":`+amount+`,"currency":"`+currency+`","recurring":{"interval":"`+interval+
			`","interval_count":1},"metadata":{"pointsync_item":"basic","pointsync_points":"`+points+`"}}`)
	}
	for answer, want := range map[string]billing.Code{
		price(
			"900", "usd", "month", "500",
		): "", price(
			"901", "usd", "month", "500",
		): billing.EStripeRefused, price("900", "eur", "month", "500"): billing.EStripeRefused,
		price("900", "usd", "year", "500"): billing.EStripeRefused, price(
			"900", "usd", "month", "501",
		): billing.EStripeRefused, list(false): billing.EStripeRefused,
		"403 ": billing.EStripeRefused, "503 ": billing.EStripeUnavailable,
	} {
		g, _ := newScript(t, map[string]string{"GET /v1/prices": answer})
		got, err := g.PlanPrice(t.Context(), plan)
		if billing.CodeOf(err) != want || (want == "") != (got == "price_1") {
			t.Errorf("%s: %q, %v, want %q", answer, got, err, want)
		}
	}
}

// Proves that an archived price sells nothing.
func TestArchivedPrice(t *testing.T) {
	t.Parallel()
	g, _ := newScript(
		t,
		map[string]string{
			"GET /v1/prices": list(false, `{"id":"price_1","active":false,"lookup_key":"pointsync_basic"}`),
		},
	)
	if _, err := g.Price(t.Context(), "basic"); billing.CodeOf(err) != billing.EStripeRefused {
		t.Error(err)
	}
}

// Proves that a decline whose payment exists is not an error: its intent says why. A decline without an id is one.
func TestChargeDeclined(t *testing.T) {
	t.Parallel()
	order := billing.Order{ID: "ord_1", AccountID: "acc_1", Item: "pack", Quantity: 1, Amount: 500, Currency: "usd"}
	for intent, want := range map[string]struct {
		intent billing.StripeIntent
		code   billing.Code
	}{
		`{"id":"pi_1","status":"requires_payment_method","last_payment_error":{"decline_code":"lost_card"}}`: {
			billing.StripeIntent{ID: "pi_1", Status: "requires_payment_method", DeclineCode: "lost_card"}, ""},
		`{"id":"","status":"requires_payment_method"}`: {billing.StripeIntent{}, billing.EStripeRefused},
	} {
		g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				answer(
					w, 200,
					list(
						false,
						`{"id":"price_1","active":true,"lookup_key":"pointsync_pack","unit_amount":500,"currency":"usd"}`,
					),
				)
				return
			}
			answer(w, 402, `{"error":{"type":"card_error","code":"card_declined","payment_intent":`+intent+`}}`)
		})
		got, err := g.ChargeSaved(t.Context(), order, "cus_1", "pm_1")
		if billing.CodeOf(err) != want.code || got != want.intent {
			t.Errorf("%s: %+v, %v", intent, got, err)
		}
	}
}

// Proves that an order that was never charged has no payment in a picture, and that a price is not requested twice in
// one instant.
func TestNoIntent(t *testing.T) {
	t.Parallel()
	g, s := newScript(t, map[string]string{
		"GET /v1/payment_intents": list(false), "GET /v1/subscriptions": list(false, `{"id":"sub_1"}`),
		"GET /v1/invoices": list(false), "GET /v1/charges": list(false),
		"GET /v1/prices": list(false, `{"id":"price_1","active":true,"lookup_key":"pointsync_pack"}`),
	}, func(o *stripegw.Options) { o.Now = func() time.Time { return sec(100) } })
	if got, err := g.Fetch(
		t.Context(), stripegw.Want{Customer: "cus_1", Automatic: []billing.Order{{ID: "ord_1"}}},
	); err != nil || len(got.Intents) != 0 {
		t.Errorf("%+v, %v", got.Intents, err)
	}
	s.calls()
	for range 2 {
		if id, err := g.Price(t.Context(), "pack"); err != nil || id != "price_1" {
			t.Errorf("%q, %v", id, err)
		}
	}
	if calls := s.calls(); len(calls) != 1 {
		t.Errorf("asked %q", calls)
	}
}
