package checkout

import (
	"context"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// carryOut asks Stripe for a change, looks at the result, and writes it down. If Stripe gave no definite answer, the
// change stays pending, and a repeat resumes it.
func (s *Service) carryOut(ctx context.Context, c billing.SubscriptionChange) (billing.SubscriptionChange, error) {
	owed, failure := s.askFor(ctx, &c, s.noteVoids)
	if failure != nil && !definite(failure) {
		return c, failure
	}
	// Sync after a refusal too: the steps before it had their effect.
	if _, err := s.syncer.Sync(ctx, c.AccountID, billing.CauseChange); err != nil {
		return c, err
	}
	return s.settleChange(ctx, c, owed, failure)
}

// askFor makes the requests of a change, in order. Each request has one effect, however often it is made.
//
// What the change replaces is withdrawn last, and not while the change is unpaid: nothing that a customer has arranged
// is given up before the money is there.
//
// askFor leaves in c.Voided the invoices that it voided, including those of an earlier try. note writes down what is
// about to be voided.
func (s *Service) askFor(
	ctx context.Context, c *billing.SubscriptionChange, note noteVoids,
) (owed billing.OwedInvoice, err error) {
	steps, noted := c.Steps, c.Voided
	c.Voided = nil
	if steps.Void != "" {
		if err := s.void(ctx, c, steps.Void, "void"); err != nil {
			return owed, err
		}
	}
	// Replace first: it is free, and no end can be changed while a schedule controls the subscription.
	if steps.Action == billing.ActionSchedule {
		if err := s.replace(ctx, *c); err != nil {
			return owed, err
		}
	}
	if owed, err = s.act(ctx, *c); err != nil || owed.ID != "" || steps.Action == billing.ActionSchedule {
		return owed, err
	}
	if steps.Action == billing.ActionCancelNow {
		if err := s.voidOpen(ctx, c, noted, note); err != nil {
			return owed, err
		}
	}
	return owed, s.replace(ctx, *c)
}

// noteVoids is the type of a function that writes down the invoices that a change is about to void.
type noteVoids func(context.Context, billing.SubscriptionChange) error

// noteVoids keeps the invoices in the change's row. A repeat finds them void already, and can still list them.
func (s *Service) noteVoids(ctx context.Context, c billing.SubscriptionChange) error {
	return s.inChange(ctx, c, func(tx *store.Tx, now *billing.SubscriptionChange) error {
		if now.Status.Decided() {
			return nil
		}
		now.Voided = c.Voided
		return tx.SaveChange(ctx, *now)
	}, new(billing.SubscriptionChange))
}

// voidOpen voids the open invoices of a subscription that has ended, and those that an earlier try had noted. An
// invoice that was paid just now is left to the next sync.
func (s *Service) voidOpen(
	ctx context.Context, c *billing.SubscriptionChange, noted []billing.VoidedInvoice, note noteVoids,
) error {
	open, err := s.stripe.OpenInvoices(ctx, c.Steps.Subscription)
	if err != nil {
		return err
	}
	var due []billing.VoidedInvoice
	for _, v := range append(noted, open...) {
		same := func(other billing.VoidedInvoice) bool { return other.ID == v.ID }
		if !slices.ContainsFunc(c.Voided, same) && !slices.ContainsFunc(due, same) {
			due = append(due, v)
		}
	}
	if len(open) > 0 {
		about := *c
		about.Voided = append(slices.Clone(c.Voided), due...)
		if err := note(ctx, about); err != nil {
			return err
		}
	}
	for _, v := range due {
		if err := s.void(
			ctx, c, v.ID, "void-open-"+string(v.ID),
		); err != nil && billing.CodeOf(err) != billing.EConflict {
			return err
		}
	}
	return nil
}

func (s *Service) void(ctx context.Context, c *billing.SubscriptionChange, id billing.InvoiceID, step string) error {
	v, err := s.stripe.VoidInvoice(ctx, id, stepKey(*c, step))
	if err == nil {
		c.Voided = append(c.Voided, v)
	}
	return err
}

// act makes the request of a change's action, and returns the invoice that it left unpaid.
func (s *Service) act(ctx context.Context, c billing.SubscriptionChange) (owed billing.OwedInvoice, err error) {
	steps, key := c.Steps, stepKey(c, string(c.Steps.Action))
	item := stripegw.NewItem{
		Subscription:  steps.Subscription,
		Item:          steps.Item,
		Price:         steps.Price,
		Quantity:      steps.Quantity,
		ProrationDate: steps.ProrationDate,
		Key:           key,
	}
	switch steps.Action {
	case billing.ActionCharge:
		return s.stripe.ChargeItem(ctx, item)
	case billing.ActionInvoice:
		return s.stripe.InvoiceItem(ctx, item)
	case billing.ActionSwap:
		return owed, s.stripe.SwapItem(ctx, item)
	case billing.ActionSchedule:
		return owed, s.stripe.ScheduleItem(ctx, item, steps.Schedule, steps.PeriodEnd)
	case billing.ActionCancel:
		if steps.Schedule != "" {
			return owed, s.stripe.EndScheduled(ctx, steps.Schedule, steps.PeriodEnd, key)
		}
		return owed, s.stripe.CancelAtPeriodEnd(ctx, steps.Subscription, key)
	case billing.ActionCancelNow:
		return owed, s.stripe.CancelNow(ctx, steps.Subscription, key)
	case billing.ActionRestart:
		return s.stripe.RestartSubscription(ctx, steps.Subscription, key)
	}
	return owed, nil
}

// replace withdraws what a change replaces.
func (s *Service) replace(ctx context.Context, c billing.SubscriptionChange) error {
	steps := c.Steps
	if steps.Release != "" {
		if err := s.stripe.ReleaseSchedule(ctx, steps.Release, stepKey(c, "release")); err != nil {
			return err
		}
	}
	if steps.Uncancel {
		if err := s.stripe.KeepSubscription(ctx, steps.Subscription, stepKey(c, "keep")); err != nil {
			return err
		}
	}
	if steps.Undate {
		if err := s.stripe.KeepPastDate(ctx, steps.Subscription, stepKey(c, "keep")); err != nil {
			return err
		}
	}
	if steps.Unpause {
		return s.stripe.CollectAgain(ctx, steps.Subscription, stepKey(c, "collect"))
	}
	return nil
}

// replaceLate is replace for some time after the change was asked for. An end that was decided since then is a
// different one, and stays.
func (s *Service) replaceLate(ctx context.Context, c billing.SubscriptionChange) error {
	if !c.Steps.Replaces() {
		return nil
	}
	t, err := s.stripe.Subscription(ctx, c.Steps.Subscription)
	if err != nil || !t.Status.Live() {
		return err
	}
	left := *c.Steps
	same := t.CanceledAt != nil && t.CanceledAt.Unix() == left.CanceledAt
	left.Uncancel, left.Undate = left.Uncancel && same && t.Cancels, left.Undate && same && t.HasEndDate
	if t.Schedule != left.Release {
		left.Release = ""
	}
	c.Steps = &left
	return s.replace(ctx, c)
}

// definite reports whether an error is final, so that asking again would give the same result.
func definite(err error) bool {
	switch billing.CodeOf(err) {
	case billing.EStripeRefused, billing.EConflict, billing.EPaymentRequired:
		return true
	}
	return false
}

// stepKey returns the idempotency key of one request of a change.
func stepKey(c billing.SubscriptionChange, step string) string {
	return "change-" + string(c.ID) + "-" + step
}
