package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"sync"
)

// replayLifetime is how long a saved response is kept, in seconds of the sandbox's clock.
const replayLifetime = 24 * 3600

// replay is the saved response to a request with an Idempotency-Key.
type replay struct {
	Hash      string
	Status    int
	Body      []byte
	RequestID string
	At        int64
}

// flights are the keys whose first request is still running.
type flights struct {
	mu   sync.Mutex
	keys map[string]bool
}

func (f *flights) take(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys[key] {
		return false
	}
	f.keys[key] = true
	return true
}

func (f *flights) land(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}

func fingerprint(r *http.Request, values url.Values) string {
	sum := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + "\n" + values.Encode()))
	return hex.EncodeToString(sum[:])
}

// replayed returns the saved response of a key, or nil if there is none. If the key came with other parameters, it
// returns an error.
func (w *world) replayed(key, shownKey, hash string) (*replay, *apiError) {
	saved := w.Replays[key]
	if saved == nil || saved.At+replayLifetime < w.mainNow() {
		return nil, nil
	}
	if saved.Hash != hash {
		return nil, &apiError{
			status: http.StatusBadRequest,
			Type:   "idempotency_error",
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with. " +
				"Try using a key other than '" + shownKey + "' if you meant to execute a different request.",
		}
	}
	return saved, nil
}

// remember saves a response if execution began: success, a refused card, or an error of the sandbox itself. Any other
// refused request may be sent again under the same key.
func (w *world) remember(key string, answer *replay) {
	if answer.Status/100 != 2 && answer.Status != http.StatusPaymentRequired && answer.Status/100 != 5 {
		return
	}
	if len(w.Replays)%256 == 255 {
		for each, saved := range w.Replays {
			if saved.At+replayLifetime < answer.At {
				delete(w.Replays, each)
			}
		}
	}
	w.Replays[key] = answer
}
