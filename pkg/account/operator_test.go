package account

import (
	"fmt"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestOperatorSyncs proves what a support desk does when paid points are missing: the comparison names what is missing
// and changes nothing, and a sync brings it. The request is recorded once for each key, also if Stripe is away.
func TestOperatorSyncs(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		w := newWorld(t, dialect, nil)
		w.subscribe("basic_monthly")
		ctx, d := t.Context(), Decision{By: billing.AdminID(w.id), Reason: "paid, no points", Key: "k1"}
		found, err := w.s.Drift(ctx, w.id)
		if err != nil || len(found) == 0 {
			t.Errorf("the comparison found %v (%v)", found, err)
		}
		w.Gate.Drop()
		if _, _, err := w.s.SyncNow(ctx, w.id, d); billing.CodeOf(err) != billing.EStripeUnavailable {
			t.Errorf("without Stripe: %v", err)
		}
		w.Gate.Open()
		a, replayed, err := w.s.SyncNow(ctx, w.id, d)
		if err != nil || !replayed || a.Available != 500 {
			t.Errorf("the repeat: %d points, replayed %v (%v)", a.Available, replayed, err)
		}
		if found, err := w.s.Drift(ctx, w.id); err != nil || len(found) != 0 {
			t.Errorf("afterwards it found %v (%v)", found, err)
		}
		for what, r := range map[billing.Code]Decision{
			billing.EKeyReused: {Reason: "another", Key: "k1"}, billing.EInvalid: {Reason: " ", Key: "k2"},
		} {
			if _, _, err := w.s.SyncNow(ctx, w.id, r); billing.CodeOf(err) != what {
				t.Errorf("%+v: %v, want %s", r, err, what)
			}
		}
		byCustomer, err := w.s.ByCustomer(ctx, w.customer)
		if _, no := w.s.ByCustomer(ctx, "cus_none"); err != nil || byCustomer.ID != w.id ||
			billing.CodeOf(no) != billing.ENotFound {
			t.Errorf("by customer %s (%v), and by none: %v", byCustomer.ID, err, no)
		}
		if got := logged(t, w.db, w.id, 10); got != fmt.Sprintf("sync by %s: paid, no points\n", w.id) {
			t.Errorf("recorded are %q", got)
		}
	})
}

// TestEndSessionsIsRecorded proves that all logins of an account end, and who ended them is recorded in the same
// transaction: where it cannot be recorded, no login ends.
func TestEndSessionsIsRecorded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, a := newService(t, db), storetest.NewAccount(t, db)
		login(t, db, a.ID)
		end := func() error {
			_, err := EndSessions(t.Context(), db, a.ID, Decision{By: "acc_admin", Reason: "a lost phone", Key: "k"})
			return err
		}
		live := func() int {
			t.Helper()
			logins, err := s.LoginsOf(t.Context(), a.ID)
			must(t, err)
			return len(logins)
		}
		storetest.Exec(t, db, "ALTER TABLE admin_actions RENAME TO out_of_reach")
		if err := end(); err == nil || live() != 1 {
			t.Errorf("what cannot be recorded is done: %v, %d logins live", err, live())
		}
		storetest.Exec(t, db, "ALTER TABLE out_of_reach RENAME TO admin_actions")
		must(t, end())
		must(t, end()) // a repeat
		if got := logged(t, db, a.ID, 10); live() != 0 || got != "end_sessions by acc_admin: a lost phone\n" {
			t.Errorf("%d logins live, and recorded is %q", live(), got)
		}
	})
}

// TestActionLog proves that the log has what was done to accounts and to things of no account, latest first and in
// pages, with the email of the admin and the points that moved.
func TestActionLog(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, a, admin := newService(t, db), storetest.NewAccount(t, db), storetest.NewAccount(t, db)
		ctx, by := t.Context(), billing.AdminID(admin.ID)
		grant := Adjustment{Action: billing.ActionGrant, Amount: 50, Reason: "sorry", Key: "1"}
		_, err := s.Adjust(ctx, by, a.ID, grant)
		must(t, err)
		key, _, err := CreateKey(ctx, db, "", KeyRequest{Name: "shop", Scopes: []billing.Scope{billing.ScopeRead}})
		must(t, err)
		for range 2 {
			_, err = RevokeKey(ctx, db, by, key.ID)
			must(t, err)
		}
		want := fmt.Sprintf("key.revoke by %s: shop: read\nkey.create by : shop: read\ngrant by %s: sorry\n", by, by)
		for _, size := range []int{1, 2, 10} {
			if got := logged(t, db, "", size); got != want {
				t.Errorf("pages of %d have %q, want %q", size, got, want)
			}
		}
		first, err := db.AdminActions(ctx, a.ID, "", 10)
		if err != nil || len(first) != 1 || first[0].Amount != 50 || first[0].AdminEmail != admin.Email ||
			first[0].AccountID != a.ID {
			t.Errorf("of the account: %+v (%v)", first, err)
		}
	})
}

// logged returns the log of an account, or of all, read in pages of a size.
func logged(t *testing.T, db *store.DB, id billing.AccountID, size int) (all string) {
	t.Helper()
	for before := billing.ActionID(""); ; {
		page, err := db.AdminActions(t.Context(), id, before, size)
		must(t, err)
		for _, a := range page {
			all += fmt.Sprintf("%s by %s: %s\n", a.Action, a.AdminID, a.Reason)
			before = a.ID
		}
		if len(page) < size {
			return all
		}
	}
}
