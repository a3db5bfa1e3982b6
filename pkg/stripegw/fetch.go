package stripegw

import (
	"context"
	"time"

	stripe "github.com/stripe/stripe-go/v76"
	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	pageSize    = 100             // Stripe's maximum
	maxObjects  = 1000 * pageSize // of one kind in one picture: more means a fault at Stripe, not a large customer
	maxParallel = 4               // calls of one Fetch at once; Stripe allows a test account 25 a second
)

// Want says what a picture is to show.
type Want struct {
	Customer      billing.CustomerID
	InvoicesSince *time.Time           // created then or later; nil for all
	Checkouts     []billing.CheckoutID // sessions that a sync still looks at
	// Charges to read however old they are, or a refund or dispute of one, and invoices of earlier customers.
	Named      []billing.StripeObject
	AllCharges bool // not only the newest and the named ones
	// Earlier customers of the account. All of their charges and invoices are read, as far as Stripe lists them.
	Former    []billing.CustomerID
	Automatic []billing.Order // the open automatic order, and those that were given up without a payment
}

// Fetch takes a picture of one customer: subscriptions in every state, invoices with all their lines, the wanted
// checkout sessions, the payments of the wanted automatic orders, and charges with what was refunded and disputed. The
// charges are the newest 100 and the named ones. The calls run in parallel, so the parts may be some milliseconds
// apart. Each part is at least as new as the call of Fetch.
//
// A customer that was deleted at Stripe has ended subscriptions, and Stripe may refuse to list what else it had. The
// picture then shows only what needs no such list: the checkouts, the payments of automatic orders, the named charges,
// and the invoices of earlier customers. That is no error. A customer that Stripe never knew is an error
// (EStripeRefused). It means that the key belongs to another account or mode, and an empty picture would take every
// subscriber's access away. So an empty picture counts only after Stripe has said that it knows the customer. A wanted
// session that Stripe does not know is left out. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) Fetch(ctx context.Context, want Want) (billing.Snapshot, error) {
	if err := need("the customer", string(want.Customer)); err != nil {
		return billing.Snapshot{}, err
	}
	s := billing.Snapshot{CustomerID: want.Customer}
	calls, callsCtx := errgroup.WithContext(ctx)
	calls.SetLimit(maxParallel)
	calls.Go(func() (err error) { s.Subscriptions, err = g.subscriptions(callsCtx, want.Customer); return })
	calls.Go(func() (err error) { s.Invoices, err = g.invoices(callsCtx, want.Customer, want.InvoicesSince); return })
	calls.Go(func() (err error) { s.FormerInvoices, err = g.formerInvoices(callsCtx, want); return })
	calls.Go(func() (err error) { s.Charges, err = g.charges(callsCtx, want); return })
	calls.Go(func() (err error) { s.Checkouts, err = g.checkouts(callsCtx, want.Customer, want.Checkouts); return })
	calls.Go(func() (err error) { s.Intents, err = g.intents(callsCtx, want); return })
	err := calls.Wait()
	empty := len(s.Subscriptions)+len(s.Invoices)+len(s.Charges) == 0
	switch {
	case isMissing(err, "customer"):
		return g.fetchDeleted(ctx, want, err)
	case err == nil && empty:
		if s.Deleted, err = g.isDeleted(ctx, want.Customer); err != nil {
			return billing.Snapshot{}, g.failure(err, "show the customer")
		}
	case err != nil:
		return billing.Snapshot{}, g.failure(err, "show the customer")
	}
	nameLines(s)
	return s, nil
}

// nameLines names the item of lines whose price became ours after they were sold: a line may show its price as it was
// then. Stripe does not document which of the two a line shows, so neither is relied on.
func nameLines(s billing.Snapshot) {
	for _, sub := range s.Subscriptions {
		if sub.Item == "" || sub.Sold.AdoptedAt == nil {
			continue
		}
		for _, i := range s.Invoices {
			for n := range i.Lines {
				if l := &i.Lines[n]; l.Item == "" && l.Price == sub.Price {
					l.Item, l.SoldAs = sub.Item, sub.Sold
				}
			}
		}
	}
}

