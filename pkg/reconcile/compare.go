package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Books are what the database has of an account besides its row and its open orders.
type Books struct {
	Lots   []billing.Lot            // all, including those that are used up
	Orders []billing.Order          // the orders that a payment paid for
	Former []billing.FormerCustomer // the customers that the account had at Stripe before
}

// Compare returns how an account differs from a picture of everything that its customer has at Stripe. It is pure. It
// decides the picture as a sync would and compares the decision with the database, so no rule is written twice. The
// picture must be whole: from one that begins at the watermark, earlier payments would seem to be missing.
func Compare(in Input, books Books) []billing.Drift {
	c := comparison{in: in, books: books, decision: Decide(in)}
	c.parked()
	c.subscription()
	c.orders()
	c.grants()
	c.payments()
	c.clawbacks()
	c.expiries()
	c.unknown()
	return c.found
}

type comparison struct {
	in       Input
	books    Books
	decision Decision
	found    []billing.Drift
}

func (c *comparison) report(kind billing.DriftKind, ref, format string, args ...any) {
	c.found = append(
		c.found, billing.Drift{Account: c.in.Account.ID, Kind: kind, Ref: ref, Detail: fmt.Sprintf(format, args...)},
	)
}

func (c *comparison) subscription() {
	known, theirs := c.in.Account.Subscription, c.decision.Subscription
	switch {
	case known.Equal(theirs):
	case known == nil:
		c.report(
			billing.DriftMissing, string(theirs.ID), "Stripe has the subscription, %s, and the database none",
			state(theirs),
		)
	case known.ID != theirs.ID:
		c.report(
			billing.DriftMissing, string(theirs.ID), "it counts at Stripe, %s; in the database %s does", state(theirs),
			known.ID,
		)
	case !c.pictured(known.ID):
		c.report(
			billing.DriftMissing, string(known.ID),
			"the database has the subscription, %s, and Stripe has none of this id with an item of ours", state(known),
		)
	default:
		c.terms(*known, *theirs)
	}
	var live []string
	for _, s := range ours(c.in.Picture.Subscriptions) {
		if s.Status.Live() {
			live = append(live, string(s.ID))
		}
	}
	if len(live) > 1 {
		c.report(
			billing.DriftSecond, string(theirs.ID), "it counts, and these are live at once: %s",
			strings.Join(live, ", "),
		)
	}
}

// terms compares two versions of one subscription. The window follows from the rest, so it is reported only if nothing
// else differs.
func (c *comparison) terms(ours, theirs billing.Subscription) {
	ref, before := string(ours.ID), len(c.found)
	switch {
	case ours.Status != theirs.Status || ours.CancelAtPeriodEnd != theirs.CancelAtPeriodEnd:
		c.report(billing.DriftStatus, ref, "Stripe: %s; database: %s", state(&theirs), state(&ours))
	case !billing.SameTime(ours.EndsAt, theirs.EndsAt) || !ours.CollectionPaused.Equal(theirs.CollectionPaused):
		c.report(billing.DriftEnd, ref, "Stripe: %s; database: %s", state(&theirs), state(&ours))
	}
	if ours.Plan != theirs.Plan {
		c.report(billing.DriftPrice, ref, "Stripe: %q; database: %q", theirs.Plan, ours.Plan)
	}
	if ours.Quantity != theirs.Quantity {
		c.report(billing.DriftQuantity, ref, "Stripe: %d; database: %d", theirs.Quantity, ours.Quantity)
	}
	if x, y := theirs.Scheduled, ours.Scheduled; (x == nil) != (y == nil) || x != nil && *x != *y {
		c.report(billing.DriftScheduled, ref, "Stripe: %s; database: %s", state(&theirs), state(&ours))
	}
	if !ours.CurrentPeriodStart.Equal(
		theirs.CurrentPeriodStart,
	) || !ours.CurrentPeriodEnd.Equal(theirs.CurrentPeriodEnd) {
		c.report(
			billing.DriftPeriod, ref, "Stripe: until %s; database: until %s", day(theirs.CurrentPeriodEnd),
			day(ours.CurrentPeriodEnd),
		)
	}
	if len(c.found) == before {
		c.report(billing.DriftWindow, ref, "should be %s and is %s", state(&theirs), state(&ours))
	}
}

func (c *comparison) pictured(id billing.SubscriptionID) bool {
	for _, s := range ours(c.in.Picture.Subscriptions) {
		if s.ID == id {
			return true
		}
	}
	return false
}

func (c *comparison) orders() {
	before := map[billing.OrderID]billing.OrderStatus{}
	for _, o := range c.in.Orders {
		before[o.ID] = o.Status
	}
	for _, o := range c.decision.Orders {
		c.report(billing.DriftOrder, string(o.ID), "it should be %s and is %s", o.Status, before[o.ID])
	}
}

