package pages_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

var testCards = []pages.TestCard{
	{Number: "4242 4242 4242 4242", Effect: "Succeeds"},
	{Number: "4000 0000 0000 0002", Effect: "Declined"},
	{Number: "4000 0000 0000 9995", Effect: "Declined: insufficient funds"},
	{Number: "4000 0000 0000 0341", Effect: "Can be saved, then every charge fails"},
	{Number: "4000 0027 6000 3184", Effect: "Asks the card holder to confirm"},
}

func packCheckout() pages.CheckoutView {
	return pages.CheckoutView{
		Merchant: "Pointsync Demo", Total: pages.Amount(1000, "usd"), Email: "ada@example.com",
		Lines:  []pages.Line{{Description: "100 points", Quantity: 2, Amount: pages.Amount(1000, "usd")}},
		Action: "/c/pay/cs_test_1", CancelURL: "http://127.0.0.1:8080/?cancelled=1", TestCards: testCards,
	}
}

func planCheckout() pages.CheckoutView {
	return pages.CheckoutView{
		Merchant: "Pointsync Demo", Subscription: true, Interval: "month", Recurring: "$19.00", Total: "$19.00",
		Lines: []pages.Line{{Description: "Pro", Detail: "1200 points every month.", Quantity: 1, Amount: "$19.00"}},
		Email: "ada@example.com", EmailFixed: true, Action: "/c/pay/cs_test_2", TestCards: testCards,
	}
}

func trialCheckout() pages.CheckoutView {
	v := planCheckout()
	v.Trial, v.Total, v.Lines[0].Amount = "14 days", "$0.00", "$0.00"
	return v
}

func reducedCheckout() pages.CheckoutView {
	v := planCheckout()
	v.AskCode, v.Subtotal, v.Total = true, "$19.00", "$15.20"
	v.Discount = &pages.Discount{
		Name: "FALL20", Terms: "20% off for 3 months", Amount: "−$3.80", Ends: true, Removable: true,
	}
	return v
}

func freeCheckout() pages.CheckoutView {
	v := packCheckout()
	v.NoCard, v.Subtotal, v.Total = true, v.Total, "$0.00"
	v.Discount = &pages.Discount{Name: "Gift", Terms: "100% off", Amount: "−$10.00"}
	return v
}

func failedCheckout() pages.CheckoutView {
	v := packCheckout()
	v.Error = "Your card was declined."
	v.Card = pages.CardForm{Name: "Ada Lovelace", Expiry: "12 / 34", Errors: pages.FieldErrors{
		Number: "Your card number is not a valid card number.", CVC: "Your security code is incomplete."}}
	return v
}

func portal() pages.PortalView {
	choices := []pages.Choice{{ID: "price_basic", Text: "Basic, $9.00 a month"}}
	return pages.PortalView{
		Merchant: "Pointsync Demo", Email: "ada@example.com", Flash: "Your card was saved.", Action: "/p/session/bps_1",
		ReturnURL: "http://127.0.0.1:8080/", PaymentCard: &pages.PaymentCard{
			Brand: "Visa", Last4: "4242", Expiry: "12/34",
		},
		Subscriptions: []pages.Subscription{
			{
				ID:        "sub_live",
				Plan:      "Pro",
				Price:     "$19.00 a month",
				Status:    "active",
				PeriodEnd: "5 February 2026",
				Choices:   choices,
			},
			{
				ID:                "sub_ending",
				Plan:              "Team",
				Price:             "$49.00 a month",
				Status:            "active",
				PeriodEnd:         "9 February 2026",
				CancelAtPeriodEnd: true,
			},
			{ID: "sub_over", Plan: "Basic", Price: "$9.00 a month", Status: "canceled", PeriodEnd: "1 January 2026"},
		},
		Invoices: []pages.Invoice{
			{Number: "A1B2C3-0002", Date: "5 January 2026", Amount: "$19.00", Status: "paid", URL: "/i/in_2"},
			{Number: "A1B2C3-0001", Date: "5 December 2025", Amount: "$19.00", Status: "open"},
		},
		TestCards: testCards,
	}
}

func challenge() pages.ChallengeView {
	return pages.ChallengeView{
		Merchant: "Pointsync Demo", Amount: "$10.00", CardLast4: "3184", Action: "/c/pay/cs_test_1/challenge",
	}
}

func message() pages.MessageView {
	return pages.MessageView{Title: "This page has expired", Text: "Go back to the shop and start again.",
		Link: &pages.Link{Text: "Back to Pointsync Demo", URL: "http://127.0.0.1:8080/"}}
}

