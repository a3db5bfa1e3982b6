package sandbox_test

import (
	"testing"

	"github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that purchases on the payment page leave the same objects and the same causal chain of events as at
// Stripe. They look through the official SDK.

func TestPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	product := must[*stripe.Product](t)(w.stripe.Products.New(&stripe.ProductParams{Name: stripe.String("Points")}))
	price := must[*stripe.Price](t)(w.stripe.Prices.New(&stripe.PriceParams{Currency: stripe.String("usd"), UnitAmount: stripe.Int64(900),
		Product: stripe.String(product.ID), LookupKey: stripe.String("pack")}))
	session := must[*stripe.CheckoutSession](t)(w.stripe.CheckoutSessions.New(&stripe.CheckoutSessionParams{
		Mode:          stripe.String("payment"),
		SuccessURL:    stripe.String("https://shop.test/ok"),
		CustomerEmail: stripe.String("jo@shop.test"),
		LineItems: []*stripe.CheckoutSessionLineItemParams{
			{Price: stripe.String(price.ID), Quantity: stripe.Int64(2)},
		},
		PaymentIntentData: &stripe.CheckoutSessionPaymentIntentDataParams{Metadata: map[string]string{"order": "1"}},
		ClientReferenceID: stripe.String("acc_1"),
	}))
	if session.PaymentIntent != nil || session.Customer != nil || session.LineItems != nil ||
		session.URL != w.url+"/c/pay/"+session.ID || session.AmountTotal != 1800 {
		t.Fatalf("an open session is not as Stripe makes it: %+v", session)
	}
	if n := len(w.events()); n != 2 {
		t.Fatalf("a session announces nothing, yet there are %d events", n)
	}
	w.object("POST", "/v1/payment_pages/"+session.ID+"/confirm", "payment_method=pm_card_visa&expected_amount=1800")

	params := &stripe.CheckoutSessionParams{}
	params.AddExpand("line_items.data.price.product")
	params.AddExpand("payment_intent.latest_charge")
	paid := must[*stripe.CheckoutSession](t)(w.stripe.CheckoutSessions.Get(session.ID, params))
	if paid.Status != "complete" || paid.PaymentStatus != "paid" || paid.URL != "" ||
		paid.PaymentIntent.Metadata["order"] != "1" ||
		paid.PaymentIntent.LatestCharge.Amount != 1800 || paid.CustomerDetails.Email != "jo@shop.test" ||
		paid.Customer != nil {
		t.Fatalf("a paid session is not as Stripe leaves it: %+v", paid)
	}
	if item := paid.LineItems.Data[0]; item.Price.Product.Name != "Points" || item.Quantity != 2 ||
		item.AmountTotal != 1800 {
		t.Fatalf("line items do not expand: %+v", item)
	}
	requireOrder(
		t, types(w.events()), "payment_intent.created", "charge.succeeded", "payment_intent.succeeded",
		"checkout.session.completed",
	)
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	price := w.price(1900, "month")
	session := w.checkout(
		"subscription", price, "&customer_email=jo@shop.test&subscription_data[metadata][plan]=pro",
	)["id"].(string)
	page := w.object("GET", "/v1/payment_pages/"+session, "")
	if page["amount_total"] != float64(1900) {
		t.Fatalf("the page does not say what is due: %v", page["amount_total"])
	}
	if status, _, param, _ := w.refusal(
		"POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa&expected_amount=1",
	); status != 400 || param != "expected_amount" {
		t.Fatalf("a wrong expected_amount: %d %s", status, param)
	}
	paid := w.object(
		"POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa&expected_amount=1900",
	)
	params := &stripe.SubscriptionParams{}
	params.AddExpand("latest_invoice.payment_intent")
	params.AddExpand("customer")
	sub := must[*stripe.Subscription](t)(w.stripe.Subscriptions.Get(paid["subscription"].(string), params))
	invoice := sub.LatestInvoice
	if sub.Status != "active" || sub.Metadata["plan"] != "pro" || sub.DefaultPaymentMethod == nil ||
		sub.Customer.Email != "jo@shop.test" {
		t.Fatalf("the subscription is not live: %+v", sub)
	}
	if invoice.Status != "paid" || invoice.BillingReason != "subscription_create" || invoice.AmountPaid != 1900 ||
		invoice.PaymentIntent.Status != "succeeded" {
		t.Fatalf("the first invoice is not paid: %+v", invoice)
	}
	if line := invoice.Lines.Data[0]; line.Period.Start != sub.CurrentPeriodStart ||
		line.Period.End != sub.CurrentPeriodEnd || line.Price.ID != price {
		t.Fatalf("the line does not carry the period: %+v", line)
	}
	if sub.CurrentPeriodEnd-sub.CurrentPeriodStart != 31*86400 {
		t.Fatalf("a January month has %d s", sub.CurrentPeriodEnd-sub.CurrentPeriodStart)
	}
	requireOrder(t, types(w.events()), "customer.created", "payment_method.attached", "customer.subscription.created", "invoice.created", "invoice.finalized",
		"payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "invoice.updated", "invoice.paid",
		"invoice.payment_succeeded",
		"customer.subscription.updated", "checkout.session.completed")
}

func TestDeclineOnPage(t *testing.T) {
	t.Parallel()
	t.Run("Payment", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		session := w.checkout("payment", w.price(500, ""), "")["id"].(string)
		status, code, _, _ := w.refusal(
			"POST", "/v1/payment_pages/"+session+"/confirm",
			"payment_method=pm_card_visa_chargeDeclinedInsufficientFunds",
		)
		if status != 402 || code != "card_declined" {
			t.Fatalf("%d %s", status, code)
		}
		if open := w.object(
			"GET", "/v1/checkout/sessions/"+session, "",
		); open["status"] != "open" || open["payment_status"] != "unpaid" {
			t.Fatalf("the session does not stay open: %v", open)
		}
		requireOrder(t, types(w.events()), "payment_intent.created", "charge.failed", "payment_intent.payment_failed")
		w.object("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa")
		if n := len(w.object("GET", "/v1/payment_intents", "")["data"].([]any)); n != 1 {
			t.Fatalf("a retry makes another intent: %d", n)
		}
	})
	t.Run("Subscription", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		session := w.checkout("subscription", w.price(500, "month"), "&customer_email=a@b.test")["id"].(string)
		w.refusal("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_chargeCustomerFail")
		subs := w.object("GET", "/v1/subscriptions", "expand[]=data.latest_invoice")["data"].([]any)
		first := subs[0].(map[string]any)
		if first["status"] != "incomplete" || first["latest_invoice"].(map[string]any)["status"] != "open" {
			t.Fatalf("no incomplete subscription with an open invoice: %v", first)
		}
		paid := w.object("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa")
		if paid["subscription"] != first["id"] {
			t.Fatalf("the retry does not pay the first subscription: %v", paid["subscription"])
		}
		if n := len(w.object("GET", "/v1/customers", "")["data"].([]any)); n != 1 {
			t.Fatalf("the retry makes another customer: %d", n)
		}
	})
}
