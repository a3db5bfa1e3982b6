package inbox_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
)

// TestPeriodicDrift proves that the server's own comparison with Stripe finds and repairs what no webhook brought. It
// leaves alone an account with a waiting event, and skips an account for which Stripe always fails. It keeps its cursor
// while Stripe is down, and begins again a day later.
func TestPeriodicDrift(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		step := func() billing.AuditRun {
			w.t.Helper()
			must(
				w.t,
				audit.StepDrift(
					context.Background(), w.db, w.syncer, func(context.Context) error { return nil },
					slog.New(slog.DiscardHandler),
				),
			)
			run, err := w.db.AuditRun(context.Background(), billing.RunDrift)
			must(w.t, err)
			return run
		}
		lost, _ := w.buyer()
		w.Advance(time.Second) // ids sort by time
		told, _ := w.buyer()
		w.ring("evt_told", told.CustomerID) // its event waits, because no job runs
		w.Advance(time.Second)
		other, _ := w.buyer()
		w.Gate.Refuse()
		if run := step(); run.Accounts != 0 || run.Cursor != "" || run.EndedAt != nil || run.LastEndedAt != nil {
			w.t.Errorf("Stripe away: %+v", run)
		}
		w.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("customer") == string(lost.CustomerID) {
				out.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.Gate.Stripe.ServeHTTP(out, r)
		})
		if run := step(); run.Accounts != 3 || run.Cursor != other.ID || run.EndedAt == nil || run.Findings != 2 ||
			w.account(lost.ID).Available != 0 {
			w.t.Errorf("no answer for one account alone: %+v", run)
		}
		w.Gate.Open()
		w.Advance(24 * time.Hour)
		run := step()
		// the order, and its grant
		if run.Accounts != 3 || run.Findings != 2 || run.LastFindings != 2 || run.EndedAt == nil {
			w.t.Errorf("the run: %+v", run)
		}
		if w.account(lost.ID).Available != 100 || w.account(told.ID).Available != 0 {
			w.t.Errorf(
				"%d points of who was lost, %d of who will be synced", w.account(lost.ID).Available,
				w.account(told.ID).Available,
			)
		}
		if again := step(); !again.BeganAt.Equal(*run.BeganAt) {
			w.t.Errorf("at once again: %+v", again)
		}
		w.exec("UPDATE inbox_events SET status = 'ignored'")
		w.Advance(24 * time.Hour)
		if run := step(); run.Findings != 2 || w.account(told.ID).Available != 100 {
			w.t.Errorf("a day later: %+v", run)
		}
		w.Advance(24 * time.Hour)
		if run := step(); run.LastFindings != 0 {
			w.t.Errorf("two days later: %+v", run)
		}
	})
}
