package api

import (
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

// RequestLogged is the message of the log line that each request gets. Its attributes:
//   - method, and route: the route as the router knows it, such as /checkout/:order_id; "" for an unknown address
//   - operation: the operationId of the contract; "" for pages, files and unknown addresses
//   - path: only for an unknown address, without what may be a secret
//   - status, and problem: the code of the problem that was sent, if one was; status 499 for a caller who hung up, at
//     level debug
//   - account: whose credentials came, if they were valid; a service key's own id if a service came
//   - address: where the caller is, for a refused request to log in, register or act for a login (/auth/…)
//   - ms, and request_id
const RequestLogged = "request"

// problemKey keeps the code of the problem that was sent, for the log.
const problemKey = "problem"

// logRequests logs one line for each request. No query, body, header or parameter of a path can reach the log.
func logRequests(log *slog.Logger, contract *contract) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			begin := time.Now()
			if err := next(c); err != nil {
				c.Error(err) // writes the problem, so that the status below is the one sent
			}
			attributes := []slog.Attr{
				slog.String("method", c.Request().Method), slog.String("route", c.Path()),
				slog.Int("status", c.Response().Status), slog.Int64("ms", time.Since(begin).Milliseconds()),
				slog.String("request_id", idOf(c)),
			}
			if op := contract.of(c); op != nil {
				attributes = append(attributes, slog.String("operation", op.spec.OperationID))
			}
			if c.Path() == "" {
				attributes = append(attributes, slog.String("path", plainPath(c.Request().URL.Path)))
			}
			if code, ok := c.Get(problemKey).(string); ok {
				attributes = append(attributes, slog.String("problem", code))
			}
			if who := whose(c); who != "" {
				attributes = append(attributes, slog.String("account", who))
			}
			if c.Response().Status >= http.StatusBadRequest && strings.HasPrefix(c.Path(), "/auth/") {
				address := billing.AddressOf(account.WithAddress(c.Request().Context(), c.RealIP()))
				attributes = append(attributes, slog.String("address", address))
			}
			level := slog.LevelInfo
			if c.Response().Status == statusHungUp {
				level = slog.LevelDebug
			}
			log.LogAttrs(c.Request().Context(), level, RequestLogged, attributes...)
			return nil
		}
	}
}

// whose returns the id of the account or the service key whose credentials were valid.
func whose(c echo.Context) string {
	switch who := c.Get("user").(type) {
	case token.Claims:
		return string(who.Account)
	case billing.ServiceKey:
		return string(who.ID)
	}
	return ""
}

// maxSegments is how many segments of an unknown address are logged.
const maxSegments = 6

var plainSegment = regexp.MustCompile(`^(\.?[a-z][a-z_-]{0,23}(\.[a-z]{1,4})?|v[0-9])?$`)

// plainPath returns an unknown address for the log. A developer recognizes a misspelled one, but a segment that is not
// a short word may be an id, an email or a token, so it becomes an ellipsis.
func plainPath(path string) string {
	segments := strings.Split(path, "/")
	if len(segments) > maxSegments+1 {
		segments = append(segments[:maxSegments+1], "…")
	}
	for i, s := range segments {
		if !plainSegment.MatchString(s) {
			segments[i] = "…"
		}
	}
	return strings.Join(segments, "/")
}
