package api

import (
	"context"
	"net/http"
)

// headKey marks a request that came as HEAD.
type headKey struct{}

// headAsGet serves HEAD at every address that has GET, with the same checks, status and headers (RFC 9110, 9.3.2). It
// passes the request on as a GET. net/http, which knows the original method, sends no body.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(out, r)
	})
}

// isHead reports whether a request came as HEAD; a stream then has nothing to wait for.
func isHead(ctx context.Context) bool { return ctx.Value(headKey{}) != nil }
