package stripegw

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	usualRetryAfter = 2 * time.Second
	maxRetryAfter   = time.Minute
)

// refusal is what Stripe said, for the log. stripe.Error itself is not kept: its text holds whole payment intents
// with their client secrets.
type refusal struct {
	status                                int
	kind, code, param, message, requestID string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("stripe answered %d (type=%s code=%s param=%s request=%s): %s",
		r.status, r.kind, r.code, r.param, r.requestID, r.message)
}

// failure is the one place where Stripe's errors become ours. The action completes "Stripe refused to …" and
// "could not … in time". EStripeUnavailable: no answer, or one that says to try again; EStripeRefused: a no.
// Stripe's own words stay in Err, for the log: they name our ids and parameters.
func (g *Gateway) failure(err error, action string) error {
	if err == nil {
		return nil
	}
	var own *billing.Error
	if errors.As(err, &own) { // already ours, e.g. a picture that is too large
		return err
	}
	var said *stripe.Error
	if !errors.As(err, &said) {
		return unavailable(scrubbed(err, g.key), action, usualRetryAfter)
	}
	cause := &refusal{
		status:    said.HTTPStatusCode,
		kind:      string(said.Type),
		code:      string(said.Code),
		param:     said.Param,
		message:   scrub(said.Msg, g.key),
		requestID: said.RequestID,
	}
	switch status := said.HTTPStatusCode; {
	case status == http.StatusConflict, status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return unavailable(cause, action, retryAfter(said))
	default:
		return billing.Wrap(cause, billing.EStripeRefused, "Stripe refused to %s.", action)
	}
}

func unavailable(cause error, action string, after time.Duration) error {
	e := billing.Wrap(cause, billing.EStripeUnavailable, "Stripe did not %s in time; try again shortly.", action)
	e.RetryAfter = after
	return e
}

// retryAfter is what Stripe asks for, kept within reason.
func retryAfter(said *stripe.Error) time.Duration {
	if said.LastResponse == nil {
		return usualRetryAfter
	}
	seconds, err := strconv.Atoi(said.LastResponse.Header.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return usualRetryAfter
	}
	return min(time.Duration(min(seconds, 3600))*time.Second, maxRetryAfter)
}

// isMissing says that Stripe does not know an object: the one that the parameter param names, or any where param is "".
func isMissing(err error, param string) bool {
	var said *stripe.Error
	return errors.As(err, &said) && said.Code == stripe.ErrorCodeResourceMissing && (param == "" || said.Param == param)
}

// isBadRequest says that Stripe understood and declined.
func isBadRequest(err error) bool {
	var said *stripe.Error
	return errors.As(err, &said) && said.HTTPStatusCode == http.StatusBadRequest
}
