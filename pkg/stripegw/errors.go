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

// refusal is what Stripe said, for the log. It does not keep stripe.Error itself, whose text holds whole payment
// intents with their client secrets.
type refusal struct {
	status                                int
	kind, code, param, message, requestID string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("stripe responded %d (type=%s code=%s param=%s request=%s): %s",
		r.status, r.kind, r.code, r.param, r.requestID, r.message)
}

// failure converts Stripe's errors to ours, and is the only place that does. The action completes "Stripe refused to
// …" and "could not … in time". The code is EStripeUnavailable if there was no response or if Stripe said to retry,
// and EStripeRefused if Stripe refused. Stripe's own words stay in Err, for the log, because they name our ids and
// parameters.
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

// retryAfter returns the wait that Stripe asks for, within reasonable bounds.
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

// isMissing reports whether Stripe does not know an object: the one that the parameter param names, or any object if
// param is "".
func isMissing(err error, param string) bool {
	var said *stripe.Error
	return errors.As(err, &said) && said.Code == stripe.ErrorCodeResourceMissing && (param == "" || said.Param == param)
}

// isBadRequest reports whether Stripe understood the request and declined it.
func isBadRequest(err error) bool {
	var said *stripe.Error
	return errors.As(err, &said) && said.HTTPStatusCode == http.StatusBadRequest
}
