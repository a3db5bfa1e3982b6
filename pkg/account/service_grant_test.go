package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestGrantToClosed proves that a disabled account gets what a service grants, and that one whose deletion was asked
// for does not. A repeat of a grant from before still gets its outcome.
func TestGrantToClosed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, w := served(t, db)
		grant := func(reference string) (Granted, error) {
			return s.GrantFor(t.Context(), w.key, w.claims.Account, ServiceGrant{
				Amount: 5, Reference: reference, Key: reference,
			})
		}
		_, err := Disable(t.Context(), db, w.claims.Account, Decision{Reason: "fraud?"})
		must(t, err)
		_, err = grant("before")
		must(t, err)
		storetest.Change(t, db, w.claims.Account, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			return tx.SetDeleting(ctx, a.ID)
		})
		if _, err := grant("after"); billing.CodeOf(err) != billing.EAccountClosed {
			t.Errorf("%v", err)
		}
		if again, err := grant("before"); err != nil || !again.Replayed || again.Account.Available != 105 {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

// TestGrantOnce proves that one reference grants once to an account, under whatever Idempotency-Key and from whichever
// service, however many requests come at once. Another account has the reference for itself.
func TestGrantOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, w := served(t, db)
		id, other := w.claims.Account, storetest.NewAccount(t, db).ID
		var all errgroup.Group
		var mu sync.Mutex
		entries, fresh := map[billing.EntryID]int{}, 0
		for n := range 20 {
			all.Go(func() error {
				key := []billing.ServiceKey{w.key, w.rotated}[n%2]
				got, err := s.GrantFor(context.Background(), key, id, ServiceGrant{
					Amount: 50, Reference: "receipt-1", Key: fmt.Sprint("k", n/2),
					Metadata: map[string]string{"store": "app"},
				})
				mu.Lock()
				defer mu.Unlock()
				entries[got.Entry.ID]++
				if !got.Replayed {
					fresh++
				}
				return err
			})
		}
		must(t, all.Wait())
		a, err := db.Account(t.Context(), id)
		must(t, err)
		if len(entries) != 1 || fresh != 1 || a.Available != 150 {
			t.Errorf("%d entries, %d of them first, %d points, want 1, 1 and 100 + 50", len(entries), fresh, a.Available)
		}
		got, err := s.GrantFor(t.Context(), w.key, other, ServiceGrant{Amount: 7, Reference: "receipt-1", Key: "k0"})
		if err != nil || got.Replayed || got.Account.Available != 7 || got.Entry.By != w.key.Actor() {
			t.Errorf("the same reference of another account: %+v, %v", got, err)
		}
		for what, c := range map[string]struct {
			r    ServiceGrant
			code billing.Code
		}{
			"another amount under the reference": {
				ServiceGrant{Amount: 51, Reference: "receipt-1", Key: "new"}, billing.EConflict,
			},
			"another request under the key": {
				ServiceGrant{Amount: 50, Reference: "receipt-2", Key: "won"}, billing.EKeyReused,
			},
			"an end that was": {
				ServiceGrant{Amount: 1, Reference: "receipt-3", Key: "past", ExpiresAt: new(db.Now())},
				billing.EInvalid,
			},
		} {
			if c.r.Key == "won" { // a key that granted
				won := ServiceGrant{Amount: 1, Reference: "receipt-4", Key: "won"}
				_, err := s.GrantFor(t.Context(), w.key, id, won)
				must(t, err)
			}
			if _, err := s.GrantFor(t.Context(), w.key, id, c.r); billing.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %s", what, err, c.code)
			}
		}
		sound(t, db, id)
	})
}

// TestGrantExpires proves that the lot of a service's grant ends when the request says, and that its repeat still is
// one.
func TestGrantExpires(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s, w := served(t, db)
		id := storetest.NewAccount(t, db).ID
		end := clock.Now().Add(time.Hour)
		_, err := s.GrantFor(t.Context(), w.key, id, ServiceGrant{Amount: 5, Reference: "r", Key: "k", ExpiresAt: &end})
		must(t, err)
		_, lots, err := ledger.Show(t.Context(), db, id)
		if err != nil || len(lots) != 1 || lots[0].Source != "service:r" || !lots[0].ExpiresAt.Equal(end) {
			t.Errorf("the lot: %+v, %v", lots, err)
		}
		clock.Set(end)
		again, err := s.GrantFor(
			t.Context(), w.key, id, ServiceGrant{Amount: 5, Reference: "r", Key: "k", ExpiresAt: &end},
		)
		if err != nil || !again.Replayed || again.Account.Available != 0 {
			t.Errorf("the repeat after its end: %+v, %v", again, err)
		}
		sound(t, db, id)
	})
}

// TestGrantsTakeTurns proves that two grants of one reference, both on their way before either has its effect, are one
// grant and a repeat: each looks for the reference only under the account's lock.
func TestGrantsTakeTurns(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	s, w := served(t, db)
	id := w.claims.Account
	locked, release := make(chan struct{}), make(chan struct{})
	var holder, all errgroup.Group
	holder.Go(func() error {
		return db.InTx(context.Background(), func(tx *store.Tx) error {
			_, err := tx.LockAccount(context.Background(), id)
			close(locked)
			<-release
			return err
		})
	})
	<-locked
	entries := make([]billing.EntryID, 2)
	for n := range entries {
		all.Go(func() error {
			got, err := s.GrantFor(context.Background(), w.key, id, ServiceGrant{
				Amount: 5, Reference: "receipt", Key: fmt.Sprint("k", n),
			})
			entries[n] = got.Entry.ID
			return err
		})
	}
	storetest.WaitFor(t, "both grants wait", func() bool {
		return storetest.Count(t, db, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 2
	})
	close(release)
	if err := errors.Join(holder.Wait(), all.Wait()); err != nil || entries[0] != entries[1] {
		t.Errorf("the entries %v, %v", entries, err)
	}
	sound(t, db, id)
}
