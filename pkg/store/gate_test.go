package store_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// crowd begins transactions of an account that end when release is closed. entered counts those that run.
func crowd(
	db *store.DB, id billing.AccountID, n int, release <-chan struct{},
) (entered *atomic.Int64, results chan error) {
	entered, results = &atomic.Int64{}, make(chan error, n)
	for range n {
		go func() {
			results <- db.InTxOf(context.Background(), id, func(*store.Tx) error {
				entered.Add(1)
				<-release
				return nil
			})
		}()
	}
	return entered, results
}

// Proves that the transactions of one account leave connections to others, that those that wait get their turn, and
// that one whose caller has gone gives its turn away.
func TestAccountTakesFewConnectionsOnPostgres(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Options{URL: storetest.URL(t, store.Postgres), MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	busy, other := rich(t, db), rich(t, db)
	release := make(chan struct{})
	entered, results := crowd(db, busy, 10, release)
	storetest.WaitFor(t, "three run and seven wait", func() bool { return db.AtGate(busy) == 7 && entered.Load() == 3 })
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- db.InTxOf(ctx, busy, func(*store.Tx) error { return nil }) }()
	storetest.WaitFor(t, "one more waits", func() bool { return db.AtGate(busy) == 8 })
	cancel()
	if err := storetest.Next(t, gone); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller who has gone: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- db.InTxOf(context.Background(), other, func(*store.Tx) error { return nil }) }()
	if err := storetest.Next(t, done); err != nil {
		t.Errorf("another account: %v", err)
	}
	close(release)
	for range cap(results) {
		if err := storetest.Next(t, results); err != nil {
			t.Error(err)
		}
	}
	if entered.Load() != 10 || db.AtGate(busy) != 0 {
		t.Errorf("%d ran, and %d wait", entered.Load(), db.AtGate(busy))
	}
}

// Proves that a held row refuses those that wait for it together, with a Retry-After: they do not wait for it one after
// another.
func TestHeldRowRefusesAllThatWaitOnPostgres(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	id := rich(t, db)
	release := lockRow(t, db, id)
	var asked atomic.Int64
	results := make(chan error, 9)
	for range cap(results) {
		go func() {
			results <- db.InTxOf(context.Background(), id, func(tx *store.Tx) error {
				asked.Add(1)
				for asked.Load() < 4 && db.AtGate(id) < 6 { // until the others wait
					runtime.Gosched()
				}
				_, err := tx.LockAccount(context.Background(), id)
				return err
			})
		}()
	}
	for range cap(results) {
		if err := storetest.Next(t, results); !isBusy(err) {
			t.Errorf("got %v", err)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("%d asked for the row, want 3", asked.Load())
	}
	release()
	if err := db.InTxOf(t.Context(), id, func(*store.Tx) error { return nil }); err != nil {
		t.Errorf("the row that is held no longer: %v", err)
	}
}

// Proves that transactions that panic give their turns away.
func TestPanicLeavesTheGate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		id := rich(t, db)
		for range 3 { // as many as may run at a time
			func() {
				defer func() { _ = recover() }()
				_ = db.InTxOf(t.Context(), id, func(*store.Tx) error { panic("a fault") })
			}()
		}
		done := make(chan error, 1)
		go func() { done <- db.InTxOf(context.Background(), id, func(*store.Tx) error { return nil }) }()
		if err := storetest.Next(t, done); err != nil {
			t.Error(err)
		}
	})
}
