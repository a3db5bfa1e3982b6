package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
)

// ours returns the subscriptions with an item of ours, whether it is still sold or not. The same customer may have
// other subscriptions, and those are not our business.
func ours(subscriptions []billing.StripeSubscription) []billing.StripeSubscription {
	return slices.DeleteFunc(
		slices.Clone(subscriptions), func(s billing.StripeSubscription) bool { return s.Item == "" },
	)
}

// decideSubscription picks the subscription that counts, and its window. A paid subscription comes before an unpaid
// one, then the newest comes first. It also sets when the points of each subscription expire.
func (d *Decision) decideSubscription(in Input) {
	subs := ours(in.Picture.Subscriptions)
	slices.SortFunc(subs, func(a, b billing.StripeSubscription) int {
		return cmp.Or(cmp.Compare(rank(a, in), rank(b, in)), b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID))
	})
	for _, s := range subs {
		d.UsesTrial = d.UsesTrial || begun(s)
		d.Ends = append(d.Ends, lotsEnd(s, in))
	}
	switch {
	case len(subs) > 0:
		s := subs[0]
		d.Subscription = &billing.Subscription{
			ID:                 s.ID,
			Plan:               s.Item,
			Quantity:           s.Quantity,
			Status:             s.Status,
			CurrentPeriodStart: s.CurrentPeriodStart,
			CurrentPeriodEnd:   s.CurrentPeriodEnd,
			CancelAtPeriodEnd:  s.CancelAtPeriodEnd,
			EndsAt:             s.EndsAt,
			Scheduled:          s.Scheduled,
			CollectionPaused:   s.CollectionPaused,
			Window:             window(s, in),
		}
		if len(subs) > 1 && subs[1].Status.Live() {
			d.Warnings = append(
				d.Warnings,
				fmt.Sprintf(
					"the customer has more than one live subscription: %s counts, %s does not", s.ID, subs[1].ID,
				),
			)
		}
	case in.Account.Subscription != nil: // gone from Stripe, with its customer
		gone := *in.Account.Subscription
		gone.Status, gone.Window, gone.CancelAtPeriodEnd = billing.SubCanceled, nil, false
		gone.EndsAt, gone.Scheduled, gone.CollectionPaused = nil, nil, nil
		d.Subscription = &gone
		d.Ends = append(d.Ends, End{Source: subscriptionSource(gone.ID), Ended: &in.Now})
	}
}

// sortChanges lists the invoices of plan changes, decided and open. A change that waits for an invoice is looked at
// again once that invoice is decided.
func (d *Decision) sortChanges(in Input) {
	for _, i := range in.Picture.Invoices {
		switch {
		case i.BillingReason != billing.ReasonUpdate:
		case i.Status == billing.InvoiceOpen:
			d.Open = append(d.Open, i.ID)
		case i.Status != billing.InvoiceDraft:
			d.Decided = append(d.Decided, i.ID)
		}
	}
	slices.Sort(d.Open)
	slices.Sort(d.Decided)
}

// rank orders subscriptions by how far they are paid. A newer subscription that waits for its first payment must not
// hide one that is paid.
func rank(s billing.StripeSubscription, in Input) int {
	switch s.Status {
	case billing.SubActive:
		if owesFirst(s, in.Picture.Invoices) { // the bank is still asked: Stripe trusts a first debit
			return 2
		}
		return 0
	case billing.SubTrialing:
		return 1
	case billing.SubPastDue:
		return 3
	case billing.SubUnpaid, billing.SubPaused:
		return 4
	case billing.SubIncomplete:
		return 5
	}
	return 6
}

// owesFirst reports whether the first invoice of a subscription is unpaid.
func owesFirst(s billing.StripeSubscription, invoices []billing.StripeInvoice) bool {
	return slices.ContainsFunc(invoices, func(i billing.StripeInvoice) bool {
		return i.SubscriptionID == s.ID && i.BillingReason == billing.ReasonCreate && !i.Settled()
	})
}

// begun reports whether a subscription ever gave anything: a trial, or a period that was paid or trusted to be paid.
func begun(s billing.StripeSubscription) bool {
	return s.Status != billing.SubIncomplete && s.Status != billing.SubIncompleteExpired
}
