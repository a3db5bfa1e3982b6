package sandbox

import (
	"cmp"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// when returns a time in words, as short as it can be understood at the clock's current time.
func (w *world) when(at int64) string {
	if at == 0 {
		return ""
	}
	t, now := time.Unix(at, 0).UTC(), w.mainTime()
	switch {
	case t.Year() != now.Year():
		return t.Format("2 Jan 2006")
	case t.YearDay() == now.YearDay():
		return t.Format("15:04:05")
	default:
		return t.Format("2 Jan, 15:04")
	}
}

func (w *world) whenCell(at int64) pages.Cell { return pages.Cell{Text: w.when(at)} }

func (w *world) wordCustomer(id string) string {
	if holder := w.Customers.get(id); holder != nil {
		return cmp.Or(string(holder.Email), string(holder.Name), short(id))
	}
	return short(id)
}

func (w *world) wordMethod(id string) string {
	method := w.PaymentMethods.get(id)
	switch {
	case method == nil:
		return "No card yet"
	case method.Type == "card":
		return capital(words(method.Card.Brand)) + " •••• " + method.Card.Last4
	default:
		return capital(words(method.Type))
	}
}

func (w *world) planOf(s *subscription) string {
	title := w.productName(s.Items.Data[0].Price)
	if more := len(s.Items.Data) - 1; more > 0 {
		title += " and " + counted(int64(more), "item")
	}
	return title
}

// short shortens an id to what a person compares: its prefix and its last letters.
func short(id string) string {
	if prefix := strings.Index(id, "_"); prefix > 0 && len(id) > prefix+12 {
		return id[:prefix+1] + "…" + id[len(id)-6:]
	}
	return id
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// invoiceReasons are the words for each billing_reason.
var invoiceReasons = map[string]string{
	"subscription_create": "first payment",
	"subscription_cycle":  "renewal",
	"subscription_update": "change of plan",
	"manual":              "by hand",
	"upcoming":            "upcoming",
}

// tones are the colours of Stripe's statuses. A status that is not listed is quiet.
var tones = map[string]string{
	"active": "good", "trialing": "good", "succeeded": "good", "paid": "good", "complete": "good", "won": "good",
	"enabled": "good", "ready": "good",
	"open": "warn", "incomplete": "warn", "requires_action": "warn", "requires_confirmation": "warn",
	"processing": "warn", "pending": "warn",
	"needs_response": "warn", "warning_needs_response": "warn", "under_review": "warn", "warning_under_review": "warn",
	"advancing": "warn",
	"past_due":  "bad", "unpaid": "bad", "failed": "bad", "uncollectible": "bad", "lost": "bad",
}

// badge returns the status of anything, in words.
func (w *world) badge(v any) pages.Badge {
	said := func(status string) pages.Badge {
		return pages.Badge{Text: words(status), Tone: cmp.Or(tones[status], "quiet")}
	}
	switch v := v.(type) {
	case *customer:
		if v.Delinquent {
			return pages.Badge{Text: "owes", Tone: "bad"}
		}
	case *subscription:
		if v.CancelAtPeriodEnd && !v.ended() {
			return pages.Badge{Text: "ends soon", Tone: "warn"}
		}
		return said(v.Status)
	case *checkoutSession:
		return said(v.Status)
	case *invoice:
		return said(v.Status)
	case *setupIntent:
		return said(v.Status)
	case *charge:
		return w.chargeBadge(v)
	case *paymentIntent:
		if paid := w.Charges.get(string(v.LatestCharge)); paid != nil &&
			(v.Status == "succeeded" || v.Status == "requires_payment_method") {
			return w.chargeBadge(paid)
		}
		return said(v.Status)
	case *refund:
		return said(v.Status)
	case *dispute:
		return said(v.Status)
	case *webhookEndpoint:
		return said(v.Status)
	case *testClock:
		return said(v.Status)
	case *deliveryAttempt:
		if v.Delivered {
			return pages.Badge{Text: "delivered", Tone: "good"}
		}
		return pages.Badge{Text: "failed", Tone: "bad"}
	case *fault:
		if v.spent() {
			return pages.Badge{Text: "spent", Tone: "quiet"}
		}
		return pages.Badge{Text: "set", Tone: "warn"}
	case *price:
		if !v.Active {
			return pages.Badge{Text: "inactive", Tone: "quiet"}
		}
	}
	return pages.Badge{}
}

func (w *world) chargeBadge(paid *charge) pages.Badge {
	switch {
	case paid.Disputed:
		return pages.Badge{Text: "disputed", Tone: "bad"}
	case paid.Refunded:
		return pages.Badge{Text: "refunded", Tone: "quiet"}
	case paid.AmountRefunded > 0:
		return pages.Badge{Text: "partly refunded", Tone: "quiet"}
	default:
		return pages.Badge{Text: words(paid.Status), Tone: cmp.Or(tones[paid.Status], "quiet")}
	}
}

// eventBadge returns how far the delivery of an event has come. The caller holds the world's lock.
func (s *Sandbox) eventBadge(e *event) pages.Badge {
	tried := s.attempts(func(a *deliveryAttempt) bool { return a.Event == e.ID })
	switch {
	case len(tried) > 0 && !tried[0].Delivered && tried[0].NextAttempt > 0:
		return pages.Badge{Text: "to be tried again", Tone: "bad"}
	case e.PendingWebhooks > 0:
		return pages.Badge{Text: "on its way", Tone: "warn"}
	case len(tried) > 0 && !tried[0].Delivered:
		return pages.Badge{Text: "not delivered", Tone: "bad"}
	case len(tried) > 0:
		return pages.Badge{Text: "delivered", Tone: "good"}
	}
	return pages.Badge{}
}
