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

// EachDialect runs one suite on both databases, as the parallel subtests "postgres" and "sqlite".
func EachDialect(t *testing.T, f func(t *testing.T, dialect store.Dialect)) {
	t.Helper()
	for _, dialect := range Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			f(t, dialect)
		})
	}
}

// Each runs one suite on both databases, as the parallel subtests "postgres" and "sqlite". Each subtest gets its own
// migrated database with the machine's clock.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachDialect(t, func(t *testing.T, dialect store.Dialect) { f(t, Open(t, dialect)) })
}

// EachAt does the same as Each, with a clock that moves only when the test moves it.
func EachAt(t *testing.T, f func(t *testing.T, db *store.DB, clock *Clock)) {
	t.Helper()
	EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		clock := NewClock()
		f(t, OpenAt(t, dialect, clock), clock)
	})
}

// Open returns a new migrated database with the machine's clock. It is closed when the test ends.
func Open(t testing.TB, dialect store.Dialect) *store.DB {
	t.Helper()
	return OpenURL(t, URL(t, dialect), nil)
}

// OpenAt does the same as Open, with the test's clock.
func OpenAt(t testing.TB, dialect store.Dialect, clock *Clock) *store.DB {
	t.Helper()
	return OpenURL(t, URL(t, dialect), clock.Now)
}

// OpenURL opens a database that URL made. A second call with the same URL opens a second replica. A nil now means the
// machine's clock.
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

// URL returns the URL of a new migrated database that no one has opened yet.
func URL(t testing.TB, dialect store.Dialect) string {
	t.Helper()
	if dialect == store.Postgres {
		return clonePostgres(t, "pointsync", migrate)
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

// Empty returns the URL of a new database in which nothing was migrated.
func Empty(t testing.TB, dialect store.Dialect) string {
	t.Helper()
	if dialect == store.Postgres {
		return emptyPostgres(t)
	}
	return "sqlite://" + filepath.Join(t.TempDir(), "test.db")
}

// NewAccount appends an account without points, with an email that no other account has.
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

// migratedFile is a migrated SQLite database, made once per process. A copy takes a fraction of the time of a
// migration.
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
	return db.Close() // before cloning: no one may be connected to a template
}
