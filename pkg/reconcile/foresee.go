package reconcile

import (
	"context"
	"fmt"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Foresee returns what the first sync of an account with a customer would grant, and changes nothing. The account need
// not be in the database yet. Errors: EStripeUnavailable, EStripeRefused.
func (s *Syncer) Foresee(ctx context.Context, a billing.Account) (grants []billing.Grant, err error) {
	ctx, cancel := context.WithTimeout(ctx, JobPatience)
	defer cancel()
	now := s.db.Now()
	picture, err := s.fetch(ctx, billing.Ticket{Account: a, BeganAt: now})
	if err != nil {
		return nil, fmt.Errorf("fetch customer %s from Stripe: %w", a.CustomerID, err)
	}
	return Decide(Input{
		Account: a, Picture: picture, Began: now, Now: now, Catalog: s.catalog, Policy: s.policy,
	}).Grants, nil
}
