package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
)

// withDevice returns a context in which a login gets the name that the request gives the device.
func withDevice(ctx context.Context, name *string) context.Context {
	return account.WithDevice(ctx, value(name))
}

// ListSessions returns the caller's live logins.
func (s *server) ListSessions(ctx context.Context, _ ListSessionsRequestObject) (ListSessionsResponseObject, error) {
	logins, err := s.accounts.Logins(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	current := caller(ctx).Login
	return ListSessions200JSONResponse{Sessions: each(logins, func(l billing.Login) Device {
		return toAPIDevice(l, current)
	})}, nil
}

// NameSession gives one of the caller's logins another name.
func (s *server) NameSession(ctx context.Context, r NameSessionRequestObject) (NameSessionResponseObject, error) {
	l, err := s.accounts.NameLogin(ctx, caller(ctx), billing.SessionID(r.SessionId), r.Body.Name)
	if err != nil {
		return nil, err
	}
	return NameSession200JSONResponse(toAPIDevice(l, caller(ctx).Login)), nil
}

// EndSession ends one of the caller's logins.
func (s *server) EndSession(ctx context.Context, r EndSessionRequestObject) (EndSessionResponseObject, error) {
	if err := s.accounts.EndLogin(ctx, caller(ctx), billing.SessionID(r.SessionId)); err != nil {
		return nil, err
	}
	return EndSession204Response{}, nil
}

// EndOtherSessions ends all of the caller's logins but the one that asks.
func (s *server) EndOtherSessions(
	ctx context.Context, _ EndOtherSessionsRequestObject,
) (EndOtherSessionsResponseObject, error) {
	if err := s.accounts.EndOtherLogins(ctx, caller(ctx)); err != nil {
		return nil, err
	}
	return EndOtherSessions204Response{}, nil
}

func toAPIDevice(l billing.Login, current billing.SessionID) Device {
	return Device{
		Id:         string(l.ID),
		Name:       l.Name,
		CreatedAt:  billing.Time(l.CreatedAt),
		LastUsedAt: billing.Time(l.UsedAt),
		ExpiresAt:  billing.Time(l.ExpiresAt),
		Current:    l.ID == current,
	}
}
