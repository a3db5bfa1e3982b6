package checkout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const (
	// changeInterval is how often a job looks for changes that were cut off and for changes that may have been paid.
	changeInterval = 5 * time.Second

	changeBatch = 100
)

// FollowChanges looks at the changes that are due: those that wait for a payment, and those that were cut off and not
// resumed. It may run on several replicas at once and may stop at any point. It returns the failures of single changes,
// and a later run tries them again.
func (s *Service) FollowChanges(ctx context.Context) error {
	var failures []error
	after := billing.ChangeID("")
	for range maxBatches {
		due, err := s.db.DueChanges(ctx, s.db.Now(), after, changeBatch)
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		for _, c := range due {
			if err := s.follow(ctx, c); err != nil {
				failures = append(failures, fmt.Errorf("change %s of account %s: %w", c.ID, c.AccountID, err))
			}
			after = c.ID
		}
		if len(due) < changeBatch {
			break
		}
	}
	return errors.Join(failures...)
}

// follow claims a change and looks at it.
func (s *Service) follow(ctx context.Context, c billing.SubscriptionChange) error {
	ctx, cancel := context.WithTimeout(ctx, changePatience)
	defer cancel()
	taken := false
	err := s.inChange(ctx, c, func(tx *store.Tx, now *billing.SubscriptionChange) error {
		if now.Status.Decided() || now.LookAt == nil || now.LookAt.After(tx.Now) { // another replica was faster
			return nil
		}
		taken = true
		if now.Status != billing.ChangePending {
			now.LookAt = new(tx.Now.Add(lease))
		} else if now.Steps == nil { // Stripe was not asked for anything
			end(now, tx.Now, cutOff())
		} else {
			now.LeaseUntil = tx.Now.Add(lease)
		}
		return tx.SaveChange(ctx, *now)
	}, &c)
	switch {
	case err != nil || !taken || c.Status.Decided():
	case c.Status == billing.ChangePending:
		_, err = s.finish(ctx, c)
	default:
		_, err = s.lookAtPayment(ctx, c)
	}
	return err
}

// finish completes a change that was cut off. It finishes what Stripe has begun and gives up what Stripe was not asked
// for, so it charges nothing that no one waits for.
func (s *Service) finish(ctx context.Context, c billing.SubscriptionChange) (billing.SubscriptionChange, error) {
	t, err := s.stripe.Subscription(ctx, c.Steps.Subscription)
	if err != nil {
		return c, err
	}
	var owed billing.OwedInvoice
	var failure error
	switch owes, progress := progressOf(t, c); {
	case owes:
		owed = t.Owes
	case progress == acted:
		err = s.replaceLate(ctx, c)
	case progress == begun:
		owed, err = s.askFor(ctx, &c, s.noteVoids)
	default:
		failure = cutOff()
	}
	if definite(err) {
		failure, err = err, nil
	}
	if err != nil {
		return c, err
	}
	if _, err := s.syncer.Sync(ctx, c.AccountID, billing.CauseChange); err != nil {
		return c, err
	}
	return s.settleChange(ctx, c, owed, failure)
}

// progress is how much of a change Stripe has done.
type progress int

const (
	untouched progress = iota
	begun              // part of what costs nothing is done
	acted              // the action is done
)

// progressOf returns how much of a change that was cut off Stripe has done, judged by the current subscription. owes
// reports whether the change's invoice is unpaid.
func progressOf(t stripegw.Terms, c billing.SubscriptionChange) (owes bool, _ progress) {
	steps := c.Steps
	here := t.Price == steps.Price && t.Quantity == steps.Quantity
	owes = t.Owes.ID != "" && t.Owes.ID != steps.Void
	switch steps.Action {
	case billing.ActionCharge:
		return owes && t.Pending, progressWhen(here && !t.Pending, false)
	case billing.ActionInvoice:
		return owes && here, progressWhen(here, false)
	case billing.ActionRestart:
		return owes && t.Status == billing.SubPaused, progressWhen(t.Status == billing.SubActive, false)
	case billing.ActionSwap:
		return false, progressWhen(here, false)
	}
	return false, freeProgress(t, c)
}

// freeProgress is progressOf for the actions that leave the items as they are, and so charge nothing.
func freeProgress(t stripegw.Terms, c billing.SubscriptionChange) progress {
	steps := c.Steps
	switch steps.Action {
	case billing.ActionNone:
		return progressWhen(false, takenBack(t, *steps))
	case billing.ActionSchedule:
		next := t.Scheduled
		done := next != nil && next.Plan == c.Plan && next.Quantity == steps.Quantity
		return progressWhen(done, takenBack(t, *steps) || steps.Schedule == "" && t.Schedule != "")
	case billing.ActionCancel:
		return progressWhen(t.EndsAt != nil && !t.EndsAt.After(time.Unix(steps.PeriodEnd, 0)), false)
	case billing.ActionCancelNow:
		return progressWhen(false, !t.Status.Live()) // its invoices may still be open
	}
	return untouched
}

// takenBack reports whether Stripe has taken back something that the change replaces.
func takenBack(t stripegw.Terms, steps billing.ChangeSteps) bool {
	return steps.Uncancel && !t.Cancels || steps.Undate && !t.HasEndDate ||
		steps.Release != "" && t.Schedule != steps.Release || steps.Unpause && t.CollectionPaused == nil
}

func progressWhen(done, partly bool) progress {
	switch {
	case done:
		return acted
	case partly:
		return begun
	}
	return untouched
}

func cutOff() error {
	return billing.Errorf(
		billing.EConflict, "This request was cut off before it had an effect. Ask again under another key.",
	)
}
