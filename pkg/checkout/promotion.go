package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// A promotion code lowers the cost of a purchase and does not change its points: the operator gave the discount away.
// Stripe decides what the code is worth and who may use it.

// promotion looks up the code that the customer typed. A repeat whose order already has its page does not call it: by
// then its own purchase may have used up the code. Errors: EInvalid, ETooMany.
func (s *Service) promotion(ctx context.Context, a billing.Account, r Request) (billing.PromotionCodeID, error) {
	if r.Promotion == "" {
		return "", nil
	}
	if err := lockAndTake(ctx, s.db, a.ID, r.Login, billing.RequestPromotion); err != nil {
		return "", err
	}
	id, err := s.stripe.PromotionCode(ctx, r.Promotion, a.CustomerID)
	if billing.CodeOf(err) == billing.ENotFound {
		return "", notApplicable()
	}
	return id, err
}

func notApplicable() error {
	return billing.Invalid("/promotion_code", "is unknown, used up, or not for this purchase")
}
