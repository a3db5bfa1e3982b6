package api

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/labstack/echo-contrib/echoprometheus"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

const (
	maxBody        = "64K"
	maxWebhookBody = 512 << 10 // Stripe's largest events have some ten thousand bytes
)

// outermost installs the middleware that every request passes, in this order.
func outermost(e *echo.Echo, o Options, contract *contract, metrics *prometheus.Registry) {
	e.Pre(requestID)
	e.Use(
		traced(o.Tracer),
		observe(metrics, contract),
		logRequests(o.Log, contract),
		middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(
			c echo.Context, err error, stack []byte,
		) error {
			o.Log.ErrorContext(
				c.Request().Context(), "panic", "error", err, "request_id", idOf(c), "stack", string(stack),
			)
			return err
		}}),
		secureHeaders(o.HSTSSeconds),
		crossOrigin(contract, o.Origins),
		apart,
		withAddress,
		letGo(o.Leaving),
		closeAfterChunks,
		middleware.BodyLimitWithConfig(middleware.BodyLimitConfig{Limit: maxBody, Skipper: isWebhook}),
	)
}

func isWebhook(c echo.Context) bool { return c.Path() == webhookPath }

// observe measures requests by route. Every label has few values; otherwise a caller could fill the memory with new
// ones. The host label stays empty, a method that no operation has is OTHER, and an address that no route has is empty.
func observe(metrics *prometheus.Registry, contract *contract) echo.MiddlewareFunc {
	known := map[string]bool{http.MethodHead: true, http.MethodOptions: true}
	for _, op := range contract.operations {
		known[op.method] = true
	}
	method := func(c echo.Context, _ error) string {
		if m := c.Request().Method; known[m] {
			return m
		}
		return "OTHER"
	}

	return echoprometheus.NewMiddlewareWithConfig(echoprometheus.MiddlewareConfig{
		Subsystem: "pointsync_http", Registerer: metrics, DoNotUseRequestPathFor404: true,
		LabelFuncs: map[string]echoprometheus.LabelValueFunc{
			"host": func(echo.Context, error) string { return "" }, "method": method,
		},
	})
}

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// requestID sets the request's id: the caller's own X-Request-Id if it is harmless to log, or a new one.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !requestIDPattern.MatchString(id) {
			id = billing.NewRequestID(time.Now())
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

func idOf(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// secureHeaders tells browsers to keep responses private. Pages relax the policy where they need to. If hstsSeconds is
// not 0, browsers ask this host by TLS alone for that time.
func secureHeaders(hstsSeconds int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set("Cache-Control", "no-store")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("X-Frame-Options", "DENY")
			h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
			if hstsSeconds > 0 {
				h.Set("Strict-Transport-Security", "max-age="+strconv.FormatInt(hstsSeconds, 10))
			}
			return next(c)
		}
	}
}

// closeAfterChunks makes a request whose length is told by chunks the last of its connection, as RFC 9112 (6.1) asks if
// it also had a Content-Length, which net/http has removed by now. If a proxy in front of us believed that length, what
// follows the chunks would be the beginning of another customer's request.
func closeAfterChunks(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if len(c.Request().TransferEncoding) > 0 {
			c.Response().Header().Set("Connection", "close")
		}
		return next(c)
	}
}

// authenticate requires a valid access token or service key for every operation that the contract does not declare
// public. permitted decides whether the operation takes it.
func authenticate(accounts *account.Service, tokens *token.Issuer, contract *contract) echo.MiddlewareFunc {
	return echojwt.WithConfig(echojwt.Config{
		Skipper:     func(c echo.Context) bool { return !contract.secured(c) },
		TokenLookup: "header:Authorization:Bearer ",
		ParseTokenFunc: func(c echo.Context, raw string) (any, error) {
			// Who is asking would depend on the reader of the headers.
			if len(c.Request().Header.Values(echo.HeaderAuthorization)) > 1 {
				return nil, billing.Errorf(billing.EUnauthorized, "Send one header Authorization.")
			}
			if account.IsKey(raw) {
				return accounts.ServiceKey(c.Request().Context(), raw)
			}
			return tokens.Parse(raw)
		},
		SuccessHandler: func(c echo.Context) {
			c.SetRequest(c.Request().WithContext(withCaller(c.Request().Context(), c.Get("user"))))
		},
		ErrorHandler: func(_ echo.Context, err error) error {
			var none *echojwt.TokenExtractionError
			if !errors.As(err, &none) {
				return err
			}
			return billing.Wrap(
				err, billing.EUnauthorized, "This needs an access token: send the header `Authorization: Bearer …`.",
			)
		},
	})
}
