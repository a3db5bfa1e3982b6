package stripegw_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// newShop returns a gateway to a new sandbox, set up with the catalogue that ships.
func newShop(t *testing.T) (g *stripegw.Gateway, base string) {
	t.Helper()
	s, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() { server.Close(); s.Close() })
	g, err = stripegw.New(stripegw.Options{Key: "sk_test_123", BaseURL: server.URL, HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.EnsureCatalog(t.Context(), catalog.Default()); err != nil {
		t.Fatal(err)
	}
	return g, server.URL
}

// pay confirms a payment page as Stripe's command-line client does.
func pay(t *testing.T, base string, id billing.CheckoutID, amount int64) {
	t.Helper()
	form := url.Values{"payment_method": {"pm_card_visa"}, "expected_amount": {fmt.Sprint(amount)}}
	req, err := http.NewRequestWithContext(
		t.Context(), "POST", base+"/v1/payment_pages/"+string(id)+"/confirm", strings.NewReader(form.Encode()),
	)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk_test_123")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
		t.Fatalf("paying was answered %d: %s", resp.StatusCode, body)
	}
}

// A second setup changes nothing, and the check then finds nothing wrong.
func TestSandboxSetup(t *testing.T) {
	t.Parallel()
	g, _ := newShop(t)
	c := catalog.Default()
	if changes, err := g.EnsureCatalog(t.Context(), c); err != nil || len(changes) != 0 {
		t.Errorf("the second run: %q, %v", changes, err)
	}
	first, err := g.EnsureEndpoint(t.Context(), hook)
	if err != nil || !strings.HasPrefix(first.Secret, "whsec_") || len(first.Changes) != 1 {
		t.Fatalf("got %+v, %v", first, err)
	}
	second, err := g.EnsureEndpoint(t.Context(), hook)
	if err != nil || second.ID != first.ID || second.Secret != "" || len(second.Changes) != 0 {
		t.Errorf("the second run: %+v, %v", second, err)
	}
	found, err := g.Check(t.Context(), c, hook, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !f.OK {
			t.Errorf("%s: %s", f.What, f.Fix)
		}
	}
	c.Packs[0].Amount++
	if changes, err := g.EnsureCatalog(t.Context(), c); err != nil || len(changes) != 2 {
		t.Errorf("a new amount: %q, %v", changes, err)
	}
	if changes, err := g.EnsureCatalog(t.Context(), c); err != nil || len(changes) != 0 {
		t.Errorf("a new amount, again: %q, %v", changes, err)
	}
}

// A purchase that is opened, repeated and paid appears in the picture: the money that it moved, and the item that it
// bought.
func TestSandboxPurchase(t *testing.T) {
	t.Parallel()
	g, base := newShop(t)
	customer, err := g.CreateCustomer(t.Context(), "acc_1", "a@example.com", "")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := g.CreateCustomer(t.Context(), "acc_1", "a@example.com", ""); err != nil || again != customer {
		t.Errorf("a second customer %s, %v", again, err)
	}
	sell := func(id billing.OrderID, item string, kind billing.ItemKind, amount int64) billing.StripeCheckout {
		price, err := g.Price(t.Context(), item)
		if err != nil {
			t.Fatal(err)
		}
		n := stripegw.NewCheckout{Customer: customer, Price: price, Order: billing.Order{
			ID: id, AccountID: "acc_1", Item: item, Kind: kind, Quantity: 1,
			SuccessURL: "https://shop.example/ok", CancelURL: "https://shop.example/no",
		}}
		c, err := g.CreateCheckout(t.Context(), n)
		if err != nil || c.Status != "open" || c.PaymentStatus != "unpaid" || c.URL == "" {
			t.Fatalf("got %+v, %v", c, err)
		}
		if again, err := g.CreateCheckout(t.Context(), n); err != nil || again.ID != c.ID {
			t.Errorf("a second page %s, %v", again.ID, err)
		}
		pay(t, base, c.ID, amount)
		return c
	}
	pack := sell("ord_1", "pack_100", billing.KindPack, 500)
	plan := sell("ord_2", "basic_monthly", billing.KindPlan, 900)

	s, err := g.Fetch(
		t.Context(),
		stripegw.Want{Customer: customer, Checkouts: []billing.CheckoutID{pack.ID, plan.ID, "cs_test_unknown"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Checkouts) != 2 || len(s.Charges) != 2 || len(s.Subscriptions) != 1 || len(s.Invoices) != 1 ||
		len(s.Invoices[0].Lines) != 1 {
		t.Fatalf("got %+v", s)
	}
	if c := s.Checkouts[0]; c.Status != "complete" || c.PaymentStatus != "paid" || c.PaymentIntentID == "" {
		t.Errorf("pack's page: %+v", c)
	}
	sub := s.Subscriptions[0]
	if s.Checkouts[1].SubscriptionID != sub.ID || sub.Status != billing.SubActive || sub.Item != "basic_monthly" ||
		sub.Quantity != 1 || !sub.CurrentPeriodEnd.After(sub.CurrentPeriodStart) {
		t.Errorf("subscription: %+v", sub)
	}
	invoice, line := s.Invoices[0], s.Invoices[0].Lines[0]
	if invoice.SubscriptionID != sub.ID || invoice.Status != "paid" || invoice.BillingReason != "subscription_create" ||
		invoice.AmountPaid != 900 {
		t.Errorf("invoice: %+v", invoice)
	}
	if line.Item != "basic_monthly" || !line.PeriodStart.Equal(sub.CurrentPeriodStart) ||
		!line.PeriodEnd.Equal(sub.CurrentPeriodEnd) {
		t.Errorf("line: %+v, subscription: %+v", line, sub)
	}
	if err := g.ExpireCheckout(t.Context(), pack.ID); billing.CodeOf(err) != billing.EConflict {
		t.Errorf("closing a paid page: %v", err)
	}
	if owner, err := g.CustomerOf(t.Context(), "charge", s.Charges[0].ID); err != nil || owner != customer {
		t.Errorf("the charge is %q's, %v", owner, err)
	}
	if url, err := g.PortalURL(t.Context(), customer, "https://shop.example/"); err != nil || url == "" {
		t.Errorf("portal: %q, %v", url, err)
	}
}

// An unpaid page can be closed once, and a customer that the sandbox never had is an error.
func TestSandboxRefusals(t *testing.T) {
	t.Parallel()
	g, _ := newShop(t)
	customer, err := g.CreateCustomer(t.Context(), "acc_1", "a@example.com", "")
	if err != nil {
		t.Fatal(err)
	}
	price, err := g.Price(t.Context(), "pack_100")
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.CreateCheckout(t.Context(), stripegw.NewCheckout{Customer: customer, Price: price, Order: billing.Order{
		ID: "ord_1", AccountID: "acc_1", Item: "pack_100", Kind: billing.KindPack, Quantity: 1,
		SuccessURL: "https://shop.example/ok", CancelURL: "https://shop.example/no",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.ExpireCheckout(t.Context(), c.ID); err != nil {
		t.Error(err)
	}
	if err := g.ExpireCheckout(t.Context(), c.ID); billing.CodeOf(err) != billing.EConflict {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := g.Fetch(
		t.Context(), stripegw.Want{Customer: "cus_unknown"},
	); billing.CodeOf(err) != billing.EStripeRefused {
		t.Errorf("an unknown customer: %v", err)
	}
	if _, err := g.CustomerOf(t.Context(), "charge", "ch_unknown"); billing.CodeOf(err) != billing.ENotFound {
		t.Errorf("an unknown charge: %v", err)
	}
}
