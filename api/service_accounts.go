package api

import (
	"context"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// FindAccount returns the account that has an external id, or none.
func (s *server) FindAccount(ctx context.Context, r FindAccountRequestObject) (FindAccountResponseObject, error) {
	a, err := s.accounts.ByExternalID(ctx, r.Params.ExternalId)
	if billing.CodeOf(err) == billing.ENotFound {
		return FindAccount200JSONResponse{Accounts: []ServiceAccount{}}, nil
	}
	if err != nil {
		return nil, err
	}
	return FindAccount200JSONResponse{Accounts: []ServiceAccount{s.toAPIServiceAccount(a)}}, nil
}

// CreateAccount makes the account of an external id, or returns the id of the one that is there. It shows no more of
// the account, because the key may lack the scope to read it.
func (s *server) CreateAccount(ctx context.Context, r CreateAccountRequestObject) (CreateAccountResponseObject, error) {
	id, made, err := s.accounts.Open(ctx, r.Body.ExternalId)
	if err != nil {
		return nil, err
	}
	ref := AccountRef{Id: string(id), ExternalId: r.Body.ExternalId}
	if made {
		return CreateAccount201JSONResponse(ref), nil
	}
	return CreateAccount200JSONResponse(ref), nil
}

// ReadAccount returns one account.
func (s *server) ReadAccount(ctx context.Context, r ReadAccountRequestObject) (ReadAccountResponseObject, error) {
	a, err := ledger.Current(ctx, s.db, billing.AccountID(r.AccountId))
	if err != nil {
		return nil, err
	}
	return ReadAccount200JSONResponse(s.toAPIServiceAccount(a)), nil
}

// ReadPoints returns an account's balance and its lots.
func (s *server) ReadPoints(ctx context.Context, r ReadPointsRequestObject) (ReadPointsResponseObject, error) {
	found, err := s.pointsOf(ctx, r.AccountId)
	return ReadPoints200JSONResponse(found), err
}

// ReadSubscription returns an account's subscription.
func (s *server) ReadSubscription(
	ctx context.Context, r ReadSubscriptionRequestObject,
) (ReadSubscriptionResponseObject, error) {
	a, err := ledger.Current(ctx, s.db, billing.AccountID(r.AccountId))
	if err != nil {
		return nil, err
	}
	return ReadSubscription200JSONResponse{Subscription: s.toAPISubscription(a.Subscription)}, nil
}

// ReadEntries returns a page of an account's history.
func (s *server) ReadEntries(ctx context.Context, r ReadEntriesRequestObject) (ReadEntriesResponseObject, error) {
	found, err := s.entriesOf(ctx, r.AccountId, r.Params.Cursor, r.Params.Limit)
	return ReadEntries200JSONResponse(found), err
}

func (s *server) toAPIServiceAccount(a billing.Account) ServiceAccount {
	return ServiceAccount{
		Id:           string(a.ID),
		ExternalId:   optional(a.ExternalID),
		Email:        toAPIEmail(a.Email),
		Points:       toAPIPoints(a.Balance),
		Subscription: s.toAPISubscription(a.Subscription),
		Version:      a.Version,
		CreatedAt:    billing.Time(a.CreatedAt),
	}
}

// toAPIEmail returns nil for an account without an email.
func toAPIEmail(email string) *openapi_types.Email {
	if email == "" {
		return nil
	}
	e := openapi_types.Email(email)
	return &e
}
