package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that moves that wait share one transaction, also those of one account, and that one key takes its point once
// however often it is in the batch.
func TestMovesShareATransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		other, accounts := rich(t, db), []billing.AccountID{rich(t, db), rich(t, db), rich(t, db)}
		var moves []store.Move
		var repeats atomic.Int64
		for i := range 30 {
			m := pay(accounts[i%3], fmt.Sprint("k", i/6))
			decide := m.Decide
			m.Decide = func(turn *store.Turn) {
				if turn.Used != nil {
					repeats.Add(1)
				}
				decide(turn)
			}
			moves = append(moves, m)
		}
		release, _ := occupy(t, db, other)
		wait := queue(t, db, moves...)
		release()
		if err := errors.Join(wait()...); err != nil {
			t.Fatal(err)
		}
		for _, id := range accounts { // each has the keys k0 to k4, twice
			a, err := db.Account(t.Context(), id)
			if err != nil || a.Available != 9_995 || a.Unsettled != 5 || entriesOf(t, db, id) != 5 {
				t.Errorf("%+v (%v), want 5 points less by 5 entries", a.Balance, err)
			}
		}
		if repeats.Load() != 15 {
			t.Errorf("%d repeats, want 15", repeats.Load())
		}
		if db.Dialect() == store.Postgres {
			n := storetest.Count(
				t, db, "SELECT count(DISTINCT xmin::text) FROM entries WHERE idempotency_key IS NOT NULL",
			)
			if n != 1 {
				t.Errorf("%d transactions, want 1", n)
			}
		}
	})
}

// Proves that an account whose row someone else holds delays no other account, and takes no connection that others
// need. Its own moves are refused with a Retry-After while the row is held. Afterwards they go through.
func TestHeldRowDelaysNoOneOnPostgres(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, store.Postgres)
	db, err := store.Open(t.Context(), store.Options{URL: url, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	peer := storetest.OpenURL(t, url, nil)
	held, free := rich(t, db), rich(t, db)
	release := lockRow(t, peer, held)
	refusals := make(chan error, 25)
	for range cap(refusals) {
		go func() { refusals <- db.Move(context.Background(), pay(held, "")) }()
	}
	storetest.WaitForLock(t, peer)
	for range 20 {
		if err := db.Move(t.Context(), pay(free, "")); err != nil {
			t.Fatalf("another account: %v", err)
		}
	}
	if _, err := db.Account(t.Context(), free); err != nil {
		t.Fatalf("a read: %v", err)
	}
	for range cap(refusals) {
		if err := storetest.Next(t, refusals); !isBusy(err) {
			t.Errorf("the held account: %v", err)
		}
	}
	release()
	if err := db.Move(t.Context(), pay(held, "")); err != nil {
		t.Errorf("the account that is held no longer: %v", err)
	}
	if n := entriesOf(t, db, held); n != 1 {
		t.Errorf("%d entries of the account that was held, want 1", n)
	}
}

// Proves that a busy account is not starved: its row is held by others again and again, for a moment each time, and
// every move gets through.
func TestBusyRowIsWaitedForOnPostgres(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	id := rich(t, db)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if err := db.InTx(context.Background(), func(tx *store.Tx) error {
				_, err := tx.LockAccount(context.Background(), id)
				return err
			}); err != nil {
				ended <- err
				return
			}
		}
	}()
	for i := range 50 {
		if err := db.Move(t.Context(), pay(id, "")); err != nil {
			t.Errorf("move %d: %v", i, err)
		}
	}
	close(stop)
	if err := storetest.Next(t, ended); err != nil {
		t.Error(err)
	}
}

// Proves that the move of a caller who went away while it waited for a row is not made.
func TestMoveOfACallerWhoIsGoneOnPostgres(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	id := rich(t, db)
	release := lockRow(t, db, id)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- db.Move(ctx, pay(id, "gone")) }()
	storetest.WaitForLock(t, db)
	cancel()
	if err := storetest.Next(t, gone); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	release()
	if err := db.Move(t.Context(), pay(id, "stays")); err != nil {
		t.Fatal(err)
	}
	if got := storetest.Dump(t, db, "SELECT idempotency_key FROM entries"); !strings.Contains(got, "stays") ||
		strings.Contains(got, "gone") {
		t.Errorf("the entries: %s", got)
	}
}

// Proves that a batch with a row that the database refuses leaves nothing behind, and sends each of its moves to make
// itself alone. The next batch goes through.
func TestOneBadRow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		other, id := rich(t, db), rich(t, db)
		bad := store.Move{Account: id, Decide: func(turn *store.Turn) {
			a, e := paid(turn.Account, turn.Now, "bad")
			e.Kind = "nonsense"
			turn.Write(a, e)
		}}
		release, _ := occupy(t, db, other)
		wait := queue(t, db, pay(id, "a"), bad, pay(rich(t, db), "b"))
		release()
		for _, err := range wait() {
			if !errors.Is(err, store.ErrAlone) {
				t.Errorf("got %v, want ErrAlone", err)
			}
		}
		if err := db.Move(t.Context(), pay(id, "later")); err != nil {
			t.Error(err)
		}
		if n := storetest.Count(t, db, "SELECT count(*) FROM entries WHERE idempotency_key IS NOT NULL"); n != 1 {
			t.Errorf("%d entries, want 1", n)
		}
	})
}

