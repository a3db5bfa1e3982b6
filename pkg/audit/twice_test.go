package audit_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestSecondLook proves that the audit reports what both looks found. It does not report what was repaired between
// them, for example by a sync under way, or what broke only then. A walk that is cut off between the looks keeps its
// cursor.
func TestSecondLook(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		passing, lasting, later := storetest.NewAccount(t, db), storetest.NewAccount(t, db), storetest.NewAccount(t, db)
		set := func(a billing.Account, unsettled string) {
			storetest.Exec(t, db, `UPDATE accounts SET unsettled = `+unsettled+` WHERE id = '`+string(a.ID)+`'`)
		}
		set(passing, "1")
		set(lasting, "1")
		waits := 0
		between := func(context.Context) error {
			waits++
			set(passing, "0")
			set(later, "1")
			return nil
		}
		b, err := audit.Twice(t.Context(), db, "", 10, between)
		if err != nil || waits != 1 || b.Accounts != 3 || len(b.Violations) != 1 ||
			b.Violations[0].Account != lasting.ID || b.Violations[0].Rule != "lots-sum" {
			t.Errorf("after %d waits: %+v, %v", waits, b, err)
		}
		ended := errors.New("the server ends")
		if err := audit.Step(
			t.Context(), db, func(context.Context) error { return ended }, slog.New(slog.DiscardHandler),
		); !errors.Is(err, ended) {
			t.Errorf("a step that was cut off: %v", err)
		}
		if run, err := db.AuditRun(
			t.Context(), billing.RunAudit,
		); err != nil || run.Cursor != "" || run.Findings != 0 || run.EndedAt != nil {
			t.Errorf("it keeps its place: %+v, %v", run, err)
		}
		set(lasting, "0")
		set(later, "0")
		if b, err := audit.Twice(t.Context(), db, "", 10, between); err != nil || waits != 1 || len(b.Violations) != 0 {
			t.Errorf("of what is sound nobody waits: %+v, %v", b, err)
		}
	})
}
