package store_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a transaction whose function fails leaves nothing behind and returns exactly that error.
func TestInTxUndoes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db)
		broken := errors.New("broken")
		err := write(db, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.SetCustomer(ctx, a.ID, "cus_1"); err != nil {
				return err
			}
			return broken
		})
		if got := accountOf(t, db, a.ID); !errors.Is(err, broken) || got.CustomerID != "" {
			t.Errorf("got %v, and the customer %q stayed", err, got.CustomerID)
		}
	})
}

// Proves that if two transactions wait for each other, the one that PostgreSQL ends is retried, and both have their
// effect.
func TestInTxRetriesDeadlock(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	a, b := storetest.NewAccount(t, db), storetest.NewAccount(t, db)
	var bothHold sync.WaitGroup
	bothHold.Add(2)
	var mu sync.Mutex
	tries := 0
	lockBoth := func(first, second billing.AccountID) error {
		held := sync.OnceFunc(func() { bothHold.Done(); bothHold.Wait() }) // only on the first try
		return write(db, func(ctx context.Context, tx *store.Tx) error {
			mu.Lock()
			tries++
			mu.Unlock()
			if err := tx.IssueTicket(ctx, first, tx.Now); err != nil {
				return err
			}
			held()
			return tx.IssueTicket(ctx, second, tx.Now)
		})
	}
	var both errgroup.Group
	both.Go(func() error { return lockBoth(a.ID, b.ID) })
	both.Go(func() error { return lockBoth(b.ID, a.ID) })
	if err := both.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []billing.AccountID{a.ID, b.ID} {
		if got := accountOf(t, db, id).Sync.TicketIssued; got != 2 {
			t.Errorf("%d updates of an account, want 2", got)
		}
	}
	if tries < 3 {
		t.Errorf("%d tries: there was no deadlock", tries)
	}
}

// Proves that a transaction that loses every race ends with an error that says to retry later.
func TestInTxGivesUp(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	tries := 0
	err := db.InTx(context.Background(), func(tx *store.Tx) error {
		tries++
		_, err := tx.SQL().Exec(`DO $$ BEGIN RAISE SQLSTATE '40001'; END $$`)
		return err
	})
	if billing.CodeOf(err) != billing.EUnavailable || tries != 4 {
		t.Errorf("got %v after %d tries, want %s after 4", err, tries, billing.EUnavailable)
	}
}

// Proves that a second writer of one account waits for the first and then sees what it wrote.
func TestLockAccount(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db)
		var all errgroup.Group
		for range 20 {
			all.Go(func() error {
				return write(db, func(ctx context.Context, tx *store.Tx) error {
					a, err := tx.LockAccount(ctx, a.ID)
					if err != nil {
						return err
					}
					a.Available++ // would be lost if two of them were here at once
					return tx.SavePoints(ctx, a)
				})
			})
		}
		if err := all.Wait(); err != nil || accountOf(t, db, a.ID).Available != 20 {
			t.Errorf("got %d (%v), want 20", accountOf(t, db, a.ID).Available, err)
		}
	})
}

// Proves that a transaction that runs out of time before it commits has changed nothing, and ends with an error that
// says to retry.
func TestInTxOutOfTime(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db)
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		err := db.InTx(ctx, func(tx *store.Tx) error {
			if err := tx.SetCustomer(ctx, a.ID, "cus_1"); err != nil {
				return err
			}
			<-ctx.Done()
			for { // until it was rolled back behind our back
				if _, err := tx.SQL().ExecContext(context.Background(), "SELECT 1"); errors.Is(err, sql.ErrTxDone) {
					return nil
				}
			}
		})
		if got := accountOf(t, db, a.ID); billing.CodeOf(err) != billing.EUnavailable || got.CustomerID != "" {
			t.Errorf("got %v, and the customer %q stayed", err, got.CustomerID)
		}
	})
}

// Proves that a caller that gave up is not told that the database is unavailable, and has changed nothing.
func TestInTxCancelled(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db)
		ctx, cancel := context.WithCancel(context.Background())
		err := db.InTx(ctx, func(tx *store.Tx) error {
			err := tx.SetCustomer(ctx, a.ID, "cus_1")
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) && err == nil || accountOf(t, db, a.ID).CustomerID != "" {
			t.Errorf("got %v and the customer %q", err, accountOf(t, db, a.ID).CustomerID)
		}
	})
}
