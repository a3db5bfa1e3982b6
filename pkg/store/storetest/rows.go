package storetest

import (
	"context"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
)

// Count returns the number that a query selects.
func Count(t testing.TB, db *store.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.SQL().QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Exec changes rows in ways that our code does not.
func Exec(t testing.TB, db *store.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.SQL().ExecContext(context.Background(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
