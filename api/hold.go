package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// CreateHold sets points aside. It returns a fresh token whether it succeeds or lacks points.
func (s *server) CreateHold(ctx context.Context, r CreateHoldRequestObject) (CreateHoldResponseObject, error) {
	request, err := fromAPIHold(r.Body, value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	held, err := s.accounts.Hold(ctx, caller(ctx), request)
	if err != nil {
		return nil, err
	}
	answer := CreateHold201JSONResponse{Body: HoldCreated{
		Hold: toAPIHold(held.Hold), Points: toAPIPoints(held.Account.Balance), Subscription: s.toAPISubscription(
			held.Account.Subscription,
		),
		Token: held.Token, Stale: held.Stale,
	}}
	if held.Replayed {
		answer.Headers.IdempotentReplayed = &held.Replayed
	}
	return answer, nil
}

// ListHolds returns a page of the caller's holds.
func (s *server) ListHolds(ctx context.Context, r ListHoldsRequestObject) (ListHoldsResponseObject, error) {
	limit := limitOf(r.Params.Limit)
	holds, err := ledger.ListHolds(ctx, s.db, caller(ctx).Account, billing.HoldID(value(r.Params.Cursor)), limit+1)
	if err != nil {
		return nil, err
	}
	holds, next := page(holds, limit, func(h billing.Hold) string { return string(h.ID) })
	return ListHolds200JSONResponse{Holds: each(holds, toAPIHold), NextCursor: next}, nil
}

// GetHold returns one hold.
func (s *server) GetHold(ctx context.Context, r GetHoldRequestObject) (GetHoldResponseObject, error) {
	h, err := ledger.ReadHold(ctx, s.db, caller(ctx).Account, billing.HoldID(r.HoldId))
	if err != nil {
		return nil, err
	}
	return GetHold200JSONResponse(toAPIHold(h)), nil
}

// CaptureHold spends what a hold set aside.
func (s *server) CaptureHold(ctx context.Context, r CaptureHoldRequestObject) (CaptureHoldResponseObject, error) {
	held, err := s.accounts.Capture(ctx, caller(ctx), ledger.CaptureRequest{
		Hold:   billing.HoldID(r.HoldId),
		Amount: billing.Points(value(r.Body.Amount)),
		Key:    value(r.Params.IdempotencyKey),
	})
	if err != nil {
		return nil, err
	}
	answer := CaptureHold200JSONResponse{Body: s.toAPIHoldEnded(held)}
	if held.Replayed {
		answer.Headers.IdempotentReplayed = &held.Replayed
	}
	return answer, nil
}

// ReleaseHold gives back what a hold set aside.
func (s *server) ReleaseHold(ctx context.Context, r ReleaseHoldRequestObject) (ReleaseHoldResponseObject, error) {
	held, err := s.accounts.Release(
		ctx, caller(ctx), ledger.ReleaseRequest{Hold: billing.HoldID(r.HoldId), Key: value(r.Params.IdempotencyKey)},
	)
	if err != nil {
		return nil, err
	}
	answer := ReleaseHold200JSONResponse{Body: s.toAPIHoldEnded(held)}
	if held.Replayed {
		answer.Headers.IdempotentReplayed = &held.Replayed
	}
	return answer, nil
}
