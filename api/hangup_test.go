package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestHangUp proves that a caller who leaves while Stripe is asked makes one line of the log, at level debug with
// status 499, and no error.
func TestHangUp(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		var told syncBuffer
		server := httptest.NewServer(w.wireWith(nil, debugLog(&told)))
		t.Cleanup(server.Close)
		w.Gate.Hang()
		ctx, leave := context.WithCancel(t.Context())
		req := c.request(ctx, http.MethodPost, server.URL+"/checkout", `{"item":"pack_100"}`)
		left := make(chan error)
		go func() {
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			left <- err
		}()
		storetest.WaitFor(t, "Stripe is asked", func() bool { return w.Gate.Asked("POST /v1/customers") > 0 })
		leave()
		if storetest.Next(t, left) == nil {
			t.Fatal("the request got a response")
		}
		storetest.WaitFor(t, "the request is logged", func() bool {
			return strings.Contains(told.String(), "operation=createCheckout")
		})
		w.Gate.Open()
		toldOfHangUps(t, told.String(), 1)
	})
}

// TestHangUpAtDatabase proves the same for callers who leave before the database replies, whatever its driver calls
// that.
func TestHangUpAtDatabase(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		var told syncBuffer
		handler := w.wireWith(nil, debugLog(&told))
		left, leave := context.WithCancel(t.Context())
		leave()
		for _, r := range []struct{ method, path, body string }{
			{http.MethodGet, "/session", ""}, {http.MethodGet, "/points", ""}, {http.MethodGet, "/points/entries", ""},
			{http.MethodPost, "/points/spend", `{"amount":1}`}, {http.MethodPost, "/checkout", `{"item":"pack_100"}`},
		} {
			handler.ServeHTTP(httptest.NewRecorder(), c.request(left, r.method, r.path, r.body))
		}
		toldOfHangUps(t, told.String(), 5)
	})
}

func debugLog(out io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// request makes a request without sending it.
func (c *client) request(ctx context.Context, method, address, body string) *http.Request {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	must(c.t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "k")
	}
	return req
}

// toldOfHangUps fails unless the log has this many requests, each of a caller who hung up, and no error.
func toldOfHangUps(t *testing.T, said string, want int) {
	t.Helper()
	got := 0
	for line := range strings.Lines(said) {
		if strings.Contains(line, "level=ERROR") {
			t.Errorf("told as a fault of ours: %s", line)
		}
		if !strings.Contains(line, "msg=request ") {
			continue
		}
		got++
		if !strings.Contains(line, "level=DEBUG") || !strings.Contains(line, "status=499") ||
			strings.Contains(line, "problem=") {
			t.Errorf("logged as %s", line)
		}
	}
	if got != want {
		t.Errorf("%d requests are logged, want %d: %s", got, want, said)
	}
}
