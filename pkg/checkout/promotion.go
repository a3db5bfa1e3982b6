package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// A promotion code lowers the cost of a purchase and does not change its points: the operator gave the discount away.
// Stripe decides what the code is worth and who may use it.

func notApplicable() error {
	return billing.Invalid("/promotion_code", "is unknown, used up, or not for this purchase")
}

// promotion looks up the code that the customer typed. A repeat whose order already has its page does not call it: by
// then its own purchase may have used up the code. Errors: EInvalid, ETooMany.
func (s *Service) promotion(ctx context.Context, a billing.Account, r Request) (billing.PromotionCodeID, error) {
	if r.Promotion == "" {
		return "", nil
	}
	if err := lockAndTake(ctx, s.db, a.ID, billing.RequestPromotion); err != nil {
		return "", err
	}
	id, err := s.stripe.PromotionCode(ctx, r.Promotion, a.CustomerID)
	if billing.CodeOf(err) == billing.ENotFound {
		return "", notApplicable()
	}
	return id, err
}

// forgetOrder deletes an order that never had a page, so that its key is unused again.
func (s *Service) forgetOrder(ctx context.Context, o billing.Order) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, o.AccountID); err != nil {
			return err
		}
		return tx.DeleteOrder(ctx, o)
	})
}
