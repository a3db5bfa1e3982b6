package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Portal returns the address of Stripe's billing portal. Errors: EInvalid, EConflict for an account that never bought,
// ETooMany, EStripeUnavailable, EStripeRefused.
func (s *Service) Portal(ctx context.Context, id billing.AccountID, returnURL string) (string, error) {
	target, err := s.origins.resolve("/return_url", returnURL, "/")
	if err != nil {
		return "", err
	}
	a, err := s.db.Account(ctx, id)
	if err != nil {
		return "", err
	}
	if a.CustomerID == "" {
		return "", billing.Errorf(billing.EConflict, "This account has not bought anything yet.")
	}
	if err := lockAndTake(ctx, s.db, id, billing.RequestPortal); err != nil {
		return "", err
	}
	url, err := s.stripe.PortalURL(ctx, a.CustomerID, target)
	if billing.CodeOf(err) == billing.ENotFound { // deleted at Stripe; the next purchase makes another one
		return "", billing.Wrap(
			err, billing.EConflict, "This account has no customer at Stripe any more. The next purchase makes one.",
		)
	}
	return url, err
}
