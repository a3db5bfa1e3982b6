package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// keyLife is less than the day for which Stripe keeps an idempotency key.
const keyLife = 23 * time.Hour

// ensureCustomer returns the account with its one Stripe customer. The idempotency key names the account and the former
// customer, so Stripe returns the same customer to all requests that race. A customer who was deleted at Stripe can buy
// nothing, so the account gets another one.
func (s *Service) ensureCustomer(ctx context.Context, id billing.AccountID) (billing.Account, error) {
	a, err := s.db.Account(ctx, id)
	if err != nil {
		return a, err
	}
	former := a.CustomerID
	if former != "" {
		deleted, err := s.stripe.IsDeleted(ctx, former)
		if err != nil || !deleted {
			return a, err
		}
		if err := s.leave(ctx, a); err != nil {
			return a, err
		}
	}
	customer, err := s.findOrCreateCustomer(ctx, a)
	if err != nil {
		return a, err
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, id); err != nil {
			return err
		}
		if former != "" {
			if err := tx.EndCustomer(ctx, id, former); err != nil {
				return err
			}
		}
		return tx.SetCustomer(ctx, id, customer)
	})
	if err != nil {
		return a, err
	}
	return s.db.Account(ctx, id)
}

// findOrCreateCustomer returns the account's customer at Stripe, never its former one.
func (s *Service) findOrCreateCustomer(ctx context.Context, a billing.Account) (billing.CustomerID, error) {
	former := a.CustomerID
	// Stripe knows the idempotency key for a day. After that, an earlier request's customer can be found by the email
	// alone.
	if forgotten := former != "" || s.db.Now().Sub(a.CreatedAt) >= keyLife; forgotten && a.Email != "" {
		found, err := s.stripe.FindCustomer(ctx, a.ID, a.Email, former)
		if err != nil || found != "" {
			return found, err
		}
	}
	return s.stripe.CreateCustomer(ctx, a.ID, a.Email, former)
}

// leave closes the pages of a deleted customer, and ends the subscription here that the customer had.
func (s *Service) leave(ctx context.Context, a billing.Account) error {
	open, err := s.db.OpenOrders(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.Automatic || o.URL == "" {
			continue
		}
		if err := s.stripe.ExpireCheckout(ctx, o.CheckoutID); err != nil && billing.CodeOf(err) != billing.EConflict {
			return err
		}
	}
	_, err = s.syncer.Sync(ctx, a.ID, billing.CauseEvent)
	return err
}
