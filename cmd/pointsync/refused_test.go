package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
)

// TestCheckNamesRefused proves that `stripe check` reports for a day that webhooks matched none of the secrets, if it
// has a database to read. If the environment names no database, it reads none.
func TestCheckNamesRefused(t *testing.T) {
	if _, ok := checkRefused(t.Context(), time.Now()); ok {
		t.Error("there is a finding without a database")
	}
	address := "sqlite://" + filepath.Join(t.TempDir(), "p.db")
	t.Setenv("DATABASE_URL", address)
	db, err := store.Open(t.Context(), store.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if f, ok := checkRefused(t.Context(), time.Now()); !ok || f.OK || f.Fix == "" {
		t.Errorf("of a database without a schema: %+v", f)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f, ok := checkRefused(t.Context(), time.Now()); !ok || !f.OK {
		t.Errorf("of none: %+v", f)
	}
	err = db.InTx(t.Context(), func(tx *store.Tx) error { return tx.CountRefused(t.Context(), 7) })
	if err != nil {
		t.Fatal(err)
	}
	for after, fine := range map[time.Duration]bool{
		0: false, refusedFor - time.Minute: false, refusedFor + time.Minute: true,
	} {
		f, ok := checkRefused(t.Context(), time.Now().Add(after))
		if !ok || f.OK != fine || !fine && !strings.Contains(f.What, "7 webhooks matched none") {
			t.Errorf("%v after the last: %+v", after, f)
		}
	}
}
