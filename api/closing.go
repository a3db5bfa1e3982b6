package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// DisableAccount closes an account.
func (s *server) DisableAccount(
	ctx context.Context, r DisableAccountRequestObject,
) (DisableAccountResponseObject, error) {
	id := billing.AccountID(r.AccountId)
	replayed, err := account.Disable(ctx, s.db, id, account.Closing{
		By: admin(ctx), Reason: r.Body.Reason, Key: r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	a, err := ledger.Current(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	answer := DisableAccount200JSONResponse{Body: s.toAPIAdminAccount(a)}
	if replayed {
		answer.Headers.IdempotentReplayed = &replayed
	}
	return answer, nil
}

// EnableAccount opens a disabled account.
func (s *server) EnableAccount(
	ctx context.Context, r EnableAccountRequestObject,
) (EnableAccountResponseObject, error) {
	id := billing.AccountID(r.AccountId)
	replayed, err := account.Enable(ctx, s.db, id, account.Closing{
		By: admin(ctx), Reason: r.Body.Reason, Key: r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	a, err := ledger.Current(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	answer := EnableAccount200JSONResponse{Body: s.toAPIAdminAccount(a)}
	if replayed {
		answer.Headers.IdempotentReplayed = &replayed
	}
	return answer, nil
}
