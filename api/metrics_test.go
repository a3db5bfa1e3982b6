package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
)

// TestRunMetrics proves that the metrics say how the last walks over all accounts came out and when they ended.
func TestRunMetrics(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := &client{t: t, w: w}
		must(t, audit.Record(t.Context(), w.db, billing.RunDrift, w.now(), 10, 3))
		page := string(c.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
		for _, want := range []string{"\npointsync_drift_findings 3\n", "\npointsync_drift_last_run_timestamp_seconds 1", "\npointsync_audit_violations 0\n", "\npointsync_parked_accounts 0\n"} {
			c.expect(strings.Contains(page, want), "the metrics have %q: %s", want, page)
		}
	})
}
