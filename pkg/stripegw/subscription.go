package stripegw

import (
	"context"
	"errors"
	"net/http"
	"slices"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// NewItem is a new price and quantity for a subscription. Key is the idempotency key.
type NewItem struct {
	Subscription  billing.SubscriptionID
	Item          string // si_…
	Price         billing.PriceID
	Quantity      int64
	ProrationDate int64 // seconds; 0 for now
	Key           string
}

// check is enough for reads. Writes need a key as well.
func (n NewItem) check() error {
	return errors.Join(
		need("the subscription", string(n.Subscription)), need("the item", n.Item), need("the price", string(n.Price)),
	)
}

func (n NewItem) checkWrite() error { return errors.Join(n.check(), need("the key", n.Key)) }

func (n NewItem) items() []*stripe.SubscriptionItemsParams {
	return []*stripe.SubscriptionItemsParams{
		{ID: stripe.String(n.Item), Price: stripe.String(string(n.Price)), Quantity: stripe.Int64(n.Quantity)},
	}
}

func (n NewItem) params(ctx context.Context) *stripe.SubscriptionParams {
	params := &stripe.SubscriptionParams{Items: n.items()}
	params.Context = ctx
	params.SetIdempotencyKey(n.Key)
	return params
}

// ChargeItem gives a subscription another price and quantity and invoices the difference at once. While that invoice
// is unpaid, the old price and quantity stay. The invoice is then returned, with the page where the customer can pay
// it. It is only for a subscription that is charged to a card. Errors: EStripeUnavailable, EStripeRefused,
// EPaymentRequired if there is nothing to charge and no page. Source:
// https://stripe.com/docs/billing/subscriptions/pending-updates
func (g *Gateway) ChargeItem(ctx context.Context, n NewItem) (owed billing.OwedInvoice, err error) {
	s, err := g.invoiceItem(ctx, n, "pending_if_incomplete")
	if err != nil || s.PendingUpdate == nil {
		return owed, err
	}
	return fromStripeOwed(s.LatestInvoice), nil
}

// InvoiceItem gives a subscription another price and quantity now, and invoices the difference at once. It returns the
// invoice while it is unpaid. For a bank debit or a sent invoice, that takes days, and Stripe makes no change of these
// wait for its payment. Errors: EStripeUnavailable, EStripeRefused, EPaymentRequired.
func (g *Gateway) InvoiceItem(ctx context.Context, n NewItem) (owed billing.OwedInvoice, err error) {
	s, err := g.invoiceItem(ctx, n, "allow_incomplete")
	if err != nil {
		return owed, err
	}
	i := s.LatestInvoice
	if i == nil || i.BillingReason != stripe.InvoiceBillingReasonSubscriptionUpdate ||
		i.Status != stripe.InvoiceStatusOpen && i.Status != stripe.InvoiceStatusDraft {
		return owed, nil // nothing was due
	}
	return fromStripeOwed(i), nil
}

func (g *Gateway) invoiceItem(ctx context.Context, n NewItem, behavior string) (*stripe.Subscription, error) {
	if err := n.checkWrite(); err != nil {
		return nil, err
	}
	params := n.params(ctx)
	params.ProrationBehavior = stripe.String("always_invoice")
	params.PaymentBehavior = stripe.String(behavior)
	if n.ProrationDate != 0 {
		params.ProrationDate = stripe.Int64(n.ProrationDate)
	}
	params.AddExpand("latest_invoice.payment_intent")
	s, err := g.api.Subscriptions.Update(string(n.Subscription), params)
	return s, g.payFailure(err, "change the subscription")
}

// SwapItem gives a subscription on trial another price and quantity now, without a charge. Errors: EStripeUnavailable,
// EStripeRefused.
func (g *Gateway) SwapItem(ctx context.Context, n NewItem) error {
	if err := n.checkWrite(); err != nil {
		return err
	}
	params := n.params(ctx)
	params.ProrationBehavior = stripe.String("none")
	_, err := g.api.Subscriptions.Update(string(n.Subscription), params)
	return g.failure(err, "change the subscription")
}

// CancelAtPeriodEnd lets a subscription end with its period. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) CancelAtPeriodEnd(ctx context.Context, id billing.SubscriptionID, key string) error {
	return g.setEnd(ctx, id, key, &stripe.SubscriptionParams{CancelAtPeriodEnd: stripe.Bool(true)})
}

