package storetest

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
)

// Patience is how long a test waits for something that must happen.
const Patience = 30 * time.Second

// WaitFor polls until ok reports true. The test fails if that takes longer than Patience.
func WaitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline, look := time.After(Patience), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("never came true: %s", what)
		}
	}
}

// WaitForLock waits until a transaction waits for a lock of this PostgreSQL database.
func WaitForLock(t testing.TB, db *store.DB) {
	t.Helper()
	WaitFor(t, "a transaction waits for a lock", func() bool {
		return Count(t, db, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	})
}

// Next returns what is sent next.
func Next[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(Patience):
		t.Fatal("nothing came")
	}
	return v
}
