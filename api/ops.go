package api

import (
	"context"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// address is one of the two addresses of a server whose operator's routes are apart.
type address int

const (
	publicAddress address = iota + 1
	opsAddress
)

// addressKey carries the address that a request came to. A request has none if one address serves all routes.
type addressKey struct{}

// servedAt returns a handler that serves only the routes of one address.
func servedAt(at address, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), addressKey{}, at)))
	})
}

// atBoth are the routes that the operator's address serves beside its own: those of health and documentation, and what
// an admin needs to log in and out there.
var atBoth = []string{
	"/healthz", "/readyz", "/openapi.yaml", "/docs", "/docs/*", "/problems/:code",
	"/auth/login", "/auth/exchange", "/auth/refresh", "/auth/logout", "/session", "/sessions", "/sessions/:session_id",
}

// isOps reports whether a route is for the operator alone.
func isOps(route string) bool {
	return route == "/metrics" || route == "/admin" || strings.HasPrefix(route, "/admin/") ||
		route == consoleFiles ||
		strings.HasPrefix(route, pprofPath)
}

// apart refuses the routes that the other address serves, as if they did not exist.
func apart(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		at, _ := c.Request().Context().Value(addressKey{}).(address)
		route := c.Path()
		switch {
		case at == publicAddress && isOps(route),
			at == opsAddress && !isOps(route) && !slices.Contains(atBoth, route):
			return echo.ErrNotFound
		}
		return next(c)
	}
}

const pprofPath = "/debug/pprof/"

// servePprof installs the profiles of the Go runtime. A profile may show what is in memory, so the public address never
// serves them.
func servePprof(e *echo.Echo) {
	e.GET(pprofPath+"*", echo.WrapHandler(http.HandlerFunc(pprof.Index)))
	for name, handler := range map[string]http.HandlerFunc{
		"cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		e.GET(pprofPath+name, echo.WrapHandler(handler))
	}
	e.POST(pprofPath+"symbol", echo.WrapHandler(http.HandlerFunc(pprof.Symbol)))
}
