package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/trace"
)

// untraced are the routes that begin no trace: what programs ask every few seconds, and the stream, whose span would
// last for minutes.
var untraced = []string{"/healthz", "/readyz", "/metrics", "/session/stream"}

// traced makes each request a span, below the one that its header traceparent names. The span has the route and not the
// path, in which ids are.
func traced(t *trace.Tracer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if t == nil || slices.Contains(untraced, c.Path()) || strings.HasPrefix(c.Path(), pprofPath) {
				return next(c)
			}
			method := c.Request().Method
			ctx, span := t.Request(c.Request(), strings.TrimSpace(knownMethod(method)+" "+c.Path()))
			c.SetRequest(c.Request().WithContext(ctx))
			err := next(c)
			if span.On() {
				span.Text("http.request.method", knownMethod(method))
				span.Text("http.route", c.Path())
				span.Text("pointsync.request.id", idOf(c))
				span.Text("pointsync.account.id", whose(c))
				span.Number("http.response.status_code", int64(c.Response().Status))
				if code, ok := c.Get(problemKey).(string); ok {
					span.Text("pointsync.problem", code)
					if c.Response().Status >= http.StatusInternalServerError {
						span.Fail(code)
					}
				}
			}
			span.End(err)
			return err
		}
	}
}

// knownMethod returns a method, or what OpenTelemetry has for one that HTTP does not define.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	}
	return "_OTHER"
}
