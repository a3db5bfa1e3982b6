package sandbox

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// fork returns a world for trying something out: a copy of everything that one customer's next invoice is made of.
// Nothing in it is kept, announced or delivered.
//
// A table that is not copied here is empty in the fork, so nothing can leak back. The exceptions are the catalogue and
// its discounts. Those are the real tables, for reading only, until ownCatalogue copies them too.
//
// The copies are shallow. That is enough, because no operation changes in place what an object refers to.
func (w *world) fork(holder *customer, s *subscription) *world {
	fork := &world{
		Settings: w.Settings,
		Sequence: w.Sequence,
		realNow:  w.realNow,
		at:       w.mainNow(),
		clock:    w.clock,
		agendas:  map[string]*agenda{},
		ring:     func(string) {},
		tell:     func(notice) {},
		preview:  true,

		Products:       w.Products,
		Prices:         w.Prices,
		Coupons:        w.Coupons,
		PromotionCodes: w.PromotionCodes,
		Discounts:      w.Discounts,
	}
	for _, item := range w.InvoiceItems.among(holder.ID, func(each *invoiceItem) bool { return each.Invoice == "" }) {
		keep(&fork.InvoiceItems, item)
	}
	keep(&fork.Customers, holder)
	keep(&fork.TestClocks, w.TestClocks.get(w.clock))
	keep(&fork.PaymentMethods, w.PaymentMethods.get(string(holder.InvoiceSettings.DefaultPaymentMethod)))
	if s == nil {
		return fork
	}
	keep(&fork.Subscriptions, s)
	keep(&fork.Schedules, w.Schedules.get(string(s.Schedule)))
	keep(&fork.PaymentMethods, w.PaymentMethods.get(string(s.DefaultPaymentMethod)))
	keep(&fork.Invoices, w.Invoices.get(string(s.LatestInvoice)))
	return fork
}

// ownCatalogue gives a fork its own copy of the catalogue. Then it can try a change that makes prices or redeems
// coupons.
func (w *world) ownCatalogue() {
	w.Products, w.Prices = copied(&w.Products), copied(&w.Prices)
	w.Coupons, w.PromotionCodes, w.Discounts = copied(&w.Coupons), copied(&w.PromotionCodes), copied(&w.Discounts)
}

// copied returns a table with copies of all rows.
func copied[T any](from *table[T]) (into table[T]) {
	for _, each := range from.where(nil) {
		keep(&into, each)
	}
	return into
}

// keep adds a copy of a row to a table, unless the row is nil.
func keep[T any](into *table[T], item *T) {
	if item != nil {
		row := *item
		into.add(&row)
	}
}

// previewChange makes the change that a preview describes, and returns the subscription that it is about. It calls the
// operation that makes the change outside a preview.
func (c *call) previewChange(p spec.Params, holder *customer, s *subscription) (*subscription, error) {
	var err error
	switch {
	case s == nil && p.Has("subscription_items"):
		c.p = described(
			p, "billing_cycle_anchor", "cancel_at", "cancel_at_period_end", "items", "proration_behavior", "trial_end",
		)
		c.p["customer"], c.p["payment_behavior"] = holder.ID, "default_incomplete"
		var made any
		if made, err = createSubscription(c); err == nil {
			return made.(*subscription), nil
		}
	case s == nil:
		c.p = spec.Params{"customer": holder.ID, "pending_invoice_items_behavior": "include"}
		if currency := p.Text("currency"); currency != "" {
			c.p["currency"] = currency
		}
		_, err = createInvoice(c)
	case p.Flag("subscription_cancel_now"):
		c.id, c.p = s.ID, spec.Params{
			"invoice_now": true, "prorate": p.Text("subscription_proration_behavior") != "none",
		}
		if date := p.Int("subscription_proration_date"); date != 0 {
			c.p["proration_date"] = date
		}
		_, err = deleteSubscription(c)
	case p.Has("subscription_resume_at"):
		c.id, c.p = s.ID, described(p, "billing_cycle_anchor", "proration_behavior", "proration_date")
		_, err = resumeSubscription(c)
	default:
		c.id, c.p = s.ID, described(
			p, "billing_cycle_anchor", "cancel_at", "cancel_at_period_end", "items", "proration_behavior",
			"proration_date", "trial_end",
		)
		if len(c.p) > 0 {
			_, err = updateSubscription(c)
		}
	}
	if err != nil {
		return nil, asPreviewed(p, err)
	}
	if s == nil {
		return nil, nil
	}
	return c.Subscriptions.get(s.ID), nil
}

