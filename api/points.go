package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// GetPoints returns the balance and its lots.
func (s *server) GetPoints(ctx context.Context, _ GetPointsRequestObject) (GetPointsResponseObject, error) {
	a, lots, err := ledger.Show(ctx, s.db, caller(ctx).Account)
	if err != nil {
		return nil, err
	}
	return GetPoints200JSONResponse{
		Available: int64(a.Available), Held: int64(a.Held), Debt: int64(a.Debt), Lots: each(lots, toAPILot),
	}, nil
}

// ListEntries returns a page of the caller's history.
func (s *server) ListEntries(ctx context.Context, r ListEntriesRequestObject) (ListEntriesResponseObject, error) {
	limit := limitOf(r.Params.Limit)
	entries, err := s.db.Entries(ctx, caller(ctx).Account, billing.EntryID(value(r.Params.Cursor)), limit+1)
	if err != nil {
		return nil, err
	}
	entries, next := page(entries, limit, func(e billing.Entry) string { return string(e.ID) })
	return ListEntries200JSONResponse{Entries: each(entries, toAPIEntry), NextCursor: next}, nil
}

// SpendPoints spends points. It returns a fresh token whether it succeeds or lacks points.
func (s *server) SpendPoints(ctx context.Context, r SpendPointsRequestObject) (SpendPointsResponseObject, error) {
	request, err := fromAPISpend(r.Body, value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	spent, err := s.accounts.Spend(ctx, caller(ctx), request)
	if err != nil {
		return nil, err
	}
	answer := SpendPoints200JSONResponse{Body: SpendResult{
		Spend: toAPISpend(spent.Entry), Points: toAPIPoints(spent.Account.Balance), Subscription: s.toAPISubscription(
			spent.Account.Subscription,
		),
		Receipt: optional(spent.Receipt), Token: spent.Token, Stale: spent.Stale,
	}}
	if spent.Replayed {
		answer.Headers.IdempotentReplayed = &spent.Replayed
	}
	return answer, nil
}

// GetSpend returns one spend of the caller.
func (s *server) GetSpend(ctx context.Context, r GetSpendRequestObject) (GetSpendResponseObject, error) {
	e, err := ledger.ReadSpend(ctx, s.db, caller(ctx).Account, billing.EntryID(r.SpendId))
	if err != nil {
		return nil, err
	}
	return GetSpend200JSONResponse(toAPISpend(e)), nil
}

// GetThreshold returns the number of points that the caller counts as low.
func (s *server) GetThreshold(ctx context.Context, _ GetThresholdRequestObject) (GetThresholdResponseObject, error) {
	own, err := s.accounts.Threshold(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	return GetThreshold200JSONResponse{Points: (*int64)(own), Default: int64(s.lowPoints)}, nil
}

// SetThreshold sets the number of points that the caller counts as low.
func (s *server) SetThreshold(ctx context.Context, r SetThresholdRequestObject) (SetThresholdResponseObject, error) {
	if err := s.accounts.SetThreshold(ctx, caller(ctx), (*billing.Points)(r.Body.Points)); err != nil {
		return nil, err
	}
	return SetThreshold200JSONResponse{Points: r.Body.Points, Default: int64(s.lowPoints)}, nil
}