// parked reports the grants that wait for a person, and takes them out of the decision: a repair must not make them.
func (c *comparison) parked() {
	if c.in.Account.Parking.At == nil {
		return
	}
	granted := map[string]bool{}
	for _, l := range c.books.Lots {
		granted[l.GrantKey] = true
	}
	if w := c.decision.waiting(granted); w.grants > 0 {
		c.report(billing.DriftParked, string(c.in.Account.ID), "%s: %s", w, c.in.Account.Parking.Reason)
	}
	c.decision.holdBack(c.in.Orders)
}

// grants checks that every decided grant has its lot, and that a grant which has not expired has the right points.
func (c *comparison) grants() {
	granted := map[string]billing.Lot{}
	for _, l := range c.books.Lots {
		granted[l.GrantKey] = l
	}
	for _, g := range c.decision.Grants {
		switch l, found := granted[g.Key]; {
		case !found:
			c.report(billing.DriftGrant, g.Key, "%d points were paid for and not granted: %s", g.Amount, g.Description)
		case l.Granted != g.Amount && (g.ExpiresAt == nil || g.ExpiresAt.After(c.in.Now)):
			c.report(
				billing.DriftGrantAmount, string(l.ID), "%d points were paid for and %d granted: %s", g.Amount,
				l.Granted, g.Description,
			)
		}
	}
}

// payments checks that every lot granted for a payment has that payment. A deleted customer takes the invoices along,
// although they were paid. So payments skips what was bought before the account had its present customer.
func (c *comparison) payments() {
	if c.in.Picture.Deleted {
		return
	}
	var since time.Time
	for _, f := range c.books.Former {
		if f.EndedAt.After(since) {
			since = f.EndedAt
		}
	}
	c.invoicePayments(since)
	c.orderPayments(since)
}

// invoicePayments checks the lots that were granted for an invoice since a time.
func (c *comparison) invoicePayments(since time.Time) {
	paid := map[string]bool{}
	for _, i := range slices.Concat(c.in.Picture.Invoices, c.in.Picture.FormerInvoices) {
		paid[InvoiceKey(i.ID)] = i.Status == billing.InvoicePaid
	}
	for _, l := range c.books.Lots {
		if id, ok := strings.CutPrefix(l.GrantKey, InvoiceKey("")); ok && !l.CreatedAt.Before(since) {
			invoice, _, _ := strings.Cut(id, ":")
			if !paid[InvoiceKey(billing.InvoiceID(invoice))] {
				c.report(
					billing.DriftPayment, string(l.ID), "%d points were granted for invoice %s, which is not paid",
					l.Granted, invoice,
				)
			}
		}
	}
}

// orderPayments checks the orders of packs that were made since a time and granted.
func (c *comparison) orderPayments(since time.Time) {
	charged := map[billing.PaymentIntentID]bool{}
	for _, charge := range c.in.Picture.Charges {
		charged[charge.PaymentIntentID] = true
	}
	for _, o := range c.books.Orders {
		if o.Kind == billing.KindPack && !o.CreatedAt.Before(since) &&
			(o.Status == billing.OrderFulfilled || o.Status == billing.OrderRefunded) && !charged[o.PaymentIntentID] {
			c.report(
				billing.DriftPayment, string(o.ID), "the order is %s and Stripe has no charge of %s", o.Status,
				o.PaymentIntentID,
			)
		}
	}
}

// clawbacks checks that every lot gave back exactly the share of the money that went back.
func (c *comparison) clawbacks() {
	for _, r := range append(slices.Clone(c.decision.Refunds), c.decision.Kept...) {
		key := r.keyAmong(c.books.Orders)
		for _, l := range c.books.Lots {
			switch due, most := r.due(l), share(l.Granted, r.Refunded, r.Amount); {
			case key == "" || !grantedBy(l, key):
			case l.ClawedBack < due:
				c.report(
					billing.DriftClawback, string(l.ID),
					"%d of %d went back, so %d of %d points should have, and %d did", r.Refunded, r.Amount, due,
					l.Granted, l.ClawedBack,
				)
			case l.ClawedBack > most:
				c.report(
					billing.DriftRestore, string(l.ID),
					"only %d of %d went back, so %d of %d points should have, and %d did", r.Refunded, r.Amount, most,
					l.Granted, l.ClawedBack,
				)
			}
		}
	}
}

// expiries checks that the lots of a subscription expire when the decision says.
func (c *comparison) expiries() {
	for _, e := range c.decision.Ends {
		for _, l := range c.books.Lots {
			if to := e.of(l); l.Remaining > 0 && !billing.SameTime(l.ExpiresAt, to.ExpiresAt) {
				c.report(
					billing.DriftPointsExpiry, string(l.ID), "%d points of %s should end at %s", l.Remaining, l.Source,
					day(*to.ExpiresAt),
				)
			}
		}
	}
}

// unknown reports what a person has to put back into the catalogue.
func (c *comparison) unknown() {
	for _, u := range c.decision.Unknown {
		c.report(billing.DriftUnknown, u.Ref, "%s", u.Detail)
	}
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }
