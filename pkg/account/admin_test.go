package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// TestRole proves that only the row makes an admin, from one request to the next, whatever a token says.
func TestRole(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		a := storetest.NewAccount(t, db)
		claims := token.Claims{Account: a.ID, Login: login(t, db, a.ID)}
		want := func(code billing.Code) {
			t.Helper()
			if err := s.RequireAdmin(t.Context(), claims); billing.CodeOf(err) != code {
				t.Errorf("got %v, want %q", err, code)
			}
		}
		set := func(role billing.Role, changes bool) {
			t.Helper()
			changed, err := SetRole(t.Context(), db, strings.ToUpper(a.Email), role)
			if err != nil || changed != changes {
				t.Errorf("changed: %v, %v", changed, err)
			}
		}
		want(billing.ENotFound)
		set(billing.RoleAdmin, true)
		set(billing.RoleAdmin, false)
		want("")
		set(billing.RoleUser, true)
		want(billing.ENotFound)
		for _, email := range []string{"nobody@example.com", "nothing"} {
			if _, err := SetRole(t.Context(), db, email, billing.RoleAdmin); err == nil {
				t.Errorf("%s became an admin", email)
			}
		}
		if err := s.RequireAdmin(
			t.Context(), token.Claims{Account: "acc_gone"},
		); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("of an account that is gone: %v", err)
		}
	})
}

// TestAdjustOnce proves that an admin's key has one effect however many copies of the request race, and that the copies
// are marked as repeats. Neither another request nor the other kind of request succeeds under it.
func TestAdjustOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, a := newService(t, db), storetest.NewAccount(t, db)
		admin, end := storetest.NewAccount(t, db), db.Now().Add(time.Hour)
		grant := Adjustment{Action: billing.ActionGrant, Amount: 100, Reason: "sorry", ExpiresAt: &end, Key: "k1"}
		first := together(t, s, billing.AdminID(admin.ID), a.ID, grant, 100)
		correct := Adjustment{Action: billing.ActionCorrection, Amount: 30, Reason: "too many", Key: "k2"}
		together(t, s, billing.AdminID(admin.ID), a.ID, correct, 70)

		for name, r := range map[string]Adjustment{
			"Amount": {Action: billing.ActionGrant, Amount: 99, Reason: "sorry", ExpiresAt: &end, Key: "k1"},
			"Reason": {Action: billing.ActionGrant, Amount: 100, Reason: "sorry!", ExpiresAt: &end, Key: "k1"},
			"Expiry": {Action: billing.ActionGrant, Amount: 100, Reason: "sorry", Key: "k1"},
			"Kind":   {Action: billing.ActionCorrection, Amount: 100, Reason: "sorry", ExpiresAt: &end, Key: "k1"},
		} {
			_, err := s.Adjust(t.Context(), billing.AdminID(admin.ID), a.ID, r)
			if billing.CodeOf(err) != billing.EKeyReused {
				t.Errorf("%s: got %v, want %s", name, err, billing.EKeyReused)
			}
		}
		// The customer's keys are separate: neither can use up the other's.
		if _, err := ledger.Spend(t.Context(), db, a.ID, ledger.SpendRequest{Amount: 1, Key: "k1"}); err != nil {
			t.Errorf("a spend under a key of the admin's: %v", err)
		}
		other := storetest.NewAccount(t, db)
		if done, err := s.Adjust(
			t.Context(), billing.AdminID(admin.ID), other.ID, grant,
		); err != nil || done.Replayed || done.Entry.ID == first.ID {
			t.Errorf("the same key for another account: %+v, %v", done, err)
		}
		sound(t, db, a.ID)
	})
}

// TestAdjustRefusals proves that a refused adjustment changes nothing and leaves its key unused.
func TestAdjustRefusals(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s, a := newService(t, db), storetest.NewAccount(t, db)
		refused := func(code billing.Code, id billing.AccountID, r Adjustment) {
			t.Helper()
			r.Key, r.Reason = "k", "because"
			if _, err := s.Adjust(t.Context(), billing.AdminID(a.ID), id, r); billing.CodeOf(err) != code {
				t.Errorf("%+v: got %v, want %s", r, err, code)
			}
		}
		now := clock.Now()
		refused(billing.EConflict, a.ID, Adjustment{Action: billing.ActionCorrection, Amount: 1})
		refused(billing.EInvalid, a.ID, Adjustment{Action: billing.ActionGrant, Amount: 1, ExpiresAt: &now})
		refused(billing.ENotFound, "acc_nobody", Adjustment{Action: billing.ActionGrant, Amount: 1})
		for _, blank := range []string{"", "  ", "\u200b\u00a0", "\u3164"} {
			for _, action := range []billing.ActionKind{billing.ActionGrant, billing.ActionCorrection} {
				_, err := s.Adjust(
					t.Context(), billing.AdminID(a.ID), a.ID,
					Adjustment{Action: action, Amount: 1, Reason: blank, Key: "k"},
				)
				if _, unparked := Unpark(
					t.Context(), db, a.ID, Decision{Reason: blank},
				); billing.CodeOf(err) != billing.EInvalid || billing.CodeOf(unparked) != billing.EInvalid {
					t.Errorf("the reason %q: %v, %v", blank, err, unparked)
				}
			}
		}
		done, err := s.Adjust(
			t.Context(), billing.AdminID(a.ID), a.ID,
			Adjustment{Action: billing.ActionGrant, Amount: 5, Reason: "because", Key: "k"},
		)
		if err != nil || done.Replayed || done.Account.Available != 5 {
			t.Errorf("under the key that was refused before: %+v, %v", done, err)
		}
		sound(t, db, a.ID)
	})
}

// together sends twenty copies of one request at once and returns the entry that all of them got.
func together(
	t *testing.T, s *Service, by billing.AdminID, id billing.AccountID, r Adjustment, available billing.Points,
) billing.Entry {
	t.Helper()
	var group sync.WaitGroup
	var mu sync.Mutex
	var all []Adjusted
	var failed error
	for range 20 {
		group.Go(func() {
			done, err := s.Adjust(context.Background(), by, id, r)
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, done), errors.Join(failed, err)
		})
	}
	group.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	firsts := 0
	for _, done := range all {
		if !done.Replayed {
			firsts++
		}
		if done.Entry.ID != all[0].Entry.ID || done.Account.Available != available {
			t.Errorf(
				"entry %s and %d points, want %s and %d", done.Entry.ID, done.Account.Available, all[0].Entry.ID,
				available,
			)
		}
	}
	if firsts != 1 {
		t.Errorf("%d of 20 copies were the first", firsts)
	}
	return all[0].Entry
}

func sound(t *testing.T, db *store.DB, id billing.AccountID) {
	t.Helper()
	if err := ledger.Audit(context.Background(), db, id); err != nil {
		t.Error(err)
	}
}

// login makes a valid login of an account.
func login(t *testing.T, db *store.DB, id billing.AccountID) billing.SessionID {
	t.Helper()
	l := billing.Login{
		ID: billing.NewSessionID(db.Now()), AccountID: id, CreatedAt: db.Now(), ExpiresAt: db.Now().Add(loginTTL),
	}
	must(t, db.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertLogin(t.Context(), l) }))
	return l.ID
}
