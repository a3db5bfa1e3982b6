package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// GetTopUp returns the caller's automatic top-up.
func (s *server) GetTopUp(ctx context.Context, _ GetTopUpRequestObject) (GetTopUpResponseObject, error) {
	t, err := s.topUps.Get(ctx, caller(ctx).Account)
	if err != nil {
		return nil, err
	}
	return GetTopUp200JSONResponse{TopUpStateJSONResponse{TopUp: toAPITopUp(t)}}, nil
}

// PutTopUp sets the caller's automatic top-up.
func (s *server) PutTopUp(ctx context.Context, r PutTopUpRequestObject) (PutTopUpResponseObject, error) {
	t, err := s.topUps.Put(ctx, caller(ctx).Account, checkout.TopUpRequest{
		Enabled:      r.Body.Enabled,
		Pack:         r.Body.Pack,
		Quantity:     value(r.Body.Quantity),
		Threshold:    billing.Points(r.Body.Threshold),
		MonthlyLimit: r.Body.MonthlyLimit,
		Login:        caller(ctx).Login,
	})
	if err != nil {
		return nil, err
	}
	return PutTopUp200JSONResponse{TopUpStateJSONResponse{TopUp: toAPITopUp(t)}}, nil
}

// DeleteTopUp deletes the caller's automatic top-up.
func (s *server) DeleteTopUp(ctx context.Context, _ DeleteTopUpRequestObject) (DeleteTopUpResponseObject, error) {
	if err := s.topUps.Delete(ctx, caller(ctx).Account, caller(ctx).Login); err != nil {
		return nil, err
	}
	return DeleteTopUp204Response{}, nil
}

func toAPITopUp(t *checkout.TopUpState) *TopUp {
	if t == nil {
		return nil
	}
	out := &TopUp{
		Status:        TopUpStatus(t.Status),
		Pack:          t.Pack,
		Quantity:      t.Quantity,
		Points:        int64(t.Points),
		Amount:        t.Amount,
		Currency:      t.Currency,
		Threshold:     int64(t.Threshold),
		MonthlyLimit:  t.MonthlyLimit,
		MonthlyAmount: t.Amount * t.MonthlyLimit,
		UsedThisMonth: t.Used,
	}
	if t.Reason != "" {
		out.Reason = new(TopUpReason(t.Reason))
	}
	return out
}
