package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// DisableAccount closes an account.
func (s *server) DisableAccount(
	ctx context.Context, r DisableAccountRequestObject,
) (DisableAccountResponseObject, error) {
	a, replayed, err := s.decide(ctx, account.Disable, r.AccountId, r.Body.Reason, r.Params.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	return DisableAccount200JSONResponse{
		Body: a, Headers: DisableAccount200ResponseHeaders{IdempotentReplayed: replayed},
	}, nil
}

// EnableAccount opens a disabled account.
func (s *server) EnableAccount(
	ctx context.Context, r EnableAccountRequestObject,
) (EnableAccountResponseObject, error) {
	a, replayed, err := s.decide(ctx, account.Enable, r.AccountId, r.Body.Reason, r.Params.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	return EnableAccount200JSONResponse{
		Body: a, Headers: EnableAccount200ResponseHeaders{IdempotentReplayed: replayed},
	}, nil
}

// DeleteAccountOf closes an account for good. A job erases its person's data.
func (s *server) DeleteAccountOf(
	ctx context.Context, r DeleteAccountOfRequestObject,
) (DeleteAccountOfResponseObject, error) {
	a, replayed, err := s.decide(ctx, checkout.BeginDeletion, r.AccountId, r.Body.Reason, r.Params.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	return DeleteAccountOf200JSONResponse{
		Body: a, Headers: DeleteAccountOf200ResponseHeaders{IdempotentReplayed: replayed},
	}, nil
}

// decide does what an admin decided about an account, and returns the account as it is then. replayed is nil unless the
// decision is a repeat.
func (s *server) decide(
	ctx context.Context, do func(context.Context, *store.DB, billing.AccountID, account.Decision) (bool, error),
	id AccountID, reason, key string,
) (now AdminAccount, replayed *bool, err error) {
	repeat, err := do(ctx, s.db, billing.AccountID(id), account.Decision{By: admin(ctx), Reason: reason, Key: key})
	if err != nil {
		return now, nil, err
	}
	a, err := ledger.Current(ctx, s.db, billing.AccountID(id))
	if err != nil {
		return now, nil, err
	}
	if repeat {
		replayed = &repeat
	}
	return s.toAPIAdminAccount(a), replayed, nil
}
