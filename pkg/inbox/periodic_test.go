package inbox_test

import (
	"context"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestPeriodicAudit proves that a running server audits by itself, and records what it found for the metrics.
func TestPeriodicAudit(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		w.exec(`UPDATE accounts SET unsettled = 1 WHERE id = '` + string(a.ID) + `'`)
		w.start(w.t)
		storetest.WaitFor(w.t, "the audit has found the broken account", func() bool {
			run, err := w.db.AuditRun(context.Background(), billing.RunAudit)
			must(w.t, err)
			return run.LastEndedAt != nil && run.LastFindings == 1 && run.Accounts == 1
		})
	})
}
