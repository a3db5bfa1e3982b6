package stripegw

import (
	"context"
	"sync"
	"time"

	stripe "github.com/stripe/stripe-go/v76"
	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
)

// paidMargin is how long after the payment of an invoice one of its charges may be dated.
const paidMargin = time.Hour

// charges returns the charges that a picture shows: the newest, and those that are named. If money of one of these
// went back and it paid an invoice, the other charges that paid that invoice are included. That is a fixed number of
// calls, however many charges the customer has. See docs/adr/0010-old-charges.md.
func (g *Gateway) charges(ctx context.Context, want Want) ([]billing.StripeCharge, error) {
	found := chargeSet{byID: map[string]*stripe.Charge{}}
	if want.AllCharges {
		if err := g.allCharges(ctx, want, &found); err != nil {
			return nil, err
		}
		return g.withDisputes(ctx, found.list)
	}
	list := g.api.Charges.List(&stripe.ChargeListParams{
		ListParams: stripe.ListParams{
			Context: ctx, Limit: stripe.Int64(pageSize), Single: true,
		}, Customer: stripe.String(string(want.Customer)),
	})
	for list.Next() {
		found.add(list.Charge())
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	oldest := found.oldest()
	if err := g.addNamed(ctx, want, &found); err != nil {
		return nil, err
	}
	if list.ChargeList().HasMore {
		if err := g.addSiblings(ctx, oldest, &found); err != nil {
			return nil, err
		}
	}
	return g.withDisputes(ctx, found.list)
}

// chargeSet holds each charge once. It may be filled from many goroutines.
type chargeSet struct {
	mu   sync.Mutex
	byID map[string]*stripe.Charge
	list []*stripe.Charge
}

func (s *chargeSet) add(c *stripe.Charge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[c.ID] == nil {
		s.byID[c.ID] = c
		s.list = append(s.list, c)
	}
}

func (s *chargeSet) oldest() (created int64) {
	for _, c := range s.list {
		if created == 0 || c.Created < created {
			created = c.Created
		}
	}
	return created
}

// allCharges reads the charges of the customer and of the account's earlier customers, as far as Stripe still lists
// them.
func (g *Gateway) allCharges(ctx context.Context, want Want, found *chargeSet) error {
	for _, customer := range append([]billing.CustomerID{want.Customer}, want.Former...) {
		list := g.api.Charges.List(
			&stripe.ChargeListParams{ListParams: listParams(ctx), Customer: stripe.String(string(customer))},
		)
		err := each(list.Iter, "charges", func() error { found.add(list.Charge()); return nil })
		if err != nil && (customer == want.Customer || !isMissing(err, "customer")) {
			return err
		}
	}
	return nil
}

// addNamed fetches the charges that events name, directly or by their refund or dispute. Charges that Stripe does not
// know are left out.
func (g *Gateway) addNamed(ctx context.Context, want Want, found *chargeSet) error {
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(maxParallel)
	for _, o := range want.Named {
		calls.Go(func() error {
			c, err := g.chargeOf(ctx, o)
			if isMissing(err, "") {
				return nil
			}
			if err == nil && c != nil && c.ID != "" {
				found.add(c)
			}
			return err
		})
	}
	return calls.Wait()
}

func (g *Gateway) chargeOf(ctx context.Context, o billing.StripeObject) (*stripe.Charge, error) {
	if err := need("the object", o.ID); err != nil {
		return nil, err
	}
	common := stripe.Params{Context: ctx}
	switch expand := []*string{stripe.String("charge")}; o.Type {
	case billing.ObjectCharge:
		return g.api.Charges.Get(o.ID, &stripe.ChargeParams{Params: common})
	case billing.ObjectDispute:
		d, err := g.api.Disputes.Get(o.ID, &stripe.DisputeParams{Params: common, Expand: expand})
		return d.Charge, err
	case billing.ObjectRefund:
		r, err := g.api.Refunds.Get(o.ID, &stripe.RefundParams{Params: common, Expand: expand})
		return r.Charge, err
	}
	return nil, nil
}

// addSiblings completes the charges of each invoice from which money went back, because a clawback is a share of all
// that paid the invoice. If the invoice is not older than the customer's newest charges, its charges are among those
// already.
func (g *Gateway) addSiblings(ctx context.Context, oldest int64, found *chargeSet) error {
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(maxParallel)
	asked := map[string]bool{}
	for _, c := range found.list {
		if c.Invoice == nil || c.Customer == nil || asked[c.Invoice.ID] || c.AmountRefunded == 0 && !c.Disputed {
			continue
		}
		asked[c.Invoice.ID] = true
		calls.Go(func() error {
			err := g.addPayments(ctx, c, oldest, found)
			if isMissing(err, "") {
				return nil
			}
			return err
		})
	}
	return calls.Wait()
}

// addPayments adds the charges of one invoice. Stripe does not list charges by invoice. These were made between the
// invoice's creation and its payment.
func (g *Gateway) addPayments(ctx context.Context, of *stripe.Charge, oldest int64, found *chargeSet) error {
	i, err := g.api.Invoices.Get(of.Invoice.ID, &stripe.InvoiceParams{Params: stripe.Params{Context: ctx}})
	if err != nil || i.Created > oldest {
		return err
	}
	created := &stripe.RangeQueryParams{GreaterThanOrEqual: i.Created}
	if i.StatusTransitions != nil && i.StatusTransitions.PaidAt != 0 {
		created.LesserThanOrEqual = i.StatusTransitions.PaidAt + int64(paidMargin/time.Second)
	}
	list := g.api.Charges.List(&stripe.ChargeListParams{
		ListParams: listParams(ctx), Customer: stripe.String(of.Customer.ID), CreatedRange: created,
	})
	return each(list.Iter, "charges", func() error {
		if c := list.Charge(); c.Invoice != nil && c.Invoice.ID == i.ID {
			found.add(c)
		}
		return nil
	})
}

// withDisputes converts the charges to our type, with the amounts that disputes took.
func (g *Gateway) withDisputes(ctx context.Context, charges []*stripe.Charge) ([]billing.StripeCharge, error) {
	if len(charges) == 0 {
		return nil, nil
	}
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(maxParallel)
	found := make([]billing.StripeCharge, len(charges))
	for n, c := range charges {
		if found[n] = fromStripeCharge(c); !c.Disputed {
			continue
		}
		calls.Go(func() (err error) {
			found[n].AmountDisputed, err = g.disputed(ctx, c.ID)
			return err
		})
	}
	return found, calls.Wait()
}

// disputed returns how much all disputes about a charge took together. Stripe does not send them with the charge.
func (g *Gateway) disputed(ctx context.Context, charge string) (sum int64, err error) {
	if err := need("the charge", charge); err != nil {
		return 0, err
	}
	list := g.api.Disputes.List(&stripe.DisputeListParams{ListParams: listParams(ctx), Charge: stripe.String(charge)})
	err = each(list.Iter, "disputes", func() error {
		sum += withdrawn(list.Dispute())
		return nil
	})
	return sum, err
}
