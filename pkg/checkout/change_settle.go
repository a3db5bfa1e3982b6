package checkout

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// lookInterval is how long a change waits for its payment before a job looks at Stripe. A sync that sees the invoice
// may come earlier.
const lookInterval = time.Hour

// lookAtPayment looks at a change that was waiting for a payment, and settles it by the invoice's current status. A
// paid change withdraws what it replaces.
func (s *Service) lookAtPayment(ctx context.Context, c billing.SubscriptionChange) (billing.SubscriptionChange, error) {
	owed, status, err := s.stripe.Owed(ctx, c.Owed.ID)
	if err != nil {
		return c, err
	}
	var failure error
	switch status {
	case billing.InvoicePaid:
		owed = billing.OwedInvoice{}
		if err := s.replaceLate(ctx, c); err != nil {
			return c, err
		}
	case billing.InvoiceVoid, billing.InvoiceUncollectible:
		failure = billing.Errorf(
			billing.EConflict,
			"This change was not paid for in time, or another one took its place. Ask again under another key.",
		)
	}
	if owed.ID == "" || owed.Status != c.Status {
		if _, err := s.syncer.Sync(ctx, c.AccountID, billing.CauseChange); err != nil {
			return c, err
		}
	}
	return s.settleChange(ctx, c, owed, failure)
}

// settleChange writes down the result of a change, unless a concurrent request has done so.
func (s *Service) settleChange(
	ctx context.Context, c billing.SubscriptionChange, owed billing.OwedInvoice, failure error,
) (billing.SubscriptionChange, error) {
	err := s.inChange(ctx, c, func(tx *store.Tx, now *billing.SubscriptionChange) error {
		if now.Status.Decided() {
			return nil
		}
		now.Owed, now.Voided = owed, c.Voided
		end(now, tx.Now, failure)
		return tx.SaveChange(ctx, *now)
	}, &c)
	return c, err
}

// end closes a change as failed, as waiting if an invoice is owed, or as done.
func end(c *billing.SubscriptionChange, now time.Time, failure error) {
	c.Status, c.EndedAt, c.LookAt, c.Problem, c.Detail = billing.ChangeDone, &now, nil, "", ""
	var refused *billing.Error
	switch {
	case errors.As(failure, &refused):
		c.Status, c.Problem, c.Detail = billing.ChangeFailed, refused.Code, refused.Message
	case c.Owed.ID != "":
		c.Status = cmp.Or(c.Owed.Status, billing.ChangeUnpaid)
		c.LookAt = new(now.Add(lookInterval))
	}
}
