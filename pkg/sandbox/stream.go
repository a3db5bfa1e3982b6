package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	maxStreams     = 64
	streamBacklog  = 4096             // what may wait for one listener; who falls further behind is let go
	streamPatience = 10 * time.Second // for one write, in real time
	streamPulse    = 15 * time.Second // how often a quiet stream shows that it lives, in real time
)

// notice is something that happened: an event by its id, an attempt to deliver one, or a change that no event tells.
type notice struct {
	event   string
	attempt *deliveryAttempt
	clock   bool
	faults  bool
}

// streams are those who listen. Their lock is taken within the world's and holds for a moment, so telling never waits.
type streams struct {
	mu        sync.Mutex
	listeners map[chan notice]bool
	ended     bool
}

// tell hands a notice to every listener. One whose backlog is full is let go: its channel closes.
func (s *streams) tell(n notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for listener := range s.listeners {
		select {
		case listener <- n:
		default:
			delete(s.listeners, listener)
			close(listener)
		}
	}
}

// join answers a new listener, nil where there are too many or the sandbox stops.
func (s *streams) join() chan notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.listeners) >= maxStreams {
		return nil
	}
	if s.listeners == nil {
		s.listeners = map[chan notice]bool{}
	}
	listener := make(chan notice, streamBacklog)
	s.listeners[listener] = true
	return listener
}

func (s *streams) leave(listener chan notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, listener)
}

// EndStreams ends every open stream and lets no new one begin. A server that uses Handler must call it before it shuts
// down, because the shutdown would wait for the streams.
func (s *Sandbox) EndStreams() {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	s.streams.ended = true
	for listener := range s.streams.listeners {
		delete(s.streams.listeners, listener)
		close(listener)
	}
}

// stream answers server-sent events as things happen: "event" with the whole event, "attempt" with an attempt to
// deliver one, "clock" when the clock was moved, "faults" when a fault was set, struck or cleared.
func (s *Sandbox) stream(out http.ResponseWriter, r *http.Request) {
	listener := s.streams.join()
	if listener == nil {
		answerJSON(
			out, http.StatusServiceUnavailable,
			map[string]string{
				"error": fmt.Sprintf("There are %d streams open already, or the sandbox stops.", maxStreams),
			},
		)
		return
	}
	defer s.streams.leave(listener)
	header := out.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // or nginx would keep what happens to itself
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stop, cancel)()
	pulse := time.NewTicker(streamPulse)
	defer pulse.Stop()
	connection := http.NewResponseController(out)
	for said := ": listening\n\n"; ; {
		connection.SetWriteDeadline(time.Now().Add(streamPatience)) // where it cannot be set, the server's own holds
		if _, err := out.Write([]byte(said)); err != nil {
			return
		}
		if err := connection.Flush(); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-pulse.C:
			said = ": still here\n\n"
		case n, open := <-listener:
			if !open {
				return
			}
			said = s.word(n)
		}
	}
}

// word writes a notice as a server-sent event; "" where its event is gone meanwhile.
func (s *Sandbox) word(n notice) string {
	name, shown := "faults", any(struct{}{})
	switch {
	case n.event != "":
		s.look(func(w *world) {
			if found := w.Events.get(n.event); found != nil {
				name, shown = "event", render(found)
			}
		})
		if name != "event" {
			return ""
		}
	case n.attempt != nil:
		name, shown = "attempt", n.attempt
	case n.clock:
		s.look(func(w *world) { name, shown = "clock", clockAnswer{w.mainTime()} })
	}
	data, err := json.Marshal(shown)
	if err != nil {
		panic("sandbox: a notice does not marshal: " + err.Error())
	}
	return "event: " + name + "\ndata: " + string(data) + "\n\n"
}
