package simtest

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// due is one lot that docs/grants.md requires.
type due struct {
	granted, back int64      // points, and how many of them were clawed back with their money
	source        string     // what the lot belongs to, or "" if that is not checked
	from, to      time.Time  // the period for which it was bought
	until         *time.Time // the lot's expiry, unless something moves it
	monthly       bool       // it is one of the months of a year
	of            string     // the key of the change, if the lot is one month of a change
	most          bool       // granted is an upper limit
	perhaps       bool       // it may not have been granted
	anyEnd        bool       // until is not checked
}

// lotsDue computes from Stripe's lists alone which lots the customer should have been granted. This model does not know
// how the product does it.
func (s atStripe) lotsDue(now time.Time) map[string]due {
	lots := map[string]due{}
	s.addAutomatic(lots)
	for id, points := range s.packs {
		lots["stripe:checkout:"+id] = due{granted: points}
	}
	for _, paid := range s.paidInvoices() {
		s.addInvoice(lots, paid, now)
	}
	for key, lot := range lots {
		if back, amount := s.moneyBack(key); amount > 0 && !lot.most {
			lot.back = lot.granted * back / amount
			lots[key] = lot
		}
	}
	return lots
}

// bought is what a paid invoice sold: points for a period from and to a given time.
type bought struct {
	invoice  object
	key      string
	points   int64
	sum      int64             // of the lines' points, before it is known how much was paid in money
	month    int64             // how many come in each month of a year, if nothing was credited
	share    func(int64) int64 // how many of some points no credit paid for
	sold     terms             // of the line that gives the period
	from, to time.Time
	period   bool // it pays a whole period, and not only the rest of one
	byChange bool // a change of interval began the period, and older points stay in full
}

// paidInvoices returns what was paid for our subscriptions, in the order in which the invoices were made.
func (s atStripe) paidInvoices() (all []bought) {
	invoices := slices.SortedFunc(slices.Values(s.invoices), func(a, b object) int {
		const finalized = "status_transitions.finalized_at"
		return cmp.Or(
			cmp.Compare(a.number(finalized), b.number(finalized)), strings.Compare(a.text("id"), b.text("id")),
		)
	})
	known := int64(0) // how much of the customer's debt has bought points since the last payment
	for _, invoice := range invoices {
		if invoice.text("status") != "paid" {
			continue
		}
		before, after := max(0, invoice.number("starting_balance")), max(0, invoice.number("ending_balance"))
		if paidMoney(invoice) > 0 {
			known = 0
		}
		if invoice.text("billing_reason") == "subscription_update" {
			before = max(before, known)
		}
		owed := max(0, after-before)
		known = max(known, after)
		if one, ok := readInvoice(invoice, owed); ok && invoice.text("subscription") != "" {
			all = append(all, one)
		}
	}
	return all
}

// paidMoney returns the money that was paid for an invoice, including payments outside Stripe.
func paidMoney(invoice object) int64 {
	if invoice.flag("paid_out_of_band") {
		return max(invoice.number("amount_paid"), invoice.number("amount_due"))
	}
	return invoice.number("amount_paid")
}

