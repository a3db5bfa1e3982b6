package store_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that while someone locks a whole table, as a migration does, a move is sent to make itself alone, where it
// waits longer. It is decided once at most: its caller may be told already, and prepare the response.
func TestLockedTableOnPostgres(t *testing.T) {
	t.Parallel()
	for lock, most := range map[string]int64{"accounts IN ACCESS EXCLUSIVE": 0, "entries IN SHARE": 1} {
		t.Run(lock, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t, store.Postgres)
			id := rich(t, db)
			holder, err := db.SQL().BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = holder.Rollback() }()
			if _, err := holder.ExecContext(t.Context(), "LOCK TABLE "+lock+" MODE"); err != nil {
				t.Fatal(err)
			}
			var decided atomic.Int64
			move := pay(id, "")
			decide := move.Decide
			move.Decide = func(turn *store.Turn) { decided.Add(1); decide(turn) }
			if err := db.Move(t.Context(), move); !errors.Is(err, store.ErrAlone) {
				t.Errorf("got %v, want ErrAlone", err)
			}
			if n := decided.Load(); n != most {
				t.Errorf("it was decided %d times, want %d", n, most)
			}
		})
	}
}
