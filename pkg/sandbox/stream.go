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
	streamBacklog  = 4096             // notices that may wait for one listener; one with more is dropped
	streamPatience = 10 * time.Second // for one write, in real time
	streamPulse    = 15 * time.Second // how often a quiet stream sends a sign of life, in real time
)

// notice is something that happened: an event by its id, an attempt to deliver one, or a change that no event
// announces.
type notice struct {
	event   string
	attempt *deliveryAttempt
	clock   bool
	faults  bool
}

// streams are the listeners. Their lock is taken while the world's is held, and only for a moment. So tell never waits.
type streams struct {
	mu        sync.Mutex
	listeners map[chan notice]bool
	ended     bool
}

// tell sends a notice to every listener. It drops a listener whose backlog is full and closes its channel.
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

// join returns a new listener, or nil if there are too many or the sandbox is stopping.
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

// EndStreams ends every open stream and refuses new ones. A server that uses Handler must call it before it shuts down,
// because the shutdown would wait for the streams.
func (s *Sandbox) EndStreams() {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	s.streams.ended = true
	for listener := range s.streams.listeners {
		delete(s.streams.listeners, listener)
		close(listener)
	}
}

// stream sends server-sent events as things happen:
//   - "event": the whole event;
//   - "attempt": an attempt to deliver an event;
//   - "clock": the clock was moved;
//   - "faults": a fault was set, struck or cleared.
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
	header.Set("X-Accel-Buffering", "no") // otherwise nginx would hold the events back
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stop, cancel)()
	pulse := time.NewTicker(streamPulse)
	defer pulse.Stop()
	connection := http.NewResponseController(out)
	for said := ": listening\n\n"; ; {
		connection.SetWriteDeadline(time.Now().Add(streamPatience)) // if it cannot be set, the server's own applies
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

// word returns a notice as a server-sent event, or "" if its event no longer exists.
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