// KeepSubscription takes back a cancellation at the period's end. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) KeepSubscription(ctx context.Context, id billing.SubscriptionID, key string) error {
	return g.setEnd(ctx, id, key, &stripe.SubscriptionParams{CancelAtPeriodEnd: stripe.Bool(false)})
}

// KeepPastDate takes back a cancellation at a date. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) KeepPastDate(ctx context.Context, id billing.SubscriptionID, key string) error {
	return g.setEnd(ctx, id, key, unset("cancel_at"))
}

// CollectAgain ends a pause of the collection of a subscription's invoices. Errors: EStripeUnavailable,
// EStripeRefused.
func (g *Gateway) CollectAgain(ctx context.Context, id billing.SubscriptionID, key string) error {
	return g.setEnd(ctx, id, key, unset("pause_collection"))
}

// unset sends an empty text, because the library's own parameter cannot be empty.
func unset(name string) *stripe.SubscriptionParams {
	params := &stripe.SubscriptionParams{}
	params.AddExtra(name, "")
	return params
}

func (g *Gateway) setEnd(
	ctx context.Context, id billing.SubscriptionID, key string, params *stripe.SubscriptionParams,
) error {
	if err := need("the subscription", string(id)); err != nil {
		return err
	}
	params.Context = ctx
	params.SetIdempotencyKey(key)
	_, err := g.api.Subscriptions.Update(string(id), params)
	return g.failure(err, "change the end of the subscription")
}

// CancelNow ends a subscription at once. Nothing is paid back. A subscription that has ended stays as it is. Errors:
// EStripeUnavailable, EStripeRefused.
func (g *Gateway) CancelNow(ctx context.Context, id billing.SubscriptionID, key string) error {
	if err := need("the subscription", string(id)); err != nil {
		return err
	}
	params := &stripe.SubscriptionCancelParams{}
	params.Context = ctx
	params.SetIdempotencyKey(key)
	_, err := g.api.Subscriptions.Cancel(string(id), params)
	if isMissing(err, "") {
		if t, lookErr := g.Subscription(ctx, id); lookErr == nil && !t.Status.Live() {
			return nil
		}
	}
	return g.failure(err, "cancel the subscription")
}

// RestartSubscription lets a paused subscription begin a new period now. While that period is unpaid, the subscription
// stays paused and the invoice is returned. Errors: EStripeUnavailable, EStripeRefused, EPaymentRequired.
func (g *Gateway) RestartSubscription(
	ctx context.Context, id billing.SubscriptionID, key string,
) (owed billing.OwedInvoice, err error) {
	if err := need("the subscription", string(id)); err != nil {
		return owed, err
	}
	params := &stripe.SubscriptionResumeParams{BillingCycleAnchor: stripe.String("now")}
	params.Context = ctx
	params.SetIdempotencyKey(key)
	params.AddExpand("latest_invoice.payment_intent")
	s, err := g.api.Subscriptions.Resume(string(id), params)
	if err != nil {
		return owed, g.payFailure(err, "resume the subscription")
	}
	if s.Status != stripe.SubscriptionStatusPaused && s.Status != stripe.SubscriptionStatusPastDue {
		return owed, nil
	}
	return fromStripeOwed(s.LatestInvoice), nil
}

// Owed returns an invoice and Stripe's status of it. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) Owed(
	ctx context.Context, id billing.InvoiceID,
) (owed billing.OwedInvoice, status billing.InvoiceStatus, err error) {
	i, err := g.invoice(ctx, id)
	if err != nil {
		return owed, "", err
	}
	return fromStripeOwed(i), billing.InvoiceStatus(i.Status), nil
}

func (g *Gateway) invoice(ctx context.Context, id billing.InvoiceID) (*stripe.Invoice, error) {
	if err := need("the invoice", string(id)); err != nil {
		return nil, err
	}
	params := &stripe.InvoiceParams{}
	params.Context = ctx
	params.AddExpand("payment_intent")
	i, err := g.api.Invoices.Get(string(id), params)
	if err != nil {
		return nil, g.failure(err, "show the invoice")
	}
	return i, nil
}

