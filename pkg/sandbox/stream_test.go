package sandbox_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a listener gets every event, delivery attempt, move of the clock and fault, in order and as it
// happens. They also prove that a stream ends when it should.

// heard is one server-sent event.
type heard struct {
	name string
	data map[string]any
}

// listen opens a stream and returns a channel of its events. The channel closes when the stream ends.
func (w *world) listen() <-chan heard {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), "GET", w.url+"/_sandbox/stream", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil || response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("no stream: %v %v", err, response)
	}
	w.t.Cleanup(func() { response.Body.Close() })
	said := make(chan heard, 1000)
	lines := bufio.NewScanner(response.Body)
	lines.Scan() // after this greeting the listener has joined
	go func() {
		defer close(said)
		var next heard
		for lines.Scan() {
			if name, is := strings.CutPrefix(lines.Text(), "event: "); is {
				next.name = name
			}
			if data, is := strings.CutPrefix(lines.Text(), "data: "); is {
				next.data = nil
				json.Unmarshal([]byte(data), &next.data) // data that does not parse is nil, and fails the comparison
				said <- next
			}
		}
	}()
	return said
}

func (w *world) next(said <-chan heard, name string) map[string]any {
	w.t.Helper()
	select {
	case got := <-said:
		if got.name != name {
			w.t.Fatalf("%q is told, not %q: %v", got.name, name, got.data)
		}
		return got.data
	case <-time.After(10 * time.Second):
		w.t.Fatalf("%q is not told", name)
		return nil
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("customer.created", always(200))
	said := w.listen()
	made := w.object("POST", "/v1/customers", "email=a@b.test")
	event := w.next(said, "event")
	if shown := event["data"].(map[string]any)["object"].(map[string]any); event["type"] != "customer.created" ||
		event["object"] != "event" || shown["id"] != made["id"] {
		t.Fatalf("the event is %v", event)
	}
	if tried := w.next(said, "attempt"); tried["event"] != event["id"] || tried["endpoint"] != r.endpoint["id"] ||
		tried["status"] != 200.0 {
		t.Fatalf("the attempt is %v", tried)
	}
	w.advance(day)
	if moved := w.next(said, "clock"); moved["now"] == nil {
		t.Fatalf("the clock shows %v", moved)
	}
	w.control(200, "POST", "faults", `{"kind":"api_error"}`)
	w.next(said, "faults")
	w.raw("GET", "/v1/customers", "")
	w.next(said, "faults")
	w.control(200, "DELETE", "faults", "")
	w.next(said, "faults")
	w.sandbox.EndStreams()
	if last, open := <-said; open {
		t.Fatalf("the stream goes on: %v", last)
	}
	if status, _, _ := w.raw("GET", "/_sandbox/stream", ""); status != 503 {
		t.Fatalf("a stream begins after the end: %d", status)
	}
}

// The number of listeners is limited.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for range 64 {
		w.listen()
	}
	if status, body, _ := w.raw(
		"GET", "/_sandbox/stream", "",
	); status != 503 || !strings.Contains(body, "streams open already") {
		t.Fatalf("one too many: %d %s", status, body)
	}
}

// stuck is a connection whose other end does not read until it is released.
type stuck struct {
	header  http.Header
	joined  chan struct{}
	release chan struct{}
	once    sync.Once
}

func (s *stuck) Header() http.Header { return s.header }
func (s *stuck) WriteHeader(int)     {}
func (s *stuck) Flush()              {}
func (s *stuck) Write(content []byte) (int, error) {
	s.once.Do(func() { close(s.joined) })
	<-s.release
	return len(content), nil
}

// A listener that does not read does not delay anything. It is dropped when too much waits for it.
func TestStreamOfAStuckListener(t *testing.T) {
	t.Parallel()
	s := must[*sandbox.Sandbox](t)(sandbox.New(sandbox.Options{}))
	t.Cleanup(func() { s.Close() })
	handler := s.Handler()
	listener, ended := &stuck{
		header: http.Header{}, joined: make(chan struct{}), release: make(chan struct{}),
	}, make(chan struct{})
	go func() {
		defer close(ended)
		handler.ServeHTTP(listener, httptest.NewRequest("GET", "http://127.0.0.1/_sandbox/stream", nil))
	}()
	<-listener.joined
	for range 5000 {
		handler.ServeHTTP(
			httptest.NewRecorder(),
			httptest.NewRequest("POST", "http://127.0.0.1/_sandbox/clock", strings.NewReader(`{"advance_seconds":1}`)),
		)
	}
	close(listener.release)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it listens still")
	}
}
