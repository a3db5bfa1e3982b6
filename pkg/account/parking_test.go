package account

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// park makes an account's grants wait, as a sync does.
func park(t *testing.T, db *store.DB, id billing.AccountID) {
	t.Helper()
	storetest.Change(t, db, id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		a.Parking = billing.Parking{At: &tx.Now, Reason: "too many grants"}
		return tx.SaveParking(ctx, a)
	})
}

// Proves that unparking approves the waiting grants and makes them due now, once for each key. A repeat changes
// nothing, and another reason under the key is refused. An account that is not parked is a conflict that leaves the key
// unused. The action is recorded with who did it, and why.
func TestUnpark(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		a, admin := storetest.NewAccount(t, db), storetest.NewAccount(t, db)
		u := Decision{By: billing.AdminID(admin.ID), Reason: "a school", Key: "u1"}
		if _, err := Unpark(t.Context(), db, a.ID, u); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("an account that is not parked: %v", err)
		}
		if _, err := Unpark(t.Context(), db, "acc_nobody", u); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("an account that is not there: %v", err)
		}
		park(t, db, a.ID)
		clock.Advance(time.Minute)
		if replayed, err := Unpark(t.Context(), db, a.ID, u); err != nil || replayed {
			t.Fatalf("replayed %v, %v", replayed, err)
		}
		check := func(what string) {
			t.Helper()
			now, err := db.Account(t.Context(), a.ID)
			must(t, err)
			p, due := now.Parking, now.Sync.NextGrantAt
			if p.At != nil || !p.Approved || p.EndedAt == nil || !p.EndedAt.Equal(clock.Now()) || due == nil ||
				!due.Equal(clock.Now()) {
				t.Errorf("%s: %+v, due %v, want it approved at %s", what, p, due, clock.Now())
			}
		}
		check("unparked")
		if replayed, err := Unpark(t.Context(), db, a.ID, u); err != nil || !replayed {
			t.Errorf("the repeat: replayed %v, %v", replayed, err)
		}
		check("repeated")
		other := u
		other.Reason = "another school"
		if _, err := Unpark(t.Context(), db, a.ID, other); billing.CodeOf(err) != billing.EKeyReused {
			t.Errorf("another reason under the key: %v", err)
		}
		if _, err := Unpark(
			t.Context(), db, a.ID, Decision{Reason: "by hand"},
		); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("a second one without a key: %v", err)
		}
		park(t, db, a.ID)
		if replayed, err := Unpark(t.Context(), db, a.ID, Decision{Reason: "by hand"}); err != nil || replayed {
			t.Errorf("from the command line: replayed %v, %v", replayed, err)
		}
		story, err := db.Timeline(t.Context(), a.ID, store.EndOfTime, 10)
		must(t, err)
		noted := [3]string{string(billing.ActionUnpark), string(admin.ID), "a school"}
		if !slices.ContainsFunc(story, func(m billing.Moment) bool { return m.Parts == noted }) {
			t.Errorf("it is not recorded who unparked it: %+v", story)
		}
	})
}

// Proves that unparking by the service syncs at once, so that the waiting points are there when it returns. The example
// is a yearly plan that grants 500 points a month, of which one month has begun. A repeat returns the account as it is.
func TestUnparkSyncs(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		w := yearly(t, dialect)
		park(t, w.db, w.id)
		for n, replays := range []bool{false, true} {
			got, replayed, err := w.s.Unpark(t.Context(), w.id, Decision{Reason: "looked at", Key: "k"})
			if err != nil || replayed != replays || got.ID != w.id || got.Available != 500 {
				t.Errorf("call %d: %d points of %q, replayed %v, %v", n+1, got.Available, got.ID, replayed, err)
			}
		}
	})
}

// Proves that a follower of an account is signalled when the account changes and when the login ends, also if the login
// ended before the watch began.
func TestFollow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		c := holder(t, s, db)
		w, err := s.Follow(t.Context(), c)
		must(t, err)
		a, err := db.Account(t.Context(), c.Account)
		must(t, err)
		w.mark(billing.Account{Version: a.Version})
		_, err = s.Adjust(
			t.Context(), "", c.Account, Adjustment{Action: billing.ActionGrant, Amount: 1, Reason: "news", Key: "news"},
		)
		must(t, err)
		hears(t, w)
		if w.Ended() || s.Followers() != 1 {
			t.Errorf("ended %v, %d followers", w.Ended(), s.Followers())
		}
		w.mark(billing.Account{Version: a.Version + 1})
		must(
			t,
			db.InTx(
				t.Context(),
				func(tx *store.Tx) error { return tx.RevokeLogin(context.Background(), c.Account, c.Login) },
			),
		)
		for !w.Ended() {
			hears(t, w)
		}
		late, err := s.Follow(t.Context(), c)
		must(t, err)
		for !late.Ended() {
			hears(t, late)
		}
		late.Close()
		w.Close()
		w.Close()
		if s.Followers() != 0 {
			t.Errorf("%d followers after the end", s.Followers())
		}
	})
}

// hears waits until a follower is signalled.
func hears(t *testing.T, w *Watch) {
	t.Helper()
	select {
	case <-w.News:
	case <-time.After(time.Minute):
		t.Fatal("nothing was heard in a minute")
	}
}
