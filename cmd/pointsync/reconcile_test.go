package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestReconcileCommand proves what an operator's script relies on. A dry run names the drift, changes nothing and ends
// with 1. A repair fixes it and ends with 0, or with 1 if something is left. The command ends with 2 if it could not
// find out. Also proves that the metrics show a complete run.
func TestReconcileCommand(t *testing.T) {
	t.Parallel()
	stripe := newSandbox(t)
	databaseURL := storetest.URL(t, store.Postgres)
	p := served(t, stripe, databaseURL)
	p.run(0, "stripe", "setup")
	db := storetest.OpenURL(t, databaseURL, nil)
	server := p.serve()
	d := client(t, server.url, stripe)
	if err := d.guard(func() { d.begin(); d.buy("basic_monthly") }); err != nil {
		t.Fatal(err)
	}
	server.terminate() // otherwise its own jobs would repair what the command must find
	if said := p.run(
		0, "stripe", "reconcile", "--dry-run",
	); said != "1 accounts compared, 0 differ: 0 differences, 0 left; 0 accounts could not be compared\n" {
		t.Errorf("of one story: %q", said)
	}
	id := d.stripe(200, http.MethodGet, "/v1/subscriptions", nil)["data"].([]any)[0].(map[string]any)["id"].(string)
	// No webhook is accepted, because its secret is another one.
	d.stripe(200, http.MethodPost, "/v1/subscriptions/"+id, url.Values{"cancel_at_period_end": {"true"}})
	// Two differences: the end itself, and the points, which expire with the subscription and no longer two hours after
	// it.
	if said := p.run(
		1, "stripe", "reconcile", "--dry-run",
	); !regexp.MustCompile(
		`  status +`+id+` +false `,
	).MatchString(said) || !strings.Contains(said, "  points-expiry ") {
		t.Errorf("of a difference: %q", said)
	}
	out, _ := p.command("stripe", "reconcile", "--json").Output()
	var r driftReport
	if err := json.Unmarshal(out, &r); err != nil || r.Found != 2 || r.Left != 0 || r.DryRun || !r.Complete ||
		len(r.Drift) != 2 || !r.Drift[0].Repaired || !r.Drift[1].Repaired || r.Errors == nil {
		t.Errorf("a repair says %s: %v", out, err)
	}
	wantRun(t, db, 2)
	p.run(0, "stripe", "reconcile", "--dry-run", "--rate", "100")
	wantRun(t, db, 0)
	p.run(0, "stripe", "reconcile", "--after", r.Last)

	if _, err := db.SQL().Exec(`UPDATE lots SET grant_key = 'stripe:invoice:in_nowhere:il_1'`); err != nil {
		t.Fatal(err)
	}
	if said := p.run(
		1, "stripe", "reconcile", "ADA@example.com",
	); !strings.Contains(said, "grant-missing") || !strings.Contains(said, "2 differences, 1 left") {
		t.Errorf("of what only a person can mend: %q", said)
	}
	if said := served(t, newSandbox(t), databaseURL).run(2, "stripe", "reconcile"); !strings.Contains(
		said, "1 accounts could not be compared; run it again",
	) {
		t.Errorf("of another Stripe: %q", said)
	}
	p.run(2, "stripe", "reconcile", "--rate", "0")
}

func wantRun(t *testing.T, db *store.DB, findings int64) {
	t.Helper()
	run, err := db.AuditRun(context.Background(), billing.RunDrift)
	if err != nil || run.LastFindings != findings || run.LastEndedAt == nil || run.Accounts != 1 {
		t.Errorf("the run is %+v (%v), want %d findings", run, err, findings)
	}
}
