package api

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// TestCallerHungUp proves that a request whose caller has gone is no fault of ours: it is not logged as one. The same
// error without a caller who has gone is a fault.
func TestCallerHungUp(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		gone   bool
		status int
		logged bool
	}{
		"Gone": {true, http.StatusServiceUnavailable, false}, "Fault": {false, http.StatusInternalServerError, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if want.gone {
				cancel()
			}
			out := httptest.NewRecorder()
			c := echo.New().NewContext(httptest.NewRequestWithContext(ctx, http.MethodGet, "/points", nil), out)
			var log bytes.Buffer
			handle := (&server{}).problemHandler(slog.New(slog.NewTextHandler(&log, nil)))
			handle(fmt.Errorf("read the account: %w", context.Canceled), c)
			if out.Code != want.status || strings.Contains(log.String(), "request failed") != want.logged {
				t.Errorf("%d, logged: %s", out.Code, log.String())
			}
		})
	}
}