// readInvoice computes the points of a paid invoice as grants.md says, and finds its key and period. ok is false if no
// line is ours.
func readInvoice(invoice object, owed int64) (b bought, ok bool) {
	b.invoice = invoice
	sum, credited, replaced, gifts := int64(0), false, false, int64(0)
	id, update := invoice.text("id"), invoice.text("billing_reason") == "subscription_update"
	var period, change object
	for _, line := range invoice.list("lines.data") {
		t, ours := termsOf(line)
		amount := line.number("amount")
		switch {
		case !ours && amount < 0:
			gifts += amount
		case !ours:
		case line.flag("proration"):
			sum += t.whole() * amount / t.amount                                 // Go's division rounds towards zero
			credited, replaced = credited || amount < 0, replaced || amount <= 0 // 0: less than a cent is left
			if amount > 0 {
				change = laterLine(change, line)
			}
		case amount == 0 && invoice.text("billing_reason") == "subscription_create":
			sum += t.trial
			period = laterLine(period, line)
		default:
			sum += t.whole() * line.number("quantity")
			b.month = t.points * line.number("quantity")
			period = laterLine(period, line)
		}
	}
	b.share = func(points int64) int64 { return moneyShare(invoice, points, owed, credited, gifts) }
	b.sum, b.points = sum, b.share(sum)
	b.period, b.byChange = period != nil, update && replaced && period != nil
	b.key = "stripe:invoice:" + id + ":proration"
	if period != nil && (!update || !replaced) {
		b.key = "stripe:invoice:" + id + ":" + period.text("id")
	}
	if period == nil {
		period = change
	}
	if period == nil {
		return b, false // only credits
	}
	b.sold, _ = termsOf(period)
	b.from, b.to = at(period.number("period.start")), at(period.number("period.end"))
	return b, true
}

func laterLine(a, b object) object {
	if a == nil {
		return b
	}
	later := cmp.Compare(b.number("period.end"), a.number("period.end"))
	if cmp.Or(later, strings.Compare(a.text("id"), b.text("id"))) > 0 {
		return b
	}
	return a
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// moneyShare returns how many of an invoice's points no credit paid for. The operator's negative lines are gifts.
func moneyShare(invoice object, sum, owed int64, credited bool, gifts int64) int64 {
	total := invoice.number("total")
	switch {
	case sum <= 0:
		return 0
	case total > 0:
		return sum * min(total, paidMoney(invoice)+owed) / total
	case invoice.text("billing_reason") == "subscription_update":
		return 0
	case !credited || total-gifts > 0:
		return sum
	}
	return 0
}

// addInvoice adds the lots of a paid invoice: one lot, or one for each month of a year that has begun.
func (s atStripe) addInvoice(lots map[string]due, b bought, now time.Time) {
	lot := due{granted: b.points, source: "subscription:" + b.invoice.text("subscription"), from: b.from, to: b.to}
	if paid := s.paidLate(b); !paid.IsZero() {
		lot.source, lot.from, lot.until = "invoice:"+b.invoice.text("id"), paid, new(b.sold.later(paid, 1))
		b.from, b.to = paid, *lot.until
	}
	switch {
	case b.points <= 0:
		lot.perhaps = true
		lots[b.key] = lot
	case b.sold.monthly && lot.until != nil && s.isGone(b.invoice):
		s.addYearOfGone(lots, b, lot)
	case b.sold.monthly:
		s.addMonths(lots, b, lot, now)
	default:
		lots[b.key] = lot
	}
}

// paidLate returns when an invoice was paid after its subscription had ended, or zero if it was not.
func (s atStripe) paidLate(b bought) time.Time {
	ended, over := s.ends()["subscription:"+b.invoice.text("subscription")]
	if paid := at(b.invoice.number("status_transitions.paid_at")); over && paid.After(ended) {
		return paid
	}
	return time.Time{}
}

// moneyBack returns how much of a lot's money was returned by refunds and disputes, and how much was paid. Both are
// sums over all payments of an invoice.
func (s atStripe) moneyBack(key string) (back, amount int64) {
	for _, c := range s.charges {
		intent, invoice := c.text("payment_intent"), c.text("invoice")
		of := invoice != "" && strings.HasPrefix(key, "stripe:invoice:"+invoice+":") ||
			intent != "" && key == "stripe:payment_intent:"+intent
		for _, session := range s.sessions {
			of = of || key == "stripe:checkout:"+session.text("id") && intent != "" &&
				intent == session.text("payment_intent")
		}
		if of && c.flag("paid") && c.text("status") == "succeeded" {
			back += min(c.number("amount_refunded")+s.taken[c.text("id")], c.number("amount"))
			amount += c.number("amount")
		}
	}
	return back, amount
}