// Proves that a move that panics is sent to make itself alone, and takes nothing from those beside it.
func TestOnePanic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		other, id := rich(t, db), rich(t, db)
		release, _ := occupy(t, db, other)
		wait := queue(t, db, store.Move{Account: id, Decide: func(*store.Turn) { panic("a fault") }})
		beside := queue(t, db, pay(id, "a"))
		release()
		if err := wait()[0]; !errors.Is(err, store.ErrAlone) {
			t.Errorf("got %v, want ErrAlone", err)
		}
		if err := beside()[0]; err != nil || entriesOf(t, db, id) != 1 {
			t.Errorf("the move beside it: %v, with %d entries", err, entriesOf(t, db, id))
		}
	})
}

// Proves that the lane goes on after a batch that panics, with nothing left of it.
func TestLaneOutlivesAPanic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		id, fault := rich(t, db), errors.New("a fault")
		db.BeforeCommit(func(_ context.Context, _ *store.Tx, f *store.Facts) error {
			if len(f.Entries) > 0 && f.Entries[0].Key == "bad" {
				panic(fault)
			}
			return nil
		})
		if err := db.Move(t.Context(), pay(id, "bad")); err == nil || !strings.Contains(err.Error(), fault.Error()) {
			t.Errorf("got %v", err)
		}
		if err := db.Move(t.Context(), pay(id, "good")); err != nil || entriesOf(t, db, id) != 1 {
			t.Errorf("the next move: %v, with %d entries", err, entriesOf(t, db, id))
		}
	})
}

// Proves that one account can queue only so many moves, and that they take no place of others.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		busy, other := rich(t, db), rich(t, db)
		release, _ := occupy(t, db, other)
		moves := make([]store.Move, store.MaxOfOne)
		for i := range moves {
			moves[i] = pay(busy, "")
		}
		wait := queue(t, db, moves...)
		if err := db.Move(t.Context(), pay(busy, "")); !isBusy(err) {
			t.Errorf("one more: %v", err)
		}
		late := queue(t, db, pay(other, "late"))
		release()
		if err := errors.Join(append(wait(), late()...)...); err != nil {
			t.Fatal(err)
		}
		if n := entriesOf(t, db, busy); n != store.MaxOfOne {
			t.Errorf("%d entries, want %d", n, store.MaxOfOne)
		}
		if db.Dialect() != store.Postgres {
			return
		}
		// The move that came last shares the first batch, because the busy account leaves it room.
		first := storetest.Count(t, db, `SELECT count(*) FROM entries WHERE account_id = '`+string(busy)+`'
			AND xmin::text::bigint < (SELECT xmin::text::bigint FROM entries WHERE idempotency_key = 'late')`)
		if first > 0 {
			t.Errorf("%d moves of the busy account came before the other account's", first)
		}
	})
}

// Proves that a server that stops makes the moves that wait, and takes no new ones.
func TestCloseMakesWhatWaits(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		url := storetest.URL(t, dialect)
		db, err := store.Open(t.Context(), store.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		other, id := rich(t, db), rich(t, db)
		release, _ := occupy(t, db, other)
		wait := queue(t, db, pay(id, "a"), pay(id, "b"))
		closed := make(chan error, 1)
		go func() { closed <- db.Close() }()
		storetest.WaitFor(t, "new moves are refused", func() bool {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return billing.CodeOf(db.Move(ctx, pay(other, ""))) == billing.EUnavailable
		})
		release()
		if err := errors.Join(append(wait(), storetest.Next(t, closed))...); err != nil {
			t.Fatal(err)
		}
		if n := entriesOf(t, storetest.OpenURL(t, url, nil), id); n != 2 {
			t.Errorf("%d entries, want 2", n)
		}
	})
}

// Proves that a connection that is lost in the middle of a batch fails the batch clearly, and only that one.
func TestLostConnectionFailsTheBatchOnPostgres(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	lost, id := rich(t, db), rich(t, db)
	release, result := occupy(t, db, lost)
	wait := queue(t, db, pay(id, "a"), pay(id, "b"))
	storetest.Exec(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction'`)
	release()
	if err := storetest.Next(t, result); !isBusy(err) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(wait()...); err != nil {
		t.Error(err)
	}
	if n, m := entriesOf(t, db, lost), entriesOf(t, db, id); n != 0 || m != 2 {
		t.Errorf("%d and %d entries, want none and 2", n, m)
	}
}

// Proves that a batch writes every column of an entry, except the two that no spend has.
func TestBatchWritesWholeEntries(t *testing.T) {
	t.Parallel()
	statement, all := store.AppendedColumns()
	_, list, _ := strings.Cut(statement, "(")
	list, _, _ = strings.Cut(list, ")")
	written := strings.Fields(strings.ReplaceAll(list, ",", " "))
	for _, column := range all {
		if has := slices.Contains(written, column); has == (column == "lot_id" || column == "hold_id") {
			t.Errorf("the column %s is written: %t", column, has)
		}
	}
}

// Proves that a batch is counted among the transactions. If it were not, a database that is slow for spends alone would
// be seen by no alert.
func TestBatchIsCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		id, counts, registry := rich(t, db), metric.New("test"), prometheus.NewRegistry()
		db.CountIn(counts)
		registry.MustRegister(counts)
		if err := db.Move(t.Context(), pay(id, "")); err != nil {
			t.Fatal(err)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "pointsync_database_transaction_duration_seconds" {
				if n := f.GetMetric()[0].GetHistogram().GetSampleCount(); n != 1 {
					t.Errorf("%d transactions, want 1", n)
				}
				return
			}
		}
		t.Error("there is no such series")
	})
}
