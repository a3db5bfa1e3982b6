package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// SpendFor spends points of an account.
func (s *server) SpendFor(ctx context.Context, r SpendForRequestObject) (SpendForResponseObject, error) {
	request, err := fromAPISpend(r.Body, r.Params.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	spent, err := s.accounts.SpendFor(ctx, service(ctx), billing.AccountID(r.AccountId), request)
	if err != nil {
		return nil, err
	}
	answer := SpendFor201JSONResponse{Body: ServiceSpendResult{
		Spend:        toAPISpend(spent.Entry),
		Receipt:      optional(spent.Receipt),
		Points:       toAPIPoints(spent.Account.Balance),
		Subscription: s.toAPISubscription(spent.Account.Subscription),
		Stale:        spent.Stale,
	}}
	if spent.Replayed {
		answer.Headers.IdempotentReplayed = &spent.Replayed
	}
	return answer, nil
}

// ReadSpend returns one spend of an account.
func (s *server) ReadSpend(ctx context.Context, r ReadSpendRequestObject) (ReadSpendResponseObject, error) {
	e, err := ledger.ReadSpend(ctx, s.db, billing.AccountID(r.AccountId), billing.EntryID(r.SpendId))
	if err != nil {
		return nil, err
	}
	return ReadSpend200JSONResponse(toAPISpend(e)), nil
}

// HoldFor sets points of an account aside.
func (s *server) HoldFor(ctx context.Context, r HoldForRequestObject) (HoldForResponseObject, error) {
	request, err := fromAPIHold(r.Body, r.Params.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	held, err := s.accounts.HoldFor(ctx, service(ctx), billing.AccountID(r.AccountId), request)
	if err != nil {
		return nil, err
	}
	answer := HoldFor201JSONResponse{Body: ServiceHoldCreated{
		Hold:         toAPIHold(held.Hold),
		Points:       toAPIPoints(held.Account.Balance),
		Subscription: s.toAPISubscription(held.Account.Subscription),
		Stale:        held.Stale,
	}}
	if held.Replayed {
		answer.Headers.IdempotentReplayed = &held.Replayed
	}
	return answer, nil
}

// ReadHold returns one hold of an account.
func (s *server) ReadHold(ctx context.Context, r ReadHoldRequestObject) (ReadHoldResponseObject, error) {
	h, err := ledger.ReadHold(ctx, s.db, billing.AccountID(r.AccountId), billing.HoldID(r.HoldId))
	if err != nil {
		return nil, err
	}
	return ReadHold200JSONResponse(toAPIHold(h)), nil
}

// CaptureFor spends what a hold set aside.
func (s *server) CaptureFor(ctx context.Context, r CaptureForRequestObject) (CaptureForResponseObject, error) {
	held, err := s.accounts.CaptureFor(ctx, service(ctx), billing.AccountID(r.AccountId), ledger.CaptureRequest{
		Hold:   billing.HoldID(r.HoldId),
		Amount: billing.Points(value(r.Body.Amount)),
		Key:    r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	answer := CaptureFor200JSONResponse{Body: s.toAPIServiceHoldEnded(held)}
	if held.Replayed {
		answer.Headers.IdempotentReplayed = &held.Replayed
	}
	return answer, nil
}

// ReleaseFor gives back what a hold set aside.
func (s *server) ReleaseFor(ctx context.Context, r ReleaseForRequestObject) (ReleaseForResponseObject, error) {
	held, err := s.accounts.ReleaseFor(
		ctx, service(ctx), billing.AccountID(r.AccountId),
		ledger.ReleaseRequest{Hold: billing.HoldID(r.HoldId), Key: r.Params.IdempotencyKey},
	)
	if err != nil {
		return nil, err
	}
	answer := ReleaseFor200JSONResponse{Body: s.toAPIServiceHoldEnded(held)}
	if held.Replayed {
		answer.Headers.IdempotentReplayed = &held.Replayed
	}
	return answer, nil
}

// GrantFor grants points to an account.
func (s *server) GrantFor(ctx context.Context, r GrantForRequestObject) (GrantForResponseObject, error) {
	if err := checkMetadata(value(r.Body.Metadata)); err != nil {
		return nil, err
	}
	granted, err := s.accounts.GrantFor(ctx, service(ctx), billing.AccountID(r.AccountId), account.ServiceGrant{
		Amount:      billing.Points(r.Body.Amount),
		Reference:   r.Body.Reference,
		Description: value(r.Body.Description),
		Metadata:    value(r.Body.Metadata),
		ExpiresAt:   fromAPITime(r.Body.ExpiresAt),
		Key:         r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	answer := GrantFor201JSONResponse{Body: ServiceGrantResult{
		Entry: toAPIEntry(granted.Entry), Reference: r.Body.Reference, Points: toAPIPoints(granted.Account.Balance),
	}}
	if granted.Replayed {
		answer.Headers.IdempotentReplayed = &granted.Replayed
	}
	return answer, nil
}

func (s *server) toAPIServiceHoldEnded(h account.Held) ServiceHoldEnded {
	return ServiceHoldEnded{
		Hold:         toAPIHold(h.Hold),
		Points:       toAPIPoints(h.Account.Balance),
		Subscription: s.toAPISubscription(h.Account.Subscription),
	}
}
