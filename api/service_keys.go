package api

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
)

// ListServiceKeys returns a page of the service keys.
func (s *server) ListServiceKeys(
	ctx context.Context, r ListServiceKeysRequestObject,
) (ListServiceKeysResponseObject, error) {
	limit := limitOf(r.Params.Limit)
	keys, err := s.db.ServiceKeys(ctx, billing.KeyID(value(r.Params.Cursor)), limit+1)
	if err != nil {
		return nil, err
	}
	keys, next := page(keys, limit, func(k billing.ServiceKey) string { return string(k.ID) })
	return ListServiceKeys200JSONResponse{Keys: each(keys, toAPIServiceKey), NextCursor: next}, nil
}

// CreateServiceKey makes a service key and returns its secret.
func (s *server) CreateServiceKey(
	ctx context.Context, r CreateServiceKeyRequestObject,
) (CreateServiceKeyResponseObject, error) {
	k, secret, err := account.CreateKey(ctx, s.db, admin(ctx), account.KeyRequest{
		Name:      r.Body.Name,
		Scopes:    each(r.Body.Scopes, func(s Scope) billing.Scope { return billing.Scope(s) }),
		ExpiresAt: fromAPITime(r.Body.ExpiresAt),
	})
	if err != nil {
		return nil, err
	}
	return CreateServiceKey201JSONResponse{Key: toAPIServiceKey(k), Secret: secret}, nil
}

// RevokeServiceKey ends a service key.
func (s *server) RevokeServiceKey(
	ctx context.Context, r RevokeServiceKeyRequestObject,
) (RevokeServiceKeyResponseObject, error) {
	k, err := account.RevokeKey(ctx, s.db, admin(ctx), billing.KeyID(r.KeyId))
	if err != nil {
		return nil, err
	}
	return RevokeServiceKey200JSONResponse(toAPIServiceKey(k)), nil
}

func toAPIServiceKey(k billing.ServiceKey) ServiceKey {
	return ServiceKey{
		Id:         string(k.ID),
		Name:       k.Name,
		Scopes:     each(k.Scopes, func(s billing.Scope) Scope { return Scope(s) }),
		Hint:       k.Hint,
		CreatedAt:  billing.Time(k.CreatedAt),
		CreatedBy:  optional(string(k.CreatedBy)),
		ExpiresAt:  (*billing.Time)(k.ExpiresAt),
		RevokedAt:  (*billing.Time)(k.RevokedAt),
		RevokedBy:  optional(string(k.RevokedBy)),
		LastUsedAt: (*billing.Time)(k.LastUsedAt),
	}
}

// fromAPITime returns a time in the one form that the database keeps.
func fromAPITime(t *billing.Time) *time.Time {
	if t == nil {
		return nil
	}
	kept := time.Time(*t).UTC().Truncate(time.Microsecond)
	return &kept
}
