package pages_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

func wants(t *testing.T, html string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(html, part) {
			t.Errorf("lacks %q", part)
		}
	}
}

func lacks(t *testing.T, html string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(html, part) {
			t.Errorf("has %q", part)
		}
	}
}

// TestCheckout proves the text of the payment page, and what its form posts, in each mode.
func TestCheckout(t *testing.T) {
	t.Parallel()
	t.Run("Payment", func(t *testing.T) {
		t.Parallel()
		html := drawn(t, pages.Checkout, packCheckout())
		wants(t, html, `action="/c/pay/cs_test_1"`, `name="card_number"`, `name="exp"`, `name="cvc"`, `name="name"`,
			`name="email" type="email" value="ada@example.com"`, "× 2", "Pay $10.00</button>",
			`href="http://127.0.0.1:8080/?cancelled=1"`, `<option value="4242 4242 4242 4242">Succeeds</option>`)
		lacks(t, html, `role="alert"`, "Until you cancel", "autofocus", "aria-invalid")
	})
	t.Run("Subscription", func(t *testing.T) {
		t.Parallel()
		html := drawn(t, pages.Checkout, planCheckout())
		wants(t, html, "every month", "Subscribe for $19.00</button>", "may charge this card $19.00 every month",
			`<input type="hidden" name="email" value="ada@example.com">`)
		lacks(t, html, "Cancel and go back", "free, then")
	})
	t.Run("Trial", func(t *testing.T) {
		t.Parallel()
		wants(
			t, drawn(t, pages.Checkout, trialCheckout()), "14 days free, then $19.00 every month.",
			"Start trial</button>",
		)
	})
	t.Run("Code asked", func(t *testing.T) {
		t.Parallel()
		v := packCheckout()
		v.AskCode, v.Code, v.Card.Errors.Code = true, "WINTER", "This code is invalid."
		html := drawn(t, pages.Checkout, v)
		wants(
			t, html, `name="promotion_code" type="text" value="WINTER"`, `name="code" value="apply"`,
			`href="#promotion_code"`, "Pay $10.00</button>",
		)
		lacks(t, html, `value="remove"`, "Subtotal")
	})
	t.Run("Reduced", func(t *testing.T) {
		t.Parallel()
		html := drawn(t, pages.Checkout, reducedCheckout())
		wants(
			t, html, "<strong>$15.20</strong>", "today", "Then $19.00 every month once the discount ends.", "Subtotal",
			"20% off for 3 months", "−$3.80", `name="code" value="remove"`, "Subscribe</button>",
		)
		lacks(t, html, `name="promotion_code"`)
	})
	t.Run("Free", func(t *testing.T) {
		t.Parallel()
		html := drawn(t, pages.Checkout, freeCheckout())
		wants(t, html, "Complete order</button>", `name="email"`, `name="name"`)
		lacks(t, html, `name="card_number"`, `name="cvc"`, "Test cards", `name="code"`)
	})
	t.Run("Setup", func(t *testing.T) {
		t.Parallel()
		html := drawn(t, pages.Checkout, pages.CheckoutView{Merchant: "Sandbox", Setup: true})
		wants(
			t, html, "<title>Save a card for Sandbox", "<h1>Save a card</h1>", "Nothing is charged now",
			"Save card</button>", `name="card_number"`,
		)
		lacks(t, html, "Due today", "Pay ", `name="way"`, `name="iban"`)
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		html := drawn(t, pages.Checkout, failedCheckout())
		wants(t, html, "<title>Error: Pay", `role="alert"`, "Your card was declined.", `href="#card_number"`, `href="#cvc"`,
			`aria-invalid="true" aria-describedby="card_number-hint card_number-error"`, `value="12 / 34"`,
			`value="Ada Lovelace"`)
		wants(
			t, html, `id="card_number" name="card_number" type="text" value=""`,
			`id="cvc" name="cvc" type="text" value=""`,
		)
	})
}

// TestCheckoutByDebit proves the content of a page that takes bank accounts, with cards or alone.
func TestCheckoutByDebit(t *testing.T) {
	t.Parallel()
	t.Run("CardOrBankDebit", func(t *testing.T) {
		t.Parallel()
		view := packCheckout()
		view.Debit = pages.DebitForm{Offered: true, Chosen: true, Holder: "Ada"}
		view.Card.Errors.IBAN = "The IBAN is wrong."
		html := drawn(t, pages.Checkout, view)
		wants(
			t, html, `value="card"> Card`, `value="debit" checked`, `name="card_number"`,
			`id="iban" name="iban" type="text" value=""`, `value="Ada"`, `href="#iban"`, "Pay $10.00</button>",
		)
	})
	t.Run("BankDebitOnly", func(t *testing.T) {
		t.Parallel()
		view := packCheckout()
		view.Debit = pages.DebitForm{Offered: true, Only: true}
		html := drawn(t, pages.Checkout, view)
		wants(t, html, `<input type="hidden" name="way" value="debit">`, `name="iban"`, "<h1>Pay by bank debit</h1>")
		lacks(t, html, `name="card_number"`, `type="radio"`, "Test cards")
	})
}