// asPreviewed returns err with a refused parameter under the name that it has in the preview.
func asPreviewed(p spec.Params, err error) error {
	refusal := asAPIError(err)
	if refusal == nil {
		return err
	}
	shown := *refusal
	if name, _, _ := strings.Cut(refusal.Param, "["); name != "" && p.Has("subscription_"+name) {
		shown.Param = "subscription_" + refusal.Param
	}
	return &shown
}

// described returns the subscription parameters that a preview gives as subscription_….
func described(p spec.Params, names ...string) spec.Params {
	out := spec.Params{}
	for _, name := range names {
		if value, given := p["subscription_"+name]; given {
			out[name] = value
		}
	}
	return out
}

// foreseen returns the invoice that was drafted in a fork, or nil if there is none.
func (w *world) foreseen(base *world) *invoice {
	for i := len(w.Invoices.ids) - 1; i >= 0; i-- {
		if id := w.Invoices.ids[i]; base.Invoices.get(id) == nil {
			return w.Invoices.get(id)
		}
	}
	return nil
}

// passTime moves the clock to the end of a subscription's period and does what is due then.
func (w *world) passTime(s *subscription) {
	switch {
	case s.renews():
		w.standAt(w.clock, s.CurrentPeriodEnd)
		w.renew(s)
	case s.CancelAt != 0 && !s.ended():
		w.standAt(w.clock, int64(s.CancelAt))
		w.endInvoiced(s)
	}
}

// asUpcoming returns a draft of a fork in the form of a preview.
func (w *world) asUpcoming(made *invoice, query url.Values) *upcoming {
	shown, holder := &upcoming{invoice: *made}, w.Customers.get(made.Customer)
	shown.invoice.ID, shown.BillingReason = "", "upcoming"
	shown.StartingBalance = holder.Balance
	shown.AmountDue = made.amountAfterBalance(holder)
	shown.AmountRemaining = shown.AmountDue
	if shown.NextPaymentAttempt = 0; made.CollectionMethod == chargeAutomatically {
		shown.NextPaymentAttempt = stamp(made.Created + draftHour)
	}
	var lines []*invoiceLine
	for n, each := range made.Lines.Data {
		line := *each
		line.ID, line.Invoice = fmt.Sprintf("il_tmp_%03d", n), ""
		lines = append(lines, &line)
	}
	for name, values := range query {
		if values[0] == "" {
			query.Del(name)
		}
	}
	shown.Lines = newListOf("/v1/invoices/upcoming/lines?"+query.Encode(), lines)
	return shown
}

// announceRenewal emits invoice.upcoming, with the invoice that the next renewal will bring.
func (w *world) announceRenewal(s *subscription) {
	fork := w.fork(w.Customers.get(s.Customer), s)
	fork.passTime(fork.Subscriptions.get(s.ID))
	if made := fork.foreseen(w); made != nil {
		w.emit("invoice.upcoming", fork.asUpcoming(made, url.Values{"customer": {s.Customer}, "subscription": {s.ID}}))
	}
}

func noUpcoming(customerID string) *apiError {
	e := coded("invoice_upcoming_none", "", "No upcoming invoices for customer: %s", customerID)
	e.status = 404
	return e
}
