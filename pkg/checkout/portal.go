package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// PortalRequest asks for the portal. ReturnURL is where it leads back to, or "" for the default.
type PortalRequest struct {
	ReturnURL string
	Login     billing.SessionID // of the customer: it must live
}

// Portal returns the address of Stripe's billing portal. Errors: EInvalid, EConflict for an account that never bought,
// ETooMany, EStripeUnavailable, EStripeRefused, EUnauthorized (the login has ended), EAccountClosed.
func (s *Service) Portal(ctx context.Context, id billing.AccountID, r PortalRequest) (string, error) {
	target, err := resolve(s.origins, "/return_url", r.ReturnURL, "/")
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
	if err := lockAndTake(ctx, s.db, id, r.Login, billing.RequestPortal); err != nil {
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
