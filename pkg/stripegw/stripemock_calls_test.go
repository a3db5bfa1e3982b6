package stripegw_test

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const missing = `{"error":{"type":"invalid_request_error","code":"resource_missing","param":"customer","message":"No such customer"}}`

// sellingCalls returns the calls that a running server makes.
func sellingCalls() []mockCall {
	expires, since := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	plan := billing.Order{
		ID: "ord_1", AccountID: "acc_1", Item: "basic_monthly", Kind: billing.KindPlan, Quantity: 1,
		SuccessURL: "https://shop.example/ok", CancelURL: "https://shop.example/no", ExpiresAt: &expires,
	}
	pack := plan
	pack.ID, pack.Kind, pack.Quantity, pack.ExpiresAt = "ord_2", billing.KindPack, 3, nil
	want := stripegw.Want{Customer: "cus_1", InvoicesSince: &since, Checkouts: []billing.CheckoutID{"cs_1"}}
	fetch := func(ctx context.Context, g *stripegw.Gateway) error { _, err := g.Fetch(ctx, want); return err }
	return []mockCall{
		{"CreateCustomer", []string{"POST /v1/customers"}, nil, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.CreateCustomer(ctx, "acc_1", "a@example.com", "")
			return err
		}},
		{"FindCustomer", []string{"GET /v1/customers"}, nil, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.FindCustomer(ctx, "acc_1", "a@example.com", "")
			return err
		}},
		{"DeleteCustomer", []string{"DELETE /v1/customers/cus_1"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			return g.DeleteCustomer(ctx, "cus_1")
		}},
		{"CreateCheckoutPlan", []string{"POST /v1/checkout/sessions"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.CreateCheckout(
				ctx, stripegw.NewCheckout{Order: plan, Customer: "cus_1", Price: "price_1", TrialDays: 14},
			)
			return err
		}},
		{"CreateCheckoutPack", []string{"POST /v1/checkout/sessions"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.CreateCheckout(ctx, stripegw.NewCheckout{Order: pack, Customer: "cus_1", Price: "price_1"})
			return err
		}},
		{"ExpireCheckout", []string{
			"POST /v1/checkout/sessions/cs_1/expire",
		}, nil, func(ctx context.Context, g *stripegw.Gateway) error {
			return g.ExpireCheckout(ctx, "cs_1")
		}},
		{
			"Fetch",
			[]string{"GET /v1/subscriptions", "GET /v1/invoices", "GET /v1/charges", "GET /v1/checkout/sessions/cs_1"},
			nil, fetch,
		},
		{"FetchManyLines", []string{"GET /v1/invoices/in_1/lines"}, map[string]string{
			"GET /v1/invoices": list(false, `{"id":"in_1","lines":{"has_more":true}}`),
		}, fetch},
		{"FetchDisputes", []string{"GET /v1/disputes"}, map[string]string{
			"GET /v1/charges": list(false, `{"id":"ch_1","disputed":true}`),
		}, fetch},
		{"FetchManyPages", []string{
			"GET /v1/subscriptions (next page)", "GET /v1/invoices (next page)", "GET /v1/charges (next page)",
			"GET /v1/checkout/sessions",
		}, map[string]string{
			"GET /v1/subscriptions": list(true, `{"id":"sub_1"}`),
			"GET /v1/invoices":      list(true, `{"id":"in_1","lines":{}}`),
			"GET /v1/charges":       list(true, `{"id":"ch_1"}`),
		}, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.Fetch(
				ctx,
				stripegw.Want{
					Customer: "cus_1", AllCharges: true, Checkouts: []billing.CheckoutID{"cs_1", "cs_2", "cs_3"},
				},
			)
			return err
		}},
		{"FetchNamed", []string{
			"GET /v1/charges/ch_2", "GET /v1/refunds/re_1", "GET /v1/disputes/dp_1", "GET /v1/invoices/in_1",
		}, map[string]string{
			"GET /v1/charges": list(
				true, `{"id":"ch_1","created":50,"customer":"cus_1","invoice":"in_1","amount_refunded":1}`,
			),
			"GET /v1/invoices/in_1": `{"id":"in_1","created":40,"status_transitions":{"paid_at":60}}`,
		}, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.Fetch(ctx, stripegw.Want{Customer: "cus_1", Named: []billing.StripeObject{
				{Type: "charge", ID: "ch_2"}, {Type: "refund", ID: "re_1"}, {Type: "dispute", ID: "dp_1"},
			}})
			return err
		}},
		{"FetchDeleted", []string{"GET /v1/customers/cus_1"}, map[string]string{
			"GET /v1/subscriptions": missing, "GET /v1/invoices": missing, "GET /v1/charges": missing,
			"GET /v1/customers/cus_1": `{"id":"cus_1","deleted":true}`,
		}, fetch},
		{"Events", []string{"GET /v1/events (next page)"}, map[string]string{"GET /v1/events": list(false)}, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.Events(ctx, since, "evt_1")
			return err
		}},
		{"PortalURL", []string{"POST /v1/billing_portal/sessions"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.PortalURL(ctx, "cus_1", "https://shop.example/")
			return err
		}},
		{"Price", []string{"GET /v1/prices"}, map[string]string{
			"GET /v1/prices": list(false, `{"id":"price_1","active":true,"lookup_key":"pointsync_basic"}`),
		}, func(ctx context.Context, g *stripegw.Gateway) error { _, err := g.Price(ctx, "basic"); return err }},
	}
}

