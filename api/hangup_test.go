package api_test

import (
	"context"
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
		server := httptest.NewServer(w.wireWith(
			nil, slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug})),
		))
		t.Cleanup(server.Close)
		w.Gate.Hang()
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(
			ctx, http.MethodPost, server.URL+"/checkout", strings.NewReader(`{"item":"pack_100"}`),
		)
		must(t, err)
		for name, value := range map[string]string{
			"Authorization": "Bearer " + c.token, "Content-Type": "application/json", "Idempotency-Key": "k",
		} {
			req.Header.Set(name, value)
		}
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
		said := told.String()
		for line := range strings.Lines(said) {
			if strings.Contains(line, "operation=createCheckout") &&
				(!strings.Contains(line, "level=DEBUG") || !strings.Contains(line, "status=499")) {
				t.Errorf("logged as %s", line)
			}
		}
		if strings.Contains(said, "level=ERROR") {
			t.Errorf("told as a fault of ours: %s", said)
		}
	})
}