// fetchDeleted fetches what is left of a customer whose lists Stripe refuses.
func (g *Gateway) fetchDeleted(ctx context.Context, want Want, refused error) (billing.Snapshot, error) {
	deleted, err := g.isDeleted(ctx, want.Customer)
	if err == nil && !deleted {
		err = refused
	}
	if err != nil {
		return billing.Snapshot{}, g.failure(err, "show the customer")
	}
	checkouts, err := g.checkouts(ctx, want.Customer, want.Checkouts)
	if err != nil {
		return billing.Snapshot{}, g.failure(err, "show the payment page")
	}
	intents, err := g.intents(ctx, want)
	if err != nil && !isMissing(err, "customer") {
		return billing.Snapshot{}, g.failure(err, "show the payment")
	}
	named := chargeSet{byID: map[string]*stripe.Charge{}}
	if err := g.addNamed(ctx, want, &named); err != nil {
		return billing.Snapshot{}, g.failure(err, "show the payment")
	}
	charges, err := g.withDisputes(ctx, named.list)
	if err != nil {
		return billing.Snapshot{}, g.failure(err, "show the payment")
	}
	former, err := g.formerInvoices(ctx, want)
	if err != nil {
		return billing.Snapshot{}, g.failure(err, "show the invoice")
	}
	return billing.Snapshot{
		CustomerID: want.Customer, Deleted: true, FormerInvoices: former, Checkouts: checkouts, Intents: intents,
		Charges: charges,
	}, nil
}

// isDeleted reports whether a customer was deleted, which Stripe still shows. For a customer that never existed it
// returns an error.
func (g *Gateway) isDeleted(ctx context.Context, id billing.CustomerID) (bool, error) {
	params := &stripe.CustomerParams{}
	params.Context = ctx
	c, err := g.api.Customers.Get(string(id), params)
	return c.Deleted, err
}

// each walks a list over all its pages. It bounds how much one customer can make us read.
func each(pages *stripe.Iter, what string, visit func() error) error {
	for n := 0; pages.Next(); n++ {
		if n == maxObjects {
			return billing.Errorf(
				billing.EStripeRefused, "Stripe lists more than %d %s.", maxObjects, what,
			)
		}
		if err := visit(); err != nil {
			return err
		}
	}
	return pages.Err()
}

func listParams(ctx context.Context) stripe.ListParams {
	return stripe.ListParams{Context: ctx, Limit: stripe.Int64(pageSize)}
}

func (g *Gateway) subscriptions(
	ctx context.Context, customer billing.CustomerID,
) ([]billing.StripeSubscription, error) {
	params := &stripe.SubscriptionListParams{
		ListParams: listParams(ctx),
		Customer:   stripe.String(string(customer)),
		Status:     stripe.String("all"), // without it, ended ones are left out
	}
	params.AddExpand("data.schedule")
	list := g.api.Subscriptions.List(params)
	var found []billing.StripeSubscription
	err := each(list.Iter, "subscriptions", func() (err error) {
		s := fromStripeSubscription(list.Subscription())
		if s.Item != "" {
			err = g.lookAhead(ctx, list.Subscription(), &s)
		}
		found = append(found, s)
		return err
	})
	return found, err
}

func (g *Gateway) invoices(
	ctx context.Context, customer billing.CustomerID, since *time.Time,
) ([]billing.StripeInvoice, error) {
	params := &stripe.InvoiceListParams{ListParams: listParams(ctx), Customer: stripe.String(string(customer))}
	if since != nil {
		params.CreatedRange = &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()}
	}
	params.AddExpand("data.payment_intent") // to see whether a payment is processing
	list := g.api.Invoices.List(params)
	var found []billing.StripeInvoice
	err := each(list.Iter, "invoices", func() error {
		invoice := fromStripeInvoice(list.Invoice())
		var err error
		invoice.Lines, err = g.lines(ctx, list.Invoice())
		found = append(found, invoice)
		return err
	})
	return found, err
}

// lines returns the lines that came with the invoice. If these are only the first few, it fetches all of them again.
func (g *Gateway) lines(ctx context.Context, i *stripe.Invoice) ([]billing.StripeInvoiceLine, error) {
	var found []billing.StripeInvoiceLine
	if i.Lines != nil && !i.Lines.HasMore {
		for _, l := range i.Lines.Data {
			found = append(found, fromStripeInvoiceLine(l))
		}
		return found, nil
	}
	if err := need("the invoice", i.ID); err != nil {
		return nil, err
	}
	list := g.api.Invoices.ListLines(
		&stripe.InvoiceListLinesParams{ListParams: listParams(ctx), Invoice: stripe.String(i.ID)},
	)
	err := each(list.Iter, "invoice lines", func() error {
		found = append(found, fromStripeInvoiceLine(list.InvoiceLineItem()))
		return nil
	})
	return found, err
}

// intents returns the payment intents that the wanted automatic orders made: by the id where it is known, and the rest
// from one list of the customer's. If that list fails, it returns what it found before, and the error.
func (g *Gateway) intents(ctx context.Context, want Want) (found []billing.StripeIntent, err error) {
	var missing []billing.Order
	for _, o := range want.Automatic {
		if o.PaymentIntentID == "" {
			missing = append(missing, o)
			continue
		}
		i, err := g.intent(ctx, o.PaymentIntentID)
		if err != nil {
			return found, err
		}
		found = append(found, i)
	}
	listed, err := g.listIntents(ctx, want.Customer, missing)
	return append(found, listed...), err
}
