package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// lease is how long a change that was cut off blocks others. It is longer than any request works on a change.
	lease = time.Minute
	// changeLife is how long a change can be resumed: Stripe forgets idempotency keys after a day.
	changeLife = 23 * time.Hour
)

// claimChange returns the change that the key was first used for, or inserts a new one. Errors: EKeyReused, EConflict,
// ETooMany, EUnauthorized, EAccountClosed, and why a new one is refused.
func (s *Service) claimChange(
	ctx context.Context, a asked,
) (c billing.SubscriptionChange, replayed bool, err error) {
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, a.request.Account, a.login); err != nil {
			return err
		}
		id, known, err := tx.Once(ctx, a.request, func() (_ string, err error) {
			c, err = newChange(ctx, tx, a)
			return string(c.ID), err
		})
		if err == nil && known {
			c, err = takeUp(ctx, tx, a.request.Account, billing.ChangeID(id))
		}
		replayed = known
		return err
	})
	return c, replayed, err
}

// newChange inserts a change. An account has one pending change at a time.
func newChange(ctx context.Context, tx *store.Tx, a asked) (billing.SubscriptionChange, error) {
	c := a.change
	if a.invalid != nil {
		return c, a.invalid
	}
	if err := makeRoom(ctx, tx, c.AccountID); err != nil {
		return c, err
	}
	if err := tx.TakeRequest(ctx, c.AccountID, billing.RequestSubscription); err != nil {
		return c, err
	}
	c.ID, c.Status = billing.NewChangeID(tx.Now), billing.ChangePending
	c.CreatedAt, c.LeaseUntil = tx.Now, tx.Now.Add(lease)
	return c, tx.InsertChange(ctx, c)
}

// makeRoom refuses a second change while another request may still work on the first. It gives up a change that was cut
// off and not resumed: what that one did at Stripe remains, and the rest will not be done.
func makeRoom(ctx context.Context, tx *store.Tx, id billing.AccountID) error {
	other, ok, err := tx.PendingChange(ctx, id)
	if err != nil || !ok {
		return err
	}
	if left := other.LeaseUntil.Sub(tx.Now); left > 0 {
		return &billing.Error{
			Code:       billing.EConflict,
			RetryAfter: left,
			Message:    "Another change of this subscription is under way. Try again in a moment.",
		}
	}
	end(
		&other, tx.Now,
		billing.Errorf(
			billing.EConflict,
			"This request was cut off, and another change was asked for since. "+
				"Look at the subscription, and ask again under another key.",
		),
	)
	return tx.SaveChange(ctx, other)
}

// takeUp returns the change of a repeated request. If the change is pending, takeUp renews its lease. A repeat that
// asks Stripe again costs as a new request does.
func takeUp(
	ctx context.Context, tx *store.Tx, account billing.AccountID, id billing.ChangeID,
) (billing.SubscriptionChange, error) {
	c, err := tx.Change(ctx, account, id)
	if err != nil {
		return c, err
	}
	if c.Status == billing.ChangePending {
		if err := renew(ctx, tx, &c); err != nil {
			return c, err
		}
	}
	if c.Status.Decided() {
		return c, nil
	}
	return c, tx.TakeRequest(ctx, account, billing.RequestSubscription)
}

// renew renews the lease of a pending change, or ends the change if it was cut off too long ago.
func renew(ctx context.Context, tx *store.Tx, c *billing.SubscriptionChange) error {
	if tx.Now.Sub(c.CreatedAt) <= changeLife {
		c.LeaseUntil = tx.Now.Add(lease)
	} else {
		end(
			c, tx.Now,
			billing.Errorf(
				billing.EConflict,
				"This request was cut off too long ago to be taken up. "+
					"Look at the subscription, and ask again under another key.",
			),
		)
	}
	return tx.SaveChange(ctx, *c)
}

// inChange runs fn on the current change, under its account's lock, and returns the change in out as fn left it.
func (s *Service) inChange(
	ctx context.Context, c billing.SubscriptionChange, fn func(*store.Tx, *billing.SubscriptionChange) error,
	out *billing.SubscriptionChange,
) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, c.AccountID); err != nil {
			return err
		}
		now, err := tx.Change(ctx, c.AccountID, c.ID)
		if err != nil {
			return err
		}
		err = fn(tx, &now)
		*out = now
		return err
	})
}