var (
	handlers   = regexp.MustCompile(`\son[a-z]+=`)
	ids        = regexp.MustCompile(`\sid="([^"]+)"`)
	references = regexp.MustCompile(`\s(?:for|list|aria-labelledby|aria-describedby|href)="#?([^"/:]+)"`)
	controls   = regexp.MustCompile(`<(?:input|select)[^>]*>`)
	labels     = regexp.MustCompile(`<label for="([^"]+)">\s*[^<\s]`)
)

// checkIDs proves that ids are unique and that every reference finds its id. Every control that a person fills in has a
// label with text.
func checkIDs(t *testing.T, html string) {
	t.Helper()
	_, body, _ := strings.Cut(html, "<body>")
	seen, labelled := map[string]bool{}, map[string]bool{}
	for _, m := range ids.FindAllStringSubmatch(body, -1) {
		if seen[m[1]] {
			t.Errorf("id %q stands twice", m[1])
		}
		seen[m[1]] = true
	}
	for _, m := range references.FindAllStringSubmatch(body, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if !seen[id] {
				t.Errorf("%s refers to an id that is not there", m[0])
			}
		}
	}
	for _, m := range labels.FindAllStringSubmatch(body, -1) {
		labelled[m[1]] = true
	}
	for _, control := range controls.FindAllString(body, -1) {
		if strings.Contains(control, `type="hidden"`) {
			continue
		}
		if m := ids.FindStringSubmatch(control); m == nil || !labelled[m[1]] {
			t.Errorf("%s has no label", control)
		}
	}
}

func drawn[V any](t *testing.T, draw func(io.Writer, V) error, v V) string {
	t.Helper()
	var b bytes.Buffer
	if err := draw(&b, v); err != nil {
		t.Fatalf("draw: %v", err)
	}
	return b.String()
}

// portalFlow returns a portal that was opened to cancel one plan.
func portalFlow() pages.PortalView {
	v := portal()
	v.Flow, v.Flash, v.Headline, v.Terms, v.Subscriptions = "subscription_cancel", "", "Sorry to see you go", "https://shop.test/terms", v.Subscriptions[:1]
	row := v.Subscriptions[0]
	row.Choices, row.CancelNow = nil, true
	row.Reasons = []pages.Choice{
		{ID: "unused", Text: "I don’t use the service enough"}, {ID: "too_expensive", Text: "It’s too expensive"},
	}
	v.Subscriptions = []pages.Subscription{row}
	return v
}

// everyPage returns one page of each kind and state.
func everyPage(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"checkout-pack":   drawn(t, pages.Checkout, packCheckout()),
		"checkout-plan":   drawn(t, pages.Checkout, planCheckout()),
		"checkout-trial":  drawn(t, pages.Checkout, trialCheckout()),
		"checkout-failed": drawn(t, pages.Checkout, failedCheckout()),
		"checkout-off":    drawn(t, pages.Checkout, reducedCheckout()),
		"checkout-free":   drawn(t, pages.Checkout, freeCheckout()),
		"challenge":       drawn(t, pages.Challenge, challenge()),
		"portal":          drawn(t, pages.Portal, portal()),
		"portal-empty": drawn(
			t, pages.Portal,
			pages.PortalView{Merchant: "Shop", Email: "a@b.example", Action: "/p", TestCards: testCards},
		),
		"portal-flow": drawn(t, pages.Portal, portalFlow()),
		"login": drawn(
			t, pages.Login,
			pages.LoginView{
				Merchant: "Shop", Email: "a@b", Error: "No customer has this email address.", Action: "/p/login/bpc_1",
			},
		),
		"message": drawn(t, pages.Message, message()),
	}
}

// TestEveryPage proves the rules that all pages follow, whatever they show. With PAGES_DIR set it also saves them
// there, so that you can look at them in a browser.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	for name, html := range everyPage(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, want := range []string{
				`<html lang="en">`, "SANDBOX: no real money", `<main id="main"`, `name="viewport"`,
			} {
				if !strings.Contains(html, want) {
					t.Errorf("lacks %q", want)
				}
			}
			for _, never := range []string{"<script", "ZgotmplZ", "<no value>", "@import", "url(", ` src="`, "style="} {
				if strings.Contains(html, never) {
					t.Errorf("has %q", never)
				}
			}
			if m := handlers.FindString(html); m != "" {
				t.Errorf("has an event handler: %q", m)
			}
			if n := strings.Count(html, "<h1>"); n != 1 {
				t.Errorf("has %d h1, want 1", n)
			}
			checkIDs(t, html)
			if dir := os.Getenv("PAGES_DIR"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(html), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
