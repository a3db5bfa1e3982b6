package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

// Threshold returns the number of points that the caller counts as low, or nil if they leave it to the operator.
// Errors: EUnauthorized.
func (s *Service) Threshold(ctx context.Context, c token.Claims) (*billing.Points, error) {
	a, err := s.db.Account(ctx, c.Account)
	return a.LowPoints, gone(err)
}

// SetThreshold sets the number of points that the caller counts as low; nil leaves it to the operator. Setting it sends
// no event. Errors: EUnauthorized, EAccountClosed.
func (s *Service) SetThreshold(ctx context.Context, c token.Claims, points *billing.Points) error {
	return gone(s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, c.Account, c.Login); err != nil {
			return err
		}
		return tx.SetLowPoints(ctx, c.Account, points)
	}))
}
