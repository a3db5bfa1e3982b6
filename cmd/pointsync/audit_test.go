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

// TestAuditCommand proves what an operator's script relies on: exit code 0 where every rule holds, 1 where one is broken and
// named, 2 where that could not be told; the same as JSON; and that the metrics know of a whole audit.
func TestAuditCommand(t *testing.T) {
	t.Parallel()
	for _, dialect := range storetest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			url := storetest.URL(t, dialect)
			db := storetest.OpenURL(t, url, nil)
			p := program{t: t}.with("DATABASE_URL=" + url)
			a := storetest.NewAccount(t, db)
			if said := p.run(0, "audit"); said != "1 accounts looked at, 0 violations\n" {
				t.Errorf("of a sound database: %q", said)
			}
			breakAccount(t, db, a.ID)
			if said := p.run(1, "audit"); !strings.Contains(said, string(a.ID)+"  lots-sum") || !strings.Contains(said, "1 violations") {
				t.Errorf("of a broken one: %q", said)
			}
			out, _ := p.command("audit", "--json").Output()
			var r auditReport
			if err := json.Unmarshal(out, &r); err != nil || r.Accounts != 1 || r.Found != 1 || !r.Complete || r.Last != string(a.ID) ||
				len(r.Violations) != 1 || r.Violations[0].Account != string(a.ID) {
				t.Errorf("as JSON: %v: %s", err, out)
			}
			run, err := db.AuditRun(context.Background(), billing.RunAudit)
			if err != nil || run.LastFindings != 1 || run.LastEndedAt == nil {
				t.Errorf("noted: %+v, %v", run, err)
			}
			p.run(0, "audit", "--after", string(a.ID)) // past the broken one: and it is no whole audit
			if again, err := db.AuditRun(context.Background(), billing.RunAudit); err != nil || !again.LastEndedAt.Equal(*run.LastEndedAt) {
				t.Errorf("noted of a part: %+v, %v", again, err)
			}
		})
	}
	if said := (program{t: t}).with("DATABASE_URL="+storetest.Empty(t, store.SQLite)).run(2, "audit"); !strings.Contains(said, "pointsync migrate") {
		t.Errorf("of an empty database: %q", said)
	}
}

// breakAccount makes an account's lots disagree with its balance.
func breakAccount(t *testing.T, db *store.DB, id billing.AccountID) {
	t.Helper()
	if _, err := db.SQL().ExecContext(context.Background(), `UPDATE accounts SET unsettled = 1 WHERE id = '`+string(id)+`'`); err != nil {
		t.Fatal(err)
	}
}
