package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// kind is how HTTP shows a code. The problem's type is /problems/ and the code.
type kind struct {
	status int
	title  string
}

// problems is the one table from our codes to HTTP; docs/problems.md explains each to the readers who meet it.
var problems = map[billing.Code]kind{
	billing.EInvalid:            {http.StatusBadRequest, "The request is not valid"},
	billing.EUnauthorized:       {http.StatusUnauthorized, "Not authenticated"},
	billing.EIDTokenUsed:        {http.StatusUnauthorized, "ID token used"},
	billing.EForbidden:          {http.StatusForbidden, "Not allowed"},
	billing.EAccountClosed:      {http.StatusForbidden, "Account closed"},
	billing.ELoginTooOld:        {http.StatusForbidden, "Log in again"},
	billing.EActionRequired:     {http.StatusForbidden, "Name an action"},
	billing.ERequestCap:         {http.StatusForbidden, "Too many points for one request"},
	billing.EDailyCap:           {http.StatusTooManyRequests, "Spent for today"},
	billing.ENotFound:           {http.StatusNotFound, "Not found"},
	billing.EConflict:           {http.StatusConflict, "Not possible now"},
	billing.EEmailTaken:         {http.StatusConflict, "Email taken"},
	billing.ESubscriptionExists: {http.StatusConflict, "Already subscribed"},
	billing.EInsufficientPoints: {http.StatusPaymentRequired, "Not enough points"},
	billing.EPaymentRequired:    {http.StatusPaymentRequired, "Payment required"},
	billing.EKeyReused:          {http.StatusUnprocessableEntity, "Idempotency-Key reused"},
	billing.ETooMany:            {http.StatusTooManyRequests, "Too many requests"},
	billing.EStripeUnavailable:  {http.StatusServiceUnavailable, "Stripe does not respond"},
	billing.EStripeRefused:      {http.StatusBadGateway, "Stripe refused"},
	billing.EUnavailable:        {http.StatusServiceUnavailable, "Not available"},
	billing.EIssuerUnavailable:  {http.StatusServiceUnavailable, "The issuer does not respond"},
	billing.EPasswordLoginOff:   {http.StatusForbidden, "No login by password"},
	billing.EInternal:           {http.StatusInternalServerError, "A fault of ours"},
	codeMethod:                  {http.StatusMethodNotAllowed, "Method not allowed"},
	codeTooLarge:                {http.StatusRequestEntityTooLarge, "Body too large"},
	codeMediaType:               {http.StatusUnsupportedMediaType, "Unsupported media type"},
}

// The codes that only HTTP knows.
const (
	codeMethod    billing.Code = "method-not-allowed"
	codeTooLarge  billing.Code = "payload-too-large"
	codeMediaType billing.Code = "unsupported-media-type"
)

var httpCodes = map[int]billing.Code{
	http.StatusBadRequest: billing.EInvalid, http.StatusUnauthorized: billing.EUnauthorized,
	http.StatusNotFound:         billing.ENotFound,
	http.StatusMethodNotAllowed: codeMethod, http.StatusRequestEntityTooLarge: codeTooLarge,
	http.StatusUnsupportedMediaType: codeMediaType,
}

// problem is the body of every error. Only a refused spend has the members of refusedSpend, and only a payment to be
// made has those of paymentRequired.
type problem struct {
	Type      ProblemType   `json:"type"`
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail"`
	RequestID string        `json:"request_id"`
	Errors    *[]FieldError `json:"errors,omitempty"`
	*refusedSpend
	*paymentRequired
}

type paymentRequired struct {
	PaymentURL *string `json:"payment_url"`
}

type refusedSpend struct {
	Points       Points        `json:"points"`
	Subscription *Subscription `json:"subscription"`
	Token        string        `json:"token,omitempty"` // a service has none
}

// problemHandler sends every error as application/problem+json. An error that is our fault is logged with its cause,
// which the caller never sees.
func (s *server) problemHandler(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		gone := errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil
		if gone { // which is no fault of ours
			err = billing.Wrap(err, billing.EUnavailable, "The caller hung up before the response.")
			// The log and the metrics read the status last. The problem is sent all the same: the caller may have
			// closed only the side on which it sends.
			defer func() { c.Response().Status = statusHungUp }()
		}
		e := asError(err)
		k := problems[e.Code]
		if !gone {
			c.Set(problemKey, string(e.Code))
		}
		p := problem{
			Type:      ProblemType("/problems/" + e.Code),
			Title:     k.title,
			Status:    k.status,
			Detail:    e.Message,
			RequestID: idOf(c),
		}
		if len(e.Fields) > 0 {
			fields := toAPIFieldErrors(e.Fields)
			p.Errors = &fields
		}
		var refused *account.RefusedSpend
		if errors.As(err, &refused) {
			p.refusedSpend = &refusedSpend{
				toAPIPoints(refused.Account.Balance), s.toAPISubscription(refused.Account.Subscription), refused.Token,
			}
		}
		var unpaid *checkout.PaymentRequired
		if errors.As(err, &unpaid) {
			p.paymentRequired = &paymentRequired{}
			if unpaid.URL != "" {
				p.PaymentURL = &unpaid.URL
			}
		}
		if k.status >= http.StatusInternalServerError && !gone {
			log.ErrorContext(
				c.Request().Context(), "request failed", "error", err, "route", c.Path(), "request_id", p.RequestID,
			)
		}
		h := c.Response().Header()
		if e.RetryAfter > 0 {
			h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		} else if k.status == http.StatusServiceUnavailable {
			h.Set("Retry-After", "1")
		}
		if k.status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Bearer realm="pointsync"`)
		}
		if c.Request().Method == http.MethodHead {
			_ = c.NoContent(k.status)
			return
		}
		h.Set(echo.HeaderContentType, "application/problem+json")
		c.Response().WriteHeader(k.status)
		_ = c.Echo().JSONSerializer.Serialize(c, p, "") // the caller may have gone
	}
}

// statusHungUp is what the log and the metrics have for a caller who did not wait for the response, as nginx has it.
const statusHungUp = 499

// asError returns the error with a code that err wraps; an error without a code is a fault of ours.
func asError(err error) *billing.Error {
	var known *billing.Error
	var http *echo.HTTPError
	switch {
	case errors.As(err, &known):
		if _, ok := problems[known.Code]; ok && known.Code != billing.EInternal {
			return known
		}
	case errors.As(err, &http):
		if code, ok := httpCodes[http.Code]; ok {
			return &billing.Error{Code: code, Message: httpMessage(code, http), Err: err}
		}
	}
	return &billing.Error{
		Code:    billing.EInternal,
		Message: "Something went wrong here. Try again, and quote the request_id if it stays so.",
		Err:     err,
	}
}

func httpMessage(code billing.Code, e *echo.HTTPError) string {
	switch code {
	case billing.ENotFound:
		return "There is nothing at this address."
	case codeMethod:
		return "This address does not take this method."
	case codeTooLarge:
		return "The body is larger than this address takes."
	}
	if s, ok := e.Message.(string); ok {
		return s
	}
	return "The request is not valid."
}
