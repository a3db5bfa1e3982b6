package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// GetAccountPoints returns an account's balance and its lots.
func (s *server) GetAccountPoints(
	ctx context.Context, r GetAccountPointsRequestObject,
) (GetAccountPointsResponseObject, error) {
	found, err := s.pointsOf(ctx, r.AccountId)
	return GetAccountPoints200JSONResponse(found), err
}

// pointsOf returns an account's balance and its lots.
func (s *server) pointsOf(ctx context.Context, id AccountID) (PointsDetail, error) {
	a, lots, err := ledger.Show(ctx, s.db, billing.AccountID(id))
	if err != nil {
		return PointsDetail{}, err
	}
	return PointsDetail{
		Available: int64(a.Available), Held: int64(a.Held), Debt: int64(a.Debt), Lots: each(lots, toAPILot),
	}, nil
}

// GetAccountEntries returns a page of an account's history.
func (s *server) GetAccountEntries(
	ctx context.Context, r GetAccountEntriesRequestObject,
) (GetAccountEntriesResponseObject, error) {
	found, err := s.entriesOf(ctx, r.AccountId, r.Params.Cursor, r.Params.Limit)
	return GetAccountEntries200JSONResponse(found), err
}

// entriesOf returns a page of an account's history.
func (s *server) entriesOf(ctx context.Context, id AccountID, cursor *string, most *int) (EntryPage, error) {
	if err := s.present(ctx, id); err != nil {
		return EntryPage{}, err
	}
	limit := limitOf(most)
	entries, err := s.db.Entries(ctx, billing.AccountID(id), billing.EntryID(value(cursor)), limit+1)
	if err != nil {
		return EntryPage{}, err
	}
	entries, next := page(entries, limit, func(e billing.Entry) string { return string(e.ID) })
	return EntryPage{Entries: each(entries, toAPIEntry), NextCursor: next}, nil
}

// present refuses an account that does not exist, where a list of it would be empty.
func (s *server) present(ctx context.Context, id AccountID) error {
	present, err := s.db.HasAccount(ctx, billing.AccountID(id))
	if err == nil && !present {
		err = billing.Errorf(billing.ENotFound, "No such account.")
	}
	return err
}

// GetAccountHolds returns a page of an account's active holds.
func (s *server) GetAccountHolds(
	ctx context.Context, r GetAccountHoldsRequestObject,
) (GetAccountHoldsResponseObject, error) {
	limit := limitOf(r.Params.Limit)
	holds, err := ledger.ListHolds(
		ctx, s.db, billing.AccountID(r.AccountId), billing.HoldID(value(r.Params.Cursor)), limit+1,
	)
	if err != nil {
		return nil, err
	}
	holds, next := page(holds, limit, func(h billing.Hold) string { return string(h.ID) })
	return GetAccountHolds200JSONResponse{Holds: each(holds, toAPIHold), NextCursor: next}, nil
}

// GetAccountOrders returns a page of an account's orders.
func (s *server) GetAccountOrders(
	ctx context.Context, r GetAccountOrdersRequestObject,
) (GetAccountOrdersResponseObject, error) {
	if err := s.present(ctx, r.AccountId); err != nil {
		return nil, err
	}
	limit := limitOf(r.Params.Limit)
	orders, err := s.db.Orders(
		ctx, billing.AccountID(r.AccountId), billing.OrderID(value(r.Params.Cursor)), limit+1,
	)
	if err != nil {
		return nil, err
	}
	orders, next := page(orders, limit, func(o billing.Order) string { return string(o.ID) })
	return GetAccountOrders200JSONResponse{Orders: each(orders, toAPIOrder), NextCursor: next}, nil
}

// GetAccountSessions returns an account's live logins.
func (s *server) GetAccountSessions(
	ctx context.Context, r GetAccountSessionsRequestObject,
) (GetAccountSessionsResponseObject, error) {
	logins, err := s.accounts.LoginsOf(ctx, billing.AccountID(r.AccountId))
	if err != nil {
		return nil, err
	}
	return GetAccountSessions200JSONResponse{Sessions: each(logins, func(l billing.Login) Device {
		return toAPIDevice(l, "")
	})}, nil
}

// GetAccountDrift compares an account with Stripe.
func (s *server) GetAccountDrift(
	ctx context.Context, r GetAccountDriftRequestObject,
) (GetAccountDriftResponseObject, error) {
	found, err := s.accounts.Drift(ctx, billing.AccountID(r.AccountId))
	if err != nil {
		return nil, err
	}
	return GetAccountDrift200JSONResponse{Differences: each(found, func(d billing.Drift) Difference {
		return Difference{Kind: DifferenceKind(d.Kind), Ref: d.Ref, Detail: d.Detail}
	})}, nil
}
