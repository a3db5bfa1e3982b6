package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// Status returns an order and the account as they are now. It syncs a pending order first, so that the success page
// need not wait for the webhook. If Stripe does not reply, Status returns what the database knows. Errors: ENotFound.
func (s *Service) Status(
	ctx context.Context, id billing.AccountID, order billing.OrderID,
) (billing.Order, billing.Account, error) {
	o, err := s.db.Order(ctx, id, order)
	if billing.CodeOf(err) == billing.ENotFound {
		return o, billing.Account{}, billing.Errorf(billing.ENotFound, "No such order.")
	}
	if err == nil && !o.Status.Final() {
		if _, err = s.syncer.SyncNow(ctx, id, billing.CauseOrder); err == nil {
			o, err = s.db.Order(ctx, id, order)
		}
	}
	if err != nil {
		return o, billing.Account{}, err
	}
	a, err := ledger.Current(ctx, s.db, id)
	return o, a, err
}
