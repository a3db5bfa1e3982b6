package api

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/billing"
)

// keysCache is the Cache-Control of the public keys. A new key is published long before it signs: see "Rotating signing
// keys" in docs/going-live.md.
const keysCache = "public, max-age=300"

// GetJWKS returns the public keys.
func (s *server) GetJWKS(context.Context, GetJWKSRequestObject) (GetJWKSResponseObject, error) {
	return GetJWKS200JSONResponse{
		Body: JWKS{Keys: each(s.tokens.JWKS(), toAPIJWK)}, Headers: GetJWKS200ResponseHeaders{CacheControl: keysCache},
	}, nil
}

// GetHealth reports that the process is alive.
func (s *server) GetHealth(context.Context, GetHealthRequestObject) (GetHealthResponseObject, error) {
	return GetHealth200JSONResponse{Status: "ok"}, nil
}

// GetReadiness reports whether the database replies. It reports unready when the server is about to stop, so that a
// load balancer has time to send requests elsewhere while this server still serves them.
func (s *server) GetReadiness(ctx context.Context, _ GetReadinessRequestObject) (GetReadinessResponseObject, error) {
	if closed(s.leaving) {
		return nil, billing.Errorf(billing.EUnavailable, "This server is shutting down.")
	}
	if err := s.db.Ping(ctx); err != nil {
		return nil, err
	}
	return GetReadiness200JSONResponse{Status: "ok"}, nil
}

// letGo asks callers to use a new connection once the server is about to stop. A connection that is reused to the last
// moment may be closed while a request is on its way.
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

// closed reports whether c is closed; it returns false for a nil channel.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
