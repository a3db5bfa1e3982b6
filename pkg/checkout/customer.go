package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// keyLife is less than the day for which Stripe keeps an idempotency key.
const keyLife = 23 * time.Hour

const takeBackTimeout = 15 * time.Second

// ensureCustomer returns the account with its one Stripe customer. The idempotency key names the account and the former
// customer, so Stripe returns the same customer to all requests that race. A customer who was deleted at Stripe can buy
// nothing, so the account gets another one.
//
// An account whose deletion was asked for in the meantime gets none (EAccountClosed). Its person may be erased already,
// so the customer, who has their email, is deleted again.
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
	unwanted := false
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		if unwanted = now.DeletingAt != nil && now.CustomerID != customer; unwanted {
			return now.Closed()
		}
		if former != "" {
			if err := tx.EndCustomer(ctx, id, former); err != nil {
				return err
			}
		}
		return tx.SetCustomer(ctx, id, customer)
	})
	if unwanted {
		s.takeBack(ctx, id, customer)
	}
	if err != nil {
		return a, err
	}
	return s.db.Account(ctx, id)
}

// takeBack deletes a customer who was made for an account that is deleted by now. The request has no use for it, so it
// does not fail, and its end does not stop this.
func (s *Service) takeBack(ctx context.Context, id billing.AccountID, customer billing.CustomerID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackTimeout)
	defer cancel()
	if err := s.stripe.DeleteCustomer(ctx, customer); err != nil {
		s.log.WarnContext(
			ctx, "a customer of a deleted account is left at Stripe", "account", id, "customer", customer, "error", err,
			"fix", "delete the customer in Stripe's dashboard",
		)
	}
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