// TestChallenge proves that the card holder can accept or refuse with one press.
func TestChallenge(t *testing.T) {
	t.Parallel()
	wants(t, drawn(t, pages.Challenge, challenge()), `action="/c/pay/cs_test_1/challenge"`, "$10.00",
		`name="challenge" value="accept"`, `name="challenge" value="refuse"`)
}

// TestPortal proves that each subscription offers what its state allows, and nothing else.
func TestPortal(t *testing.T) {
	t.Parallel()
	html := drawn(t, pages.Portal, portal())
	rows := strings.Split(html, "<article")
	if len(rows) != 4 {
		t.Fatalf("%d subscriptions shown, want 3", len(rows)-1)
	}
	t.Run("Live", func(t *testing.T) {
		t.Parallel()
		wants(t, rows[1], `name="subscription" value="sub_live"`, `name="action" value="change"`, `value="price_basic"`,
			`name="action" value="cancel"`, "Renews on 5 February 2026")
		lacks(t, rows[1], `value="resume"`)
	})
	t.Run("Ending", func(t *testing.T) {
		t.Parallel()
		wants(
			t, rows[2], `name="subscription" value="sub_ending"`, `name="action" value="resume"`,
			"runs until 9 February 2026",
		)
		lacks(t, rows[2], `value="cancel"`, `value="change"`)
	})
	t.Run("Ended", func(t *testing.T) {
		t.Parallel()
		ended, _, _ := strings.Cut(rows[3], "</article>")
		wants(t, ended, "canceled", "Ended on 1 January 2026")
		lacks(t, ended, "<form", "<button")
	})
	t.Run("Rest", func(t *testing.T) {
		t.Parallel()
		wants(t, html, "ada@example.com", `role="status">Your card was saved.`, `href="http://127.0.0.1:8080/"`,
			`name="action" value="card"`, `href="/i/in_2"`, "A1B2C3-0001", "$19.00")
	})
	t.Run("Refused card", func(t *testing.T) {
		t.Parallel()
		v := portal()
		v.Flash, v.Error, v.Card.Errors.Number = "", "The card was not saved.", "Your card number is incomplete."
		wants(
			t, drawn(t, pages.Portal, v), "<details open>", `role="alert"`, "The card was not saved.",
			`href="#card_number"`,
		)
	})
	t.Run("Nothing yet", func(t *testing.T) {
		t.Parallel()
		empty := drawn(t, pages.Portal, pages.PortalView{Merchant: "Shop"})
		wants(t, empty, "No subscription.", "No card on file.", "No invoices yet.", "<details open>")
	})
}

// TestPortalParts proves that a portal shows only what it offers, and a flow only what it is about.
func TestPortalParts(t *testing.T) {
	t.Parallel()
	portal := func(change func(*pages.PortalView, *pages.Subscription)) string {
		v := portal()
		v.Subscriptions = v.Subscriptions[:1]
		change(&v, &v.Subscriptions[0])
		return drawn(t, pages.Portal, v)
	}
	t.Run("Offers little", func(t *testing.T) {
		t.Parallel()
		html := portal(func(v *pages.PortalView, row *pages.Subscription) {
			v.NoCardUpdate, v.NoInvoices, row.NoCancel, row.Choices = true, true, true, nil
		})
		wants(t, html, "ending in", "<h1>Billing</h1>")
		lacks(t, html, "<form", `id="inv-title"`)
	})
	t.Run("Asks why", func(t *testing.T) {
		t.Parallel()
		html := portal(func(v *pages.PortalView, row *pages.Subscription) {
			v.Headline, v.Privacy = "Thanks for staying", "https://shop.test/privacy"
			row.CancelNow, row.Reasons = true, []pages.Choice{{ID: "unused", Text: "I don’t use it"}}
		})
		wants(
			t, html, `<label for="reason-sub_live">`, `<option value="unused">`, "Cancel now</button>",
			"Thanks for staying", `href="https://shop.test/privacy"`,
		)
		lacks(t, html, "Terms of service")
	})
	for flow, title := range map[string]string{
		"payment_method_update":       "Update your card",
		"subscription_cancel":         "Cancel your plan",
		"subscription_update":         "Change your plan",
		"subscription_update_confirm": "Confirm your change",
	} {
		t.Run(flow, func(t *testing.T) {
			t.Parallel()
			html := portal(func(v *pages.PortalView, row *pages.Subscription) {
				v.Flow, row.Confirm, row.ConfirmQuantity = flow, "Gold", 3
			})
			wants(t, html, "<h1>"+title+"</h1>")
			lacks(t, html, `id="inv-title"`)
			if aboutCard := flow == "payment_method_update"; strings.Contains(html, "<details open>") != aboutCard ||
				strings.Contains(html, `id="subs-title"`) == aboutCard ||
				strings.Contains(html, "New plan: <strong>Gold</strong> × 3") == aboutCard {
				t.Error("it shows something else than what it is about")
			}
		})
	}
}

