package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestAuditCommand proves what an operator's script relies on: exit code 0 if every rule holds, 1 if one is broken and
// named, 2 if the command could not find out. The JSON output contains the same, and the metrics show a complete audit.
func TestAuditCommand(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		url := storetest.URL(t, dialect)
		db := storetest.OpenURL(t, url, nil)
		p := program{t: t}.with("DATABASE_URL=" + url)
		a := storetest.NewAccount(t, db)
		if said := p.run(0, "audit"); said != "1 accounts looked at, 0 violations\n" {
			t.Errorf("of a sound database: %q", said)
		}
		breakAccount(t, db, a.ID)
		audited := p.command("audit", "--json") // it takes the 12 seconds from one look to the next
		out, _ := audited.Output()
		var r auditReport
		if err := json.Unmarshal(out, &r); audited.ProcessState.ExitCode() != 1 || err != nil || r.Accounts != 1 ||
			r.Found != 1 || !r.Complete || r.Last != string(a.ID) ||
			len(r.Violations) != 1 || r.Violations[0].Account != string(a.ID) {
			t.Errorf("of a broken one, as JSON: %v: %s", err, out)
		}
		var said strings.Builder
		if err := r.print(&said, false); err != nil || !strings.Contains(
			said.String(), string(a.ID)+"  lots-sum",
		) || !strings.Contains(said.String(), "1 violations") {
			t.Errorf("of a broken one: %q, %v", said.String(), err)
		}
		run, err := db.AuditRun(context.Background(), billing.RunAudit)
		if err != nil || run.LastFindings != 1 || run.LastEndedAt == nil {
			t.Errorf("noted: %+v, %v", run, err)
		}
		p.run(0, "audit", "--after", string(a.ID)) // after the broken one, so it is not a complete audit
		if again, err := db.AuditRun(
			context.Background(), billing.RunAudit,
		); err != nil || !again.LastEndedAt.Equal(*run.LastEndedAt) {
			t.Errorf("noted of a part: %+v, %v", again, err)
		}
	})
	if said := (program{t: t}).with(
		"DATABASE_URL="+storetest.Empty(t, store.SQLite),
	).run(2, "audit"); !strings.Contains(said, "pointsync migrate") {
		t.Errorf("of an empty database: %q", said)
	}
}

// TestAuditCommandLooksTwice proves that the command reports only what both of its looks found. It does not report what
// was repaired in between, what broke only then, or an account that broke another rule by then.
func TestAuditCommandLooksTwice(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		passing, lasting, later, other :=
			storetest.NewAccount(t, db), storetest.NewAccount(t, db), storetest.NewAccount(t, db),
			storetest.NewAccount(t, db)
		set := func(id billing.AccountID, what string) {
			storetest.Exec(t, db, `UPDATE accounts SET `+what+` WHERE id = '`+string(id)+`'`)
		}
		for _, a := range []billing.Account{passing, lasting, other} {
			breakAccount(t, db, a.ID) // lots-sum
		}
		waits := 0
		r := auditReport{}
		err := auditCmd{}.walk(t.Context(), db, func(context.Context) error {
			waits++
			set(passing.ID, "unsettled = 0")
			breakAccount(t, db, later.ID)
			set(other.ID, "unsettled = 0, held = 1") // entries-sum
			return nil
		}, &r)
		if err != nil || waits != 1 || r.Accounts != 4 || r.Found != 1 || len(r.Violations) != 1 ||
			r.Violations[0].Account != string(lasting.ID) || !r.Complete {
			t.Errorf("after %d waits: %+v, %v", waits, r, err)
		}
	})
}

// breakAccount makes an account's lots disagree with its balance.
func breakAccount(t *testing.T, db *store.DB, id billing.AccountID) {
	t.Helper()
	storetest.Exec(t, db, `UPDATE accounts SET unsettled = 1 WHERE id = '`+string(id)+`'`)
}
