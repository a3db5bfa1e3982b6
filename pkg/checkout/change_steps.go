package checkout

import (
	"context"
	"errors"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// carryOut asks Stripe for a change, looks at what came of it, and writes that down. Where Stripe gave no definite answer the change stays
// pending, for its repeat to take up.
func (s *Service) carryOut(ctx context.Context, c billing.SubscriptionChange) (billing.SubscriptionChange, error) {
	owed, failure := s.askFor(ctx, c)
	if failure != nil && !definite(failure) {
		return c, failure
	}
	// Also after a refusal: the steps before it had their effect.
	if err := s.syncer.AfterChange(ctx, c.AccountID); err != nil {
		return c, err
	}
	return s.settleChange(ctx, c, owed, failure)
}

// askFor makes the requests of a change, in their order. Each of them has one effect however often it is made.
func (s *Service) askFor(ctx context.Context, c billing.SubscriptionChange) (owed billing.OwedInvoice, err error) {
	steps := c.Steps
	key := func(step string) string { return "change-" + string(c.ID) + "-" + step }
	if steps.Void != "" {
		if err := s.stripe.VoidInvoice(ctx, steps.Void, key("void")); err != nil {
			return owed, err
		}
	}
	if steps.Release != "" {
		if err := s.stripe.ReleaseSchedule(ctx, steps.Release, key("release")); err != nil {
			return owed, err
		}
	}
	if steps.Uncancel {
		if err := s.stripe.KeepSubscription(ctx, steps.Subscription, key("keep")); err != nil {
			return owed, err
		}
	}
	if steps.Undate {
		if err := s.stripe.KeepPastDate(ctx, steps.Subscription, key("keep")); err != nil {
			return owed, err
		}
	}
	item := stripegw.NewItem{
		Subscription: steps.Subscription, Item: steps.Item, Price: steps.Price, Quantity: steps.Quantity, ProrationDate: steps.ProrationDate,
		Key: key(string(steps.Action)),
	}
	switch steps.Action {
	case billing.ActionCharge:
		return s.stripe.ChargeItem(ctx, item)
	case billing.ActionSwap:
		err = s.stripe.SwapItem(ctx, item)
	case billing.ActionSchedule:
		err = s.stripe.ScheduleItem(ctx, item)
	case billing.ActionCancel:
		err = s.stripe.CancelAtPeriodEnd(ctx, steps.Subscription, item.Key)
	case billing.ActionCancelNow:
		if err = s.stripe.CancelNow(ctx, steps.Subscription, item.Key); err == nil {
			err = s.stripe.VoidOpen(ctx, steps.Subscription, key("void-open"))
		}
	case billing.ActionRestart:
		return s.stripe.RestartSubscription(ctx, steps.Subscription, item.Key)
	}
	return owed, err
}

// definite says whether an error means that asking again would bring nothing else.
func definite(err error) bool {
	switch billing.CodeOf(err) {
	case billing.EStripeRefused, billing.EConflict, billing.EPaymentRequired:
		return true
	}
	return false
}

// settleChange writes down what came of a change, unless a request beside this one has.
func (s *Service) settleChange(ctx context.Context, c billing.SubscriptionChange, owed billing.OwedInvoice, failure error) (billing.SubscriptionChange, error) {
	err := s.inChange(ctx, c, func(tx *store.Tx, now *billing.SubscriptionChange) error {
		if now.Status != billing.ChangePending && now.Status != billing.ChangeUnpaid {
			return nil
		}
		now.Owed = owed
		end(now, tx.Now, failure)
		return tx.SaveChange(ctx, *now)
	}, &c)
	return c, err
}

// end closes a change: failed, unpaid where an invoice is owed, else done.
func end(c *billing.SubscriptionChange, now time.Time, failure error) {
	c.Status, c.EndedAt, c.Problem, c.Detail = billing.ChangeDone, &now, "", ""
	var refused *billing.Error
	switch {
	case errors.As(failure, &refused):
		c.Status, c.Problem, c.Detail = billing.ChangeFailed, refused.Code, refused.Message
	case c.Owed.ID != "":
		c.Status = billing.ChangeUnpaid
	}
}

// lookAtPayment says of a change that waited for a payment when it was last looked at how it stands now.
func (s *Service) lookAtPayment(ctx context.Context, c billing.SubscriptionChange) (billing.SubscriptionChange, error) {
	owed, status, err := s.stripe.Owed(ctx, c.Owed.ID)
	if err != nil {
		return c, err
	}
	switch status {
	case "paid":
		owed = billing.OwedInvoice{}
		if err := s.syncer.AfterChange(ctx, c.AccountID); err != nil {
			return c, err
		}
	case "void", "uncollectible":
		err = billing.Errorf(billing.EConflict, "This change was not paid for in time, or another one took its place. Ask again under another key.")
	}
	return s.settleChange(ctx, c, owed, err)
}

// outcome is the error that a change which is not done is answered with, nil where it is.
func outcome(c billing.SubscriptionChange) error {
	switch c.Status {
	case billing.ChangeFailed:
		failure := billing.Errorf(c.Problem, "%s", c.Detail)
		if c.Problem == billing.EPaymentRequired {
			return &PaymentRequired{Cause: failure}
		}
		return failure
	case billing.ChangeUnpaid:
		return &PaymentRequired{URL: c.Owed.URL, Cause: billing.Errorf(billing.EPaymentRequired,
			"The payment was refused or has to be confirmed, so the subscription is as it was. Pay at payment_url, and the change is made.")}
	}
	return nil
}
