package sandbox

import (
	"net/http"
	"slices"
)

const (
	maxRollOverlap = 86400 // seconds: Stripe keeps an old secret for one day at most
	maxSecrets     = 10    // valid at once, per endpoint, so that a signature header stays short
)

// retiredSecret is an old signing secret. It still signs, next to its successor, until it expires.
type retiredSecret struct {
	Secret string
	Until  int64 // on the sandbox's clock
}

// secrets returns the secrets that sign a delivery now, newest first.
func (e *webhookEndpoint) secrets(now int64) []string {
	valid := []string{e.Hidden.Secret}
	for _, old := range slices.Backward(e.Hidden.Retired) {
		if now < old.Until {
			valid = append(valid, old.Secret)
		}
	}
	return valid
}

// rollSecret gives an endpoint a new signing secret and returns it, this one time. Stripe has this as a button in its
// dashboard, not as an operation of the API. The old secret also signs for as long as the caller asks.
func (s *Sandbox) rollSecret(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		ExpiresInSeconds int64 `json:"expires_in_seconds"`
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		found, err := w.asCall(r.PathValue("endpoint"), nil).endpoint()
		if err != nil {
			return nil, err
		}
		now := w.mainNow()
		switch {
		case wish.ExpiresInSeconds < 0 || wish.ExpiresInSeconds > maxRollOverlap:
			return nil, invalid("expires_in_seconds", "expires_in_seconds is from 0, at once, to 86400, a day.")
		case wish.ExpiresInSeconds > 0 && len(found.secrets(now)) >= maxSecrets:
			return nil, invalid("", "%d secrets of this endpoint are valid already: let some expire.", maxSecrets)
		}
		var retired []retiredSecret // a new list, because others may hold the endpoint as it was
		for _, old := range found.Hidden.Retired {
			if now < old.Until {
				retired = append(retired, old)
			}
		}
		if wish.ExpiresInSeconds > 0 {
			retired = append(retired, retiredSecret{found.Hidden.Secret, now + wish.ExpiresInSeconds})
		}
		found.Hidden.Retired, found.Hidden.Secret = retired, newID("whsec_", 32)
		shown := render(found)
		shown["secret"] = found.Hidden.Secret
		return shown, nil
	})
}
