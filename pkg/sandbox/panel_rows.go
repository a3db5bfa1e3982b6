package sandbox

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// row returns anything as a row of the panel's tables. The caller holds the world's lock.
func (s *Sandbox) row(w *world, v any) pages.Row {
	made := pages.Row{ID: v.(row).key(), Acts: w.acts(v), Badge: w.badge(v)}
	made.URL = objectPath(made.ID)
	switch v := v.(type) {
	case *customer:
		made.Title = cmp.Or(string(v.Email), string(v.Name), v.ID)
		made.Detail = v.ID
		made.Cells = []pages.Cell{w.whenCell(v.Created)}
	case *subscription:
		made.Title, made.Detail = w.planOf(v), w.wordCustomer(v.Customer)
		end := v.CurrentPeriodEnd
		if v.ended() {
			end = int64(v.EndedAt)
		}
		made.Cells = []pages.Cell{{Text: w.wordPrice(v.Items.Data[0].Price), Figures: true}, w.whenCell(end)}
	case *checkoutSession:
		made.Title, made.Detail = sessionTitle(v), strings.Join([]string{v.Mode, short(v.ID)}, " · ")
		made.Cells = []pages.Cell{{Figures: true}, w.whenCell(v.ExpiresAt)}
		if v.AmountTotal != nil {
			made.Cells[0].Text = money(*v.AmountTotal, string(v.Currency))
		}
	case *invoice:
		made.Title, made.Detail = cmp.Or(
			string(v.Number), "Draft",
		), invoiceReasons[v.BillingReason]+" · "+w.wordCustomer(v.Customer)
		made.Cells = []pages.Cell{{Text: money(v.Total, v.Currency), Figures: true}, w.whenCell(v.Created)}
	case *price:
		made.Title, made.Detail = w.productName(v), v.ID
		made.Cells = []pages.Cell{{Text: money(v.UnitAmount, v.Currency), Figures: true}}
		if v.Recurring != nil {
			made.Cells[0].Text = w.wordPrice(v)
		}
	default:
		s.moneyRow(w, v, &made)
	}
	return made
}

// moneyRow fills in the row of v if it is about money that moved or was to move, or about a way to pay. It passes other
// kinds to deskRow.
func (s *Sandbox) moneyRow(w *world, v any, made *pages.Row) {
	switch v := v.(type) {
	case *paymentIntent:
		made.Title, made.Detail = w.wordMethod(string(v.PaymentMethod)), w.wordCustomer(string(v.Customer))
		made.Cells = []pages.Cell{{Text: money(v.Amount, v.Currency), Figures: true}, w.whenCell(v.Created)}
	case *setupIntent:
		made.Title, made.Detail = "Card to keep", w.wordCustomer(string(v.Customer))
		made.Cells = []pages.Cell{{Text: "none"}, w.whenCell(v.Created)}
	case *charge:
		made.Title, made.Detail = w.wordMethod(string(v.PaymentMethod)), string(v.FailureMessage)
		made.Cells = []pages.Cell{{Text: money(v.Amount, v.Currency), Figures: true}, w.whenCell(v.Created)}
	case *refund:
		made.Title, made.Detail = "Refund", short(string(v.Charge))
		made.Cells = []pages.Cell{{Text: money(v.Amount, v.Currency), Figures: true}, w.whenCell(v.Created)}
	case *dispute:
		made.Title, made.Detail = capital(words(v.Reason)), short(v.Charge)
		made.Cells = []pages.Cell{{Text: money(v.Amount, v.Currency), Figures: true}, w.whenCell(v.Created)}
	case *paymentMethod:
		made.Title, made.Detail = w.wordMethod(v.ID), v.ID
		made.Cells = []pages.Cell{w.whenCell(v.Created)}
	default:
		s.deskRow(w, v, made)
	}
}

// deskRow fills in the rows of what the sandbox itself does: events, deliveries, endpoints, faults and clocks.
func (s *Sandbox) deskRow(w *world, v any, made *pages.Row) {
	switch v := v.(type) {
	case *event:
		made.Title, made.Detail = v.Type, short(subjectOf(v))
		made.Cells = []pages.Cell{w.whenCell(v.Created)}
		made.Badge = s.eventBadge(v)
	case *deliveryAttempt:
		made.Title, made.Detail, made.URL = v.Type, v.URL, objectPath(v.Event)
		made.Cells = []pages.Cell{
			{Text: fmt.Sprint("no. ", v.Attempt)}, {Text: answered(v), Detail: fmt.Sprint(v.DurationMS, " ms")},
			w.whenCell(v.At),
		}
		if v.NextAttempt > 0 {
			made.Cells[0].Detail = "next " + w.when(int64(v.NextAttempt))
		}
	case *webhookEndpoint:
		made.Title, made.Detail = v.URL, v.ID
		made.Cells = []pages.Cell{{Text: wordEvents(v.EnabledEvents)}}
		if n := len(v.secrets(w.mainNow())) - 1; n > 0 {
			made.Cells[0].Detail = counted(int64(n), "old secret") + " valid"
		}
	case *fault:
		made.Title, made.Detail, made.URL = v.Kind, cmp.Or(v.Endpoint, v.Events, "everything"), ""
		made.Cells = []pages.Cell{
			{Text: v.strikesWhat(), Detail: v.how()}, {Text: fmt.Sprintf("%d of %d", v.Struck, v.Seen), Figures: true},
		}
	case *testClock:
		made.Title, made.Detail = cmp.Or(string(v.Name), "Test clock"), v.ID
		made.Cells = []pages.Cell{{Text: time.Unix(v.FrozenTime, 0).UTC().Format("2 Jan 2006, 15:04:05")}}
	default:
		made.Title = made.ID
	}
}

// strikesWhat returns in words how much a fault strikes.
func (f *fault) strikesWhat() string {
	if f.Share > 0 {
		return fmt.Sprintf("%g %% of them", f.Share*100)
	}
	return fmt.Sprint("the next ", f.Next)
}

// how returns in words the other settings of a fault.
func (f *fault) how() string {
	var parts []string
	if f.DelaySeconds > 0 {
		parts = append(parts, wordDuration(time.Duration(f.DelaySeconds)*time.Second)+" late")
	}
	if f.Executed {
		parts = append(parts, "work is done")
	}
	if f.Share > 0 {
		parts = append(parts, fmt.Sprint("seed ", f.Seed))
	}
	return strings.Join(parts, ", ")
}

func answered(a *deliveryAttempt) string {
	if a.Status == 0 {
		return "no answer"
	}
	return fmt.Sprint(a.Status)
}

func wordEvents(kinds []string) string {
	if len(kinds) == 1 && kinds[0] == "*" {
		return "all events"
	}
	if len(kinds) == 1 {
		return kinds[0]
	}
	return counted(int64(len(kinds)), "type")
}

func sessionTitle(s *checkoutSession) string {
	if len(s.Hidden.Items) == 0 {
		return "Checkout session"
	}
	title := s.Hidden.Items[0].Description
	if more := len(s.Hidden.Items) - 1; more > 0 {
		title += fmt.Sprintf(" and %d more", more)
	}
	return title
}
