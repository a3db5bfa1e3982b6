package api

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/billing"
)

// GetJWKS answers the public keys.
func (s *server) GetJWKS(context.Context, GetJWKSRequestObject) (GetJWKSResponseObject, error) {
	return GetJWKS200JSONResponse{Keys: each(s.tokens.JWKS(), toAPIJWK)}, nil
}

// GetHealth says that the process lives.
func (s *server) GetHealth(context.Context, GetHealthRequestObject) (GetHealthResponseObject, error) {
	return GetHealth200JSONResponse{Status: "ok"}, nil
}

// GetReadiness says whether the database answers, and no when the server is about to end: whoever spreads requests then
// has time to send them elsewhere while they are still served here.
func (s *server) GetReadiness(ctx context.Context, _ GetReadinessRequestObject) (GetReadinessResponseObject, error) {
	if closed(s.leaving) {
		return nil, billing.Errorf(billing.EUnavailable, "This server is about to end.")
	}
	if err := s.db.Ping(ctx); err != nil {
		return nil, err
	}
	return GetReadiness200JSONResponse{Status: "ok"}, nil
}

// letGo asks callers to come back by another connection once the server is about to end: one that is reused to the last
// moment may be closed under a request on its way.
func letGo(leaving <-chan struct{}) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if closed(leaving) {
				c.Response().Header().Set("Connection", "close")
			}
			return next(c)
		}
	}
}

// closed is false for a nil channel.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