// chargingCalls returns the calls that charge a saved payment method.
func chargingCalls() []mockCall {
	o := billing.Order{
		ID:        "ord_1",
		AccountID: "acc_1",
		Item:      "p",
		Kind:      billing.KindPack,
		Quantity:  2,
		Amount:    1000,
		Currency:  "usd",
		Automatic: true,
		CreatedAt: time.Now(),
	}
	known := o
	known.PaymentIntentID = "pi_1"
	want := stripegw.Want{Customer: "cus_1", Automatic: []billing.Order{o}}
	return []mockCall{
		{"OrderIntent", []string{"GET /v1/payment_intents"}, nil, func(ctx context.Context, g *stripegw.Gateway) error {
			_, _, err := g.OrderIntent(ctx, "cus_1", o)
			return err
		}},
		{"OrderIntentKnown", []string{"GET /v1/payment_intents/pi_1"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, _, err := g.OrderIntent(ctx, "cus_1", known)
			return err
		}},
		{"FetchAutomatic", []string{"GET /v1/payment_intents"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			_, err := g.Fetch(ctx, want)
			return err
		}},
		{"SavedMethod", []string{
			"GET /v1/customers/cus_1", "GET /v1/subscriptions", "GET /v1/payment_methods",
		}, map[string]string{
			"GET /v1/customers/cus_1": `{"id":"cus_1"}`, "GET /v1/subscriptions": list(false, `{"id":"sub_1"}`),
		}, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.SavedMethod(ctx, "cus_1")
			return err
		}},
		{"ChargeSaved", []string{"GET /v1/prices", "POST /v1/payment_intents"}, map[string]string{
			"GET /v1/prices": list(
				false, `{"id":"price_1","active":true,"lookup_key":"pointsync_p","unit_amount":500,"currency":"usd"}`,
			),
		}, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.ChargeSaved(ctx, o, "cus_1", "pm_1")
			return err
		}},
		{"CancelIntent", []string{"POST /v1/payment_intents/pi_1/cancel"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			return g.CancelIntent(ctx, "pi_1")
		}},
		{"CreateCheckoutSaving", []string{"POST /v1/checkout/sessions"}, nil, func(
			ctx context.Context, g *stripegw.Gateway,
		) error {
			pack := o
			pack.SuccessURL, pack.CancelURL = "https://shop.example/ok", "https://shop.example/no"
			_, err := g.CreateCheckout(
				ctx, stripegw.NewCheckout{Order: pack, Customer: "cus_1", Price: "price_1", SaveMethod: true},
			)
			return err
		}},
	}
}

