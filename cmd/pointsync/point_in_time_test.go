package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/store/storetest/pgserver"
)

// TestPointInTimeOnPostgres proves the second way of docs/operations/backup.md: a base backup and the archived
// write-ahead log restore a moment of the past. A spend from before that moment is there, one from after it is not, and
// what was paid after it is brought back.
func TestPointInTimeOnPostgres(t *testing.T) {
	t.Parallel()
	server, err := pgserver.StartArchiving(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(); err != nil {
			t.Error(err)
		}
	})
	stripe := newSandbox(t)
	p := served(t, stripe, server.URL)
	p.run(0, "migrate")
	p.run(0, "stripe", "setup")
	if err := server.BackUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	serving := p.serve()
	ada := join(t, serving.url, stripe, "ada")
	play(t, func() { ada.pay("pack_100", "first"); ada.spendAs("before", 30) })
	var moment time.Time
	db := storetest.OpenURL(t, server.URL, nil)
	if err := db.SQL().QueryRow("SELECT clock_timestamp()").Scan(&moment); err != nil {
		t.Fatal(err)
	}
	play(t, func() { ada.spendAs("after", 50); ada.pay("pack_100", "second") })
	serving.terminate()
	if err := server.Lose(t.Context()); err != nil {
		t.Fatal(err)
	}
	restored, err := server.RestoreAt(t.Context(), moment)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := restored.Stop(); err != nil {
			t.Error(err)
		}
	})
	p = p.with("DATABASE_URL=" + restored.URL)
	since := moment.Add(-time.Minute).UTC().Format(time.RFC3339)
	if said := p.run(0, "stripe", "recover", "--since", since, "--yes"); !strings.Contains(said, "1 orders restored") {
		t.Errorf("recover says %q", said)
	}
	p.run(0, "audit")
	if said := p.run(0, "explain", "ada@example.com"); !strings.Contains(said, "170 points available") {
		t.Errorf("100 - 30 + 100 points, and not 50 less: %q", said)
	}
}
