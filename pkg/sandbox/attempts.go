package sandbox

import (
	"net/http"
	"slices"
	"time"
)

// keptAttempts bounds the log of attempts. The log is for people who watch the sandbox. It is not part of a snapshot,
// so it is empty after a restart.
const keptAttempts = 500

// deliveryAttempt is one try to deliver an event to an endpoint, and how it went.
type deliveryAttempt struct {
	ID          string `json:"id"`
	Event       string `json:"event"`
	Type        string `json:"type"`
	Endpoint    string `json:"endpoint"`
	URL         string `json:"url"`
	Attempt     int    `json:"attempt"` // of this delivery, counted from 1
	At          int64  `json:"at"`      // on the sandbox's clock
	Delivered   bool   `json:"delivered"`
	Status      int    `json:"status,omitempty"` // of HTTP; absent if there was no response
	Error       string `json:"error,omitempty"`
	DurationMS  int64  `json:"duration_ms"`
	NextAttempt stamp  `json:"next_attempt"` // on the sandbox's clock; null if there is none
}

func (a *deliveryAttempt) key() string { return a.ID }
func (a *deliveryAttempt) when() int64 { return a.At }

// record logs the result of an attempt and sends it to the listeners. The caller holds the world's lock.
func (s *Sandbox) record(p *parcel, status int, problem string, took time.Duration) {
	made := &deliveryAttempt{
		ID:         newID("att_", 24),
		Event:      p.event,
		Type:       p.kind,
		Endpoint:   p.endpoint,
		URL:        p.url,
		Attempt:    p.attempt,
		At:         s.world.mainNow(),
		Delivered:  problem == "",
		Status:     status,
		Error:      problem,
		DurationMS: took.Milliseconds(),
	}
	if waiting := s.world.Deliveries.get(p.delivery); waiting != nil {
		made.NextAttempt = stamp(waiting.NextAttempt)
	}
	s.couriers.tally.Tried++
	if made.Delivered {
		s.couriers.tally.Delivered++
	}
	log := append(s.couriers.log, made)
	s.couriers.log = log[max(0, len(log)-keptAttempts):]
	s.streams.tell(notice{attempt: made})
}

// attempts returns the logged attempts that match, newest first. The caller holds the world's lock.
func (s *Sandbox) attempts(match func(*deliveryAttempt) bool) []*deliveryAttempt {
	found := []*deliveryAttempt{}
	for _, each := range slices.Backward(s.couriers.log) {
		if match == nil || match(each) {
			found = append(found, each)
		}
	}
	return found
}

func (s *Sandbox) listAttempts(out http.ResponseWriter, _ *http.Request) {
	var found []*deliveryAttempt
	var counted tally
	s.look(func(*world) { found, counted = s.attempts(nil), s.couriers.tally })
	answerJSON(out, http.StatusOK, map[string]any{"data": found, "since_start": counted})
}
