package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// pay returns a move that takes a point, unless its key has taken one.
func pay(id billing.AccountID, key string) store.Move {
	return store.Move{Account: id, Key: key, Decide: func(t *store.Turn) {
		if t.Used == nil {
			t.Write(paid(t.Account, t.Now, key))
		}
	}}
}

func paid(a billing.Account, now time.Time, key string) (billing.Account, billing.Entry) {
	a.Available--
	a.Unsettled++
	a.Version++
	return a, billing.Entry{
		ID: billing.NewEntryID(now), AccountID: a.ID, Kind: billing.EntrySpend, Amount: -1, BalanceAfter: a.Total(),
		Seq: a.Version, Key: key, CreatedAt: now,
	}
}

// rich makes an account with points.
func rich(t *testing.T, db *store.DB) billing.AccountID {
	t.Helper()
	id := storetest.NewAccount(t, db).ID
	storetest.Change(t, db, id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		a.Available = 10_000
		return tx.SavePoints(ctx, a)
	})
	return id
}

// isBusy reports whether an error asks the caller to try again, and says when.
func isBusy(err error) bool {
	var e *billing.Error
	return errors.As(err, &e) && e.Code == billing.EUnavailable && e.RetryAfter > 0
}

func entriesOf(t *testing.T, db *store.DB, id billing.AccountID) int {
	t.Helper()
	return storetest.Count(t, db, "SELECT count(*) FROM entries WHERE account_id = '"+string(id)+"'")
}

// occupy lets a move decide until release is called. What comes then waits, and makes one batch. The move takes a
// point. result has its error.
func occupy(t *testing.T, db *store.DB, id billing.AccountID) (release func(), result <-chan error) {
	t.Helper()
	begun, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- db.Move(context.Background(), store.Move{Account: id, Decide: func(turn *store.Turn) {
			close(begun)
			<-free
			turn.Write(paid(turn.Account, turn.Now, ""))
		}})
	}()
	storetest.Next(t, begun)
	release = sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	return release, done
}

// queue starts moves, and returns as soon as all of them wait. wait returns their errors.
func queue(t *testing.T, db *store.DB, moves ...store.Move) (wait func() []error) {
	t.Helper()
	errs := make([]error, len(moves))
	var all sync.WaitGroup
	before := db.Waiting()
	for i, m := range moves {
		all.Go(func() { errs[i] = db.Move(context.Background(), m) })
	}
	storetest.WaitFor(t, "all moves wait", func() bool { return db.Waiting() == before+len(moves) })
	return func() []error { all.Wait(); return errs }
}

// lockRow holds an account's row, as a peer does that hangs, until release is called.
func lockRow(t *testing.T, db *store.DB, id billing.AccountID) (release func()) {
	t.Helper()
	locked, free, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- db.InTx(context.Background(), func(tx *store.Tx) error {
			_, err := tx.LockAccount(context.Background(), id)
			close(locked)
			<-free
			return err
		})
	}()
	storetest.Next(t, locked)
	release = sync.OnceFunc(func() {
		close(free)
		if err := storetest.Next(t, ended); err != nil {
			t.Errorf("the transaction that held the row: %v", err)
		}
	})
	t.Cleanup(release)
	return release
}