// VoidInvoice voids an invoice, and with it the change that waits for its payment. Errors: EConflict if it has been
// paid, EStripeUnavailable, EStripeRefused.
func (g *Gateway) VoidInvoice(
	ctx context.Context, id billing.InvoiceID, key string,
) (v billing.VoidedInvoice, err error) {
	if err := need("the invoice", string(id)); err != nil {
		return v, err
	}
	params := &stripe.InvoiceVoidInvoiceParams{}
	params.Context = ctx
	params.SetIdempotencyKey(key)
	i, err := g.api.Invoices.VoidInvoice(string(id), params)
	switch {
	case err == nil:
		return fromStripeVoided(i), nil
	case !isBadRequest(err):
		return v, g.failure(err, "give the unpaid change up")
	}
	switch i, lookErr := g.invoice(ctx, id); {
	case lookErr == nil && i.Status == stripe.InvoiceStatusVoid:
		return fromStripeVoided(i), nil
	case lookErr == nil && i.Status == stripe.InvoiceStatusPaid:
		return v, billing.Wrap(g.failure(err, "give the unpaid change up"), billing.EConflict,
			"The change before this one has just been paid for. Look at the subscription, and ask again under another key if this is still wanted.")
	}
	return v, g.failure(err, "give the unpaid change up")
}

// OpenInvoices lists a subscription's open invoices that can be voided. An invoice whose payment is processing is left
// out. A subscription that Stripe does not know has none. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) OpenInvoices(
	ctx context.Context, id billing.SubscriptionID,
) (open []billing.VoidedInvoice, err error) {
	if err := need("the subscription", string(id)); err != nil {
		return nil, err
	}
	return g.openInvoices(
		&stripe.InvoiceListParams{ListParams: listParams(ctx), Subscription: stripe.String(string(id))},
		func(*stripe.Invoice) (bool, error) { return true, nil },
	)
}

// OpenInvoicesOf lists the open invoices of all subscriptions of ours that a customer has or had, as OpenInvoices does
// for one. A customer whose lists Stripe refuses has none. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) OpenInvoicesOf(
	ctx context.Context, customer billing.CustomerID,
) (open []billing.VoidedInvoice, err error) {
	if err := need("the customer", string(customer)); err != nil {
		return nil, err
	}
	return g.openInvoices(
		&stripe.InvoiceListParams{ListParams: listParams(ctx), Customer: stripe.String(string(customer))},
		func(i *stripe.Invoice) (bool, error) {
			if i.Subscription == nil {
				return false, nil
			}
			lines, err := g.lines(ctx, i)
			if isMissing(err, "") { // deleted since it was listed
				return false, nil
			}
			return slices.ContainsFunc(lines, func(l billing.StripeInvoiceLine) bool { return l.Item != "" }), err
		},
	)
}

func (g *Gateway) openInvoices(
	params *stripe.InvoiceListParams, wanted func(*stripe.Invoice) (bool, error),
) (open []billing.VoidedInvoice, err error) {
	params.Status = stripe.String("open")
	params.AddExpand("data.payment_intent")
	list := g.api.Invoices.List(params)
	err = each(list.Iter, "open invoices", func() error {
		i := list.Invoice()
		if i.PaymentIntent != nil && i.PaymentIntent.Status == stripe.PaymentIntentStatusProcessing {
			return nil
		}
		ok, err := wanted(i)
		if ok {
			open = append(open, fromStripeVoided(i))
		}
		return err
	})
	if err != nil && !isMissing(err, "") {
		return nil, g.failure(err, "show the open invoices")
	}
	return open, nil
}

func fromStripeVoided(i *stripe.Invoice) billing.VoidedInvoice {
	return billing.VoidedInvoice{ID: billing.InvoiceID(i.ID), Amount: i.AmountDue, Currency: string(i.Currency)}
}

func fromStripeOwed(i *stripe.Invoice) billing.OwedInvoice {
	if i == nil {
		return billing.OwedInvoice{}
	}
	owed := billing.OwedInvoice{ID: billing.InvoiceID(i.ID), URL: i.HostedInvoiceURL, Status: billing.ChangeUnpaid}
	switch {
	case isUnderWay(i):
		owed.Status = billing.ChangeProcessing
	case i.CollectionMethod == stripe.InvoiceCollectionMethodSendInvoice:
		owed.Status = billing.ChangeInvoiced
	}
	return owed
}

// payFailure does the same as failure, except for a refused charge: only the customer can correct that.
func (g *Gateway) payFailure(err error, action string) error {
	var said *stripe.Error
	if errors.As(err, &said) && said.HTTPStatusCode == http.StatusPaymentRequired {
		return billing.Wrap(
			g.failure(err, action), billing.EPaymentRequired,
			"The payment was refused. Enter another card in the billing portal (POST /portal), then ask again under another key.",
		)
	}
	return g.failure(err, action)
}
