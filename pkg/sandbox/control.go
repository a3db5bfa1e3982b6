package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// maxAdvance bounds one move of the clock, in seconds: ten years.
const maxAdvance = 10 * 366 * 86400

// flushTimeout bounds how long a flush waits, in real time.
const flushTimeout = time.Minute

type clockAnswer struct {
	// UTC, with fractions of a second, so that callers can tell one moment from the next
	Now time.Time `json:"now"`
}

func (s *Sandbox) showClock(out http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	now := s.world.mainTime()
	s.mu.Unlock()
	answerJSON(out, http.StatusOK, clockAnswer{now})
}

// advanceClock moves the clock. Before it responds, it does all work that falls due on the way, in order.
func (s *Sandbox) advanceClock(out http.ResponseWriter, r *http.Request) {
	var wanted struct {
		AdvanceSeconds *int64 `json:"advance_seconds"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(out, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wanted); err != nil || wanted.AdvanceSeconds == nil {
		answerJSON(out, http.StatusBadRequest, map[string]string{"error": `Send {"advance_seconds": N}.`})
		return
	}
	by := *wanted.AdvanceSeconds
	if by < 1 || by > maxAdvance {
		answerJSON(
			out, http.StatusBadRequest,
			map[string]string{
				"error": "advance_seconds must be at least 1 and at most ten years: the clock never goes back.",
			},
		)
		return
	}
	answerJSON(out, http.StatusOK, clockAnswer{s.advance(by)})
}

func (s *Sandbox) advance(seconds int64) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.world
	w.runDue("", w.mainNow()+seconds)
	w.ClockOffset += time.Duration(seconds) * time.Second
	w.tell(notice{clock: true})
	s.changed()
	return w.mainTime()
}

// flushWebhooks waits until every delivery that is due has been tried, so that tests wait on a signal.
func (s *Sandbox) flushWebhooks(out http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), flushTimeout)
	defer cancel()
	if !s.flush(ctx) {
		answerJSON(out, http.StatusGatewayTimeout, map[string]any{"flushed": false})
		return
	}
	answerJSON(out, http.StatusOK, map[string]any{"flushed": true})
}

func answerJSON(out http.ResponseWriter, status int, v any) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	json.NewEncoder(out).Encode(v) // if this fails, the client is gone
}
