package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a statement that the database refuses is a fault of ours (500) on both databases. A retry cannot help,
// and "the database does not answer" would hide the fault. Each statement is wrong in another way.
func TestErrInternal(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := insertOneOfEach(t, db)
		for name, statement := range map[string]string{
			"Check":      `UPDATE accounts SET available = -1`,
			"Unique":     `INSERT INTO inbox_events SELECT * FROM inbox_events`,
			"NotNull":    `UPDATE accounts SET role = NULL`,
			"ForeignKey": `UPDATE lots SET account_id = 'acc_nobody'`,
			"NoTable":    `UPDATE nowhere SET x = 1`,
			"NoColumn":   `UPDATE accounts SET nothing = 1`,
			"Syntax":     `UPDATE accounts SETT x`,
			"Overflow":   `SELECT sum(9223372036854775807) * 9223372036854775807 * abs(-9223372036854775807 - 1) FROM accounts`,
		} {
			err := db.InTx(context.Background(), func(tx *store.Tx) error {
				_, err := tx.SQL().Exec(statement)
				return err
			})
			if code := billing.CodeOf(err); err == nil || code != billing.EInternal {
				t.Errorf("%s: got %q (%v), want %q", name, code, err, billing.EInternal)
			}
		}
		// The same through GORM, in a method of ours. A second event with the same id is not an error, but a second
		// lot with the same grant key is.
		err := write(db, func(ctx context.Context, tx *store.Tx) error { return tx.InsertLot(ctx, aLot(db, a.ID)) })
		if code := billing.CodeOf(err); err == nil || code != billing.EInternal {
			t.Errorf("a grant key used twice: got %q (%v), want %q", code, err, billing.EInternal)
		}
	})
}

// Proves which of SQLite's codes may succeed on a retry, in each form in which the driver returns them: locks of
// others and a machine that is short of something, but nothing that the statement itself causes.
func TestSQLiteAway(t *testing.T) {
	t.Parallel()
	may := []error{
		sqlite3.BUSY, sqlite3.BUSY_SNAPSHOT, sqlite3.BUSY_TIMEOUT, sqlite3.LOCKED, sqlite3.LOCKED_SHAREDCACHE,
		sqlite3.INTERRUPT,
		sqlite3.FULL, sqlite3.IOERR_FSYNC, sqlite3.CANTOPEN, sqlite3.NOMEM, sqlite3.PROTOCOL,
	}
	never := []error{
		sqlite3.ERROR, sqlite3.CONSTRAINT, sqlite3.CONSTRAINT_CHECK, sqlite3.CONSTRAINT_UNIQUE,
		sqlite3.CONSTRAINT_FOREIGNKEY, sqlite3.MISMATCH,
		sqlite3.SCHEMA, sqlite3.TOOBIG, sqlite3.RANGE, sqlite3.MISUSE, sqlite3.READONLY, sqlite3.CORRUPT,
		sqlite3.NOTADB,
	}
	for want, errs := range map[billing.Code][]error{billing.EUnavailable: may, billing.EInternal: never} {
		for _, err := range errs {
			if got := billing.CodeOf(store.Translate(fmt.Errorf("insert: %w", err))); got != want {
				t.Errorf("%v: got %q, want %q", err, got, want)
			}
		}
	}
}

// Proves that a writer that SQLite kept waiting for too long may retry: another program has the file.
func TestSQLiteBusy(t *testing.T) {
	t.Parallel()
	address := storetest.URL(t, store.SQLite)
	db := storetest.OpenURL(t, address, nil)
	a := storetest.NewAccount(t, db)
	other, err := sql.Open(
		"sqlite3",
		"file:"+(&url.URL{Path: strings.TrimPrefix(address, "sqlite://")}).EscapedPath()+"?_pragma=busy_timeout(0)",
	)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = db.InTx(context.Background(), func(tx *store.Tx) error {
		if err := tx.SetCustomer(context.Background(), a.ID, "cus_1"); err != nil {
			return err
		}
		_, busy := other.Exec("UPDATE accounts SET version = 2")
		if !errors.Is(busy, sqlite3.BUSY) {
			t.Errorf("the other writer got %v, want %v", busy, sqlite3.BUSY)
		}
		return busy
	})
	if code := billing.CodeOf(err); code != billing.EUnavailable {
		t.Errorf("got %q (%v), want %q", code, err, billing.EUnavailable)
	}
}