// TestStatus proves that every Stripe status is shown in plain words, with a tone that the style knows.
func TestStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[string][2]string{
		"active": {"active", "good"}, "trialing": {"on trial", "good"}, "past_due": {"payment overdue", "bad"},
		"unpaid": {"unpaid", "bad"}, "paused": {"paused", "warn"}, "incomplete": {"waiting for payment", "warn"},
		"incomplete_expired": {"never started", "quiet"}, "canceled": {"canceled", "quiet"},
	} {
		s := pages.Subscription{Status: status}
		if got := [2]string{s.StatusText(), s.Tone()}; got != want {
			t.Errorf("%s reads %q, want %q", status, got, want)
		}
	}
}

// TestHostileInput proves that text from a stranger stays text, and that a URL cannot run a script.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	const link = "javascript:alert(1)"
	cards := []pages.TestCard{{Number: evil, Effect: evil}}
	form := pages.CardForm{
		Name:   evil,
		Expiry: evil,
		Errors: pages.FieldErrors{Number: evil, Expiry: evil, CVC: evil, Name: evil, Email: evil, Code: evil},
	}
	off := &pages.Discount{Name: evil, Terms: evil, Amount: evil}
	evilLink := pages.Link{Text: evil, URL: link}
	for name, html := range map[string]string{
		"checkout": drawn(t, pages.Checkout, pages.CheckoutView{Merchant: evil, Total: evil, Subtotal: evil, Discount: off, AskCode: true, Code: evil, Subscription: true, Interval: evil,
			Recurring: evil,
			Trial:     evil,
			Email:     evil,
			Error:     evil,
			Card:      form,
			Action:    link,
			CancelURL: link,
			TestCards: cards,
			Lines:     []pages.Line{{Description: evil, Detail: evil, Quantity: 1, Amount: evil}}}),
		"challenge": drawn(
			t, pages.Challenge,
			pages.ChallengeView{Merchant: evil, Amount: evil, CardLast4: evil, Action: link, CancelURL: link},
		),
		"portal": drawn(t, pages.Portal, pages.PortalView{Merchant: evil, Email: evil, Flash: evil, Error: evil, Card: form,
			Action: link, ReturnURL: link, TestCards: cards, PaymentCard: &pages.PaymentCard{
				Brand: evil, Last4: evil, Expiry: evil,
			},
			Invoices: []pages.Invoice{{Number: evil, Date: evil, Amount: evil, Status: evil, URL: link}},
			Subscriptions: []pages.Subscription{{ID: evil, Plan: evil, Price: evil, Status: evil, PeriodEnd: evil,
				Choices: []pages.Choice{{ID: evil, Text: evil}},
				Reasons: []pages.Choice{{ID: evil, Text: evil}},
				Confirm: evil}},
			Headline: evil, Privacy: link, Terms: link}),
		"login":   drawn(t, pages.Login, pages.LoginView{Merchant: evil, Email: evil, Error: evil, Action: link}),
		"message": drawn(t, pages.Message, pages.MessageView{Title: evil, Text: evil, Link: &evilLink}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lacks(t, html, "<script", "<img", "javascript:")
			wants(t, html, "&lt;script&gt;")
		})
	}
}

// TestPolicy proves that the policy allows exactly the page's own style.
func TestPolicy(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(drawn(t, pages.Message, message()), "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	wants(t, pages.Policy(), "default-src 'none'", "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

var errBroken = errors.New("broken pipe")

// TestWriteFails proves that a writer's error is returned.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	if err := pages.Message(brokenPipe{}, message()); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the writer's error", err)
	}
}

// TestAmount proves the format of money: signs, groups of three, and the currencies without or with three decimals.
func TestAmount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cents    int64
		currency string
		want     string
	}{
		{1900, "usd", "$19.00"}, {5, "usd", "$0.05"}, {0, "usd", "$0.00"}, {-250, "usd", "−$2.50"},
		{123456789, "USD", "$1,234,567.89"}, {999, "eur", "€9.99"}, {100000, "gbp", "£1,000.00"},
		{500, "jpy", "¥500"}, {0, "jpy", "¥0"}, {1000000, "krw", "₩1,000,000"}, {12, "xof", "XOF\u00a012"},
		{
			5120, "kwd", "KWD\u00a05.120",
		}, {500, "isk", "ISK\u00a05.00"}, {500, "ugx", "UGX\u00a05.00"}, {950, "chf", "CHF\u00a09.50"},
		{700, "", "7.00"}, {-9223372036854775808, "usd", "−$92,233,720,368,547,758.08"},
	} {
		if got := pages.Amount(c.cents, c.currency); got != c.want {
			t.Errorf("Amount(%d, %q) = %q, want %q", c.cents, c.currency, got, c.want)
		}
	}
}