// setupCalls returns the calls that an operator's commands make.
func setupCalls() []mockCall {
	const hook = "https://shop.example/webhook"
	pack := &catalog.Catalog{
		Packs: []billing.Pack{{ID: "p", Name: "P", Amount: 500, Currency: "usd", Points: 1, MaxQuantity: 1}},
	}
	ensureCatalog := func(c *catalog.Catalog) func(context.Context, *stripegw.Gateway) error {
		return func(ctx context.Context, g *stripegw.Gateway) error { _, err := g.EnsureCatalog(ctx, c); return err }
	}
	ensureEndpoint := func(ctx context.Context, g *stripegw.Gateway) error {
		_, err := g.EnsureEndpoint(ctx, hook)
		return err
	}
	return []mockCall{
		{"EnsureCatalogUpdatesProducts", []string{
			"GET /v1/products/pointsync_pack_100", "POST /v1/products/pointsync_pack_100", "GET /v1/prices",
			"POST /v1/prices",
		},
			nil, ensureCatalog(catalog.Default())},
		{"EnsureCatalogCreatesPack", []string{"POST /v1/products", "POST /v1/prices"}, map[string]string{
			"GET /v1/products/pointsync_p": missing,
		}, ensureCatalog(pack)},
		{"EnsureCatalogCreatesPlan", []string{"POST /v1/products", "POST /v1/prices"}, map[string]string{
			"GET /v1/products/pointsync_basic_monthly": missing,
		}, ensureCatalog(&catalog.Catalog{Plans: catalog.Default().Plans[:1]})},
		{"EnsureCatalogArchives", []string{"POST /v1/prices/price_old"}, map[string]string{
			"GET /v1/prices": list(false, `{"id":"price_old","active":true,"metadata":{"pointsync_item":"p"}}`),
		}, ensureCatalog(pack)},
		{"EnsureCatalogMarks", []string{"POST /v1/prices/price_1"}, map[string]string{
			"GET /v1/prices": list(
				false,
				`{"id":"price_1","active":true,"lookup_key":"pointsync_p","unit_amount":500,"currency":"usd","product":"pointsync_p"}`,
			),
		}, ensureCatalog(pack)},
		{
			"EnsureEndpointCreates", []string{"GET /v1/webhook_endpoints", "POST /v1/webhook_endpoints"}, nil,
			ensureEndpoint,
		},
		{"EnsureEndpointMends", []string{"POST /v1/webhook_endpoints/we_1"}, map[string]string{
			"GET /v1/webhook_endpoints": list(
				false,
				`{"id":"we_1","url":"`+hook+
					`","status":"disabled","api_version":"2023-10-16","enabled_events":["invoice.paid"]}`,
			),
		}, ensureEndpoint},
		{"Check", []string{"GET /v1/account", "GET /v1/prices", "GET /v1/webhook_endpoints"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.Check(ctx, catalog.Default(), hook, time.Now())
				return err
			}},
	}
}

// customerOfCalls returns the calls for each kind of object that leads to a customer.
func customerOfCalls() []mockCall {
	var calls []mockCall
	for object, path := range map[billing.ObjectType]string{
		"charge": "charges", "dispute": "disputes", "refund": "refunds", "payment_intent": "payment_intents",
		"invoice": "invoices", "subscription": "subscriptions", "checkout.session": "checkout/sessions",
	} {
		calls = append(calls, mockCall{"CustomerOf_" + string(object), []string{"GET /v1/" + path + "/id_1"}, nil,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.CustomerOf(ctx, object, "id_1")
				return err
			}})
	}
	return calls
}
