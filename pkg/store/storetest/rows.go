package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
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

// Change runs f on an account that it has locked, and commits. The test fails if f returns an error.
func Change(
	t testing.TB, db *store.DB, id billing.AccountID,
	f func(ctx context.Context, tx *store.Tx, a billing.Account) error,
) {
	t.Helper()
	ctx := context.Background()
	if err := db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		return f(ctx, tx, a)
	}); err != nil {
		t.Fatal(err)
	}
}

// Dump returns the rows that a query selects, one a line.
func Dump(t testing.TB, db *store.DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.SQL().QueryContext(context.Background(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, places := make([]any, len(columns)), make([]any, len(columns))
	for n := range values {
		places[n] = &values[n]
	}
	var out strings.Builder
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		for n, v := range values {
			if text, ok := v.([]byte); ok {
				values[n] = string(text)
			}
		}
		fmt.Fprintln(&out, values...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
