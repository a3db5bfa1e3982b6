package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Dialects are the databases that every suite runs on.
var Dialects = []store.Dialect{store.Postgres, store.SQLite}

// Each runs one suite on both databases, as the parallel subtests "postgres" and "sqlite", each in a migrated database
// of its own with the machine's clock.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	for _, dialect := range Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			f(t, Open(t, dialect))
		})
	}
}

// EachAt is Each with a clock that stands still until the test moves it.
func EachAt(t *testing.T, f func(t *testing.T, db *store.DB, clock *Clock)) {
	t.Helper()
	for _, dialect := range Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			f(t, OpenAt(t, dialect, clock), clock)
		})
	}
}

// Open answers a migrated database of its own, with the machine's clock. It ends with the test.
func Open(t testing.TB, dialect store.Dialect) *store.DB {
	t.Helper()
	return OpenURL(t, URL(t, dialect), nil)
}

// OpenAt is Open with the test's clock.
func OpenAt(t testing.TB, dialect store.Dialect, clock *Clock) *store.DB {
	t.Helper()
	return OpenURL(t, URL(t, dialect), clock.Now)
}

// OpenURL opens a database that URL made; a second call on one URL is a second replica. A nil now is the machine's
// clock.
func OpenURL(t testing.TB, url string, now func() time.Time) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), store.Options{URL: url, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return db
}

// URL answers the URL of a migrated database of its own that nobody has opened yet.
func URL(t testing.TB, dialect store.Dialect) string {
	t.Helper()
	if dialect == store.Postgres {
		return PostgresTemplate(t, "pointsync", migrate)
	}
	file, err := migratedFile()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatalf("make the test database: %v", err)
	}
	return "sqlite://" + path
}

// Empty answers the URL of a database of its own in which nothing was migrated.
func Empty(t testing.TB, dialect store.Dialect) string {
	t.Helper()
	if dialect == store.Postgres {
		return Postgres(t)
	}
	return "sqlite://" + filepath.Join(t.TempDir(), "test.db")
}

// NewAccount appends an account without points, with an email of its own.
func NewAccount(t testing.TB, db *store.DB) billing.Account {
	t.Helper()
	now := db.Now()
	id := billing.NewAccountID(now)
	a := billing.Account{
		ID: id, Email: strings.ReplaceAll(string(id), "_", "-") + "@example.com", PasswordHash: "not a hash",
		Sync: billing.SyncState{BudgetAt: now}, CreatedAt: now,
	}
	ctx := context.Background()
	if err := db.InTx(ctx, func(tx *store.Tx) error { return tx.InsertAccount(ctx, a) }); err != nil {
		t.Fatalf("make an account: %v", err)
	}
	return a
}

// migratedFile is a migrated SQLite database, made once per process: copying it costs a fraction of migrating.
var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "pointsync-sqlite-")
	if err != nil {
		return nil, fmt.Errorf("make the template database's folder: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	if err := migrate("sqlite://" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path) // whole: closing the last connection moved the write-ahead log into it
})

func migrate(url string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{URL: url})
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx); err != nil {
		db.Close()
		return err
	}
	return db.Close() // before cloning: nobody may be connected to a template
}
