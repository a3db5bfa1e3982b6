package sandbox

import (
	"net/http"
	"slices"
)

const (
	maxRollOverlap = 86400 // seconds: Stripe keeps an old secret for a day at most
	maxSecrets     = 10    // that are valid at once, of one endpoint: a signature stays a header of a sane length
)

// retiredSecret is a signing secret that has a successor and still signs until its time is over.
type retiredSecret struct {
	Secret string
	Until  int64 // on the sandbox's clock
}

// secrets are those that sign a delivery now, the newest first.
func (e *webhookEndpoint) secrets(now int64) []string {
	valid := []string{e.Hidden.Secret}
	for _, old := range slices.Backward(e.Hidden.Retired) {
		if now < old.Until {
			valid = append(valid, old.Secret)
		}
	}
	return valid
}

// rollSecret gives an endpoint a new signing secret, which is answered this once, as the button in Stripe's dashboard
// does: the API has no such operation. The old one goes on signing beside it for as long as is asked.
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
		var retired []retiredSecret // fresh, because somebody may hold the endpoint as it was
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
