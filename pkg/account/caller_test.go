package account

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// holder returns the claims of an account with 100 points. Its login is valid and its token's window is open, so that
// Stripe is not asked.
func holder(t *testing.T, s *Service, db *store.DB) token.Claims {
	t.Helper()
	a := storetest.NewAccount(t, db)
	_, err := s.Adjust(
		t.Context(), "", a.ID, Adjustment{Action: billing.ActionGrant, Amount: 100, Reason: "to hold", Key: "start"},
	)
	must(t, err)
	now := db.Now()
	return token.Claims{
		Account: a.ID, Login: login(t, db, a.ID), IssuedAt: now, ExpiresAt: now.Add(token.TTL),
		Subscription: &token.Subscription{
			Plan:   "pro",
			Status: billing.SubActive,
			Window: &billing.Window{From: now.Add(-time.Hour), Until: now.Add(time.Hour)},
		},
	}
}

// Proves that a hold, its capture and its release change the points by the requested amount. A repeat says that it is
// one and changes nothing. The token of each response shows the account as it then is. With 30 of 100 held, 70 are
// left. When 20 of the 30 are captured, 10 come back: 80. When 5 are held and released: 80.
func TestHoldsAndTokens(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		c := holder(t, s, db)
		check := func(h Held, err error, replayed bool, available billing.Points) {
			t.Helper()
			must(t, err)
			said, err := s.tokens.Parse(h.Token)
			must(t, err)
			if h.Replayed != replayed || h.Stale || h.Account.Available != available || said.Points != available ||
				said.Version != h.Account.Version || said.Account != c.Account {
				t.Errorf(
					"replayed %v, stale %v, %d points, want %v, false, %d; the token says %+v", h.Replayed, h.Stale,
					h.Account.Available, replayed, available, said,
				)
			}
		}
		first, err := s.Hold(t.Context(), c, ledger.HoldRequest{Amount: 30, TTL: time.Hour, Key: "h1"})
		check(first, err, false, 70)
		again, err := s.Hold(t.Context(), c, ledger.HoldRequest{Amount: 30, TTL: time.Hour, Key: "h1"})
		check(again, err, true, 70)
		if first.Hold.ID == "" || again.Hold.ID != first.Hold.ID || first.Hold.Amount != 30 {
			t.Errorf("the repeat is of another hold: %+v, %+v", first.Hold, again.Hold)
		}
		captured, err := s.Capture(t.Context(), c, ledger.CaptureRequest{Hold: first.Hold.ID, Amount: 20, Key: "c1"})
		check(captured, err, false, 80)
		second, err := s.Hold(t.Context(), c, ledger.HoldRequest{Amount: 5, TTL: time.Hour})
		check(second, err, false, 75)
		released, err := s.Release(t.Context(), c, ledger.ReleaseRequest{Hold: second.Hold.ID})
		check(released, err, false, 80)
		if _, err := s.Release(
			t.Context(), c, ledger.ReleaseRequest{Hold: second.Hold.ID},
		); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("a hold ended twice: %v", err)
		}
		if _, err := s.Capture(
			t.Context(), c, ledger.CaptureRequest{Hold: "hld_nowhere"},
		); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("a hold that is not there: %v", err)
		}
		sound(t, db, c.Account)
	})
}

// Proves who is let in: a caller whose account exists, an admin with a valid login, and no one else, whatever their
// token says.
func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newService(t, db)
		c := holder(t, s, db)
		gone := token.Claims{Account: "acc_nobody", Login: c.Login}
		want := func(what string, err error, code billing.Code) {
			t.Helper()
			if billing.CodeOf(err) != code {
				t.Errorf("%s: got %v, want %q", what, err, code)
			}
		}
		want("a caller who is there", s.RequireLogin(t.Context(), c), "")
		want("a caller who is gone", s.RequireLogin(t.Context(), gone), billing.EUnauthorized)
		want("a user at an admin's address", s.RequireAdmin(t.Context(), c), billing.ENotFound)
		want("a caller who is gone, at an admin's address", s.RequireAdmin(t.Context(), gone), billing.EUnauthorized)
		a, err := db.Account(t.Context(), c.Account)
		must(t, err)
		_, err = SetRole(t.Context(), db, a.Email, billing.RoleAdmin)
		must(t, err)
		want("an admin", s.RequireAdmin(t.Context(), c), "")
		other := c
		other.Login = "ses_nowhere"
		want("an admin by a login that is not there", s.RequireAdmin(t.Context(), other), billing.EUnauthorized)
		clock.Advance(loginTTL)
		want("an admin whose login ran out", s.RequireAdmin(t.Context(), c), billing.EUnauthorized)
	})
}

// Proves that a caller gets back the threshold that they set, that nil resets it, and that another account keeps its
// threshold.
func TestThreshold(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		c, other := holder(t, s, db), holder(t, s, db)
		seven := billing.Points(7)
		must(t, s.SetThreshold(t.Context(), c, &seven))
		if got, err := s.Threshold(t.Context(), c); err != nil || got == nil || *got != 7 {
			t.Errorf("got %v, %v, want 7", got, err)
		}
		if got, err := s.Threshold(t.Context(), other); err != nil || got != nil {
			t.Errorf("another account: %v, %v", got, err)
		}
		must(t, s.SetThreshold(t.Context(), c, nil))
		if got, err := s.Threshold(t.Context(), c); err != nil || got != nil {
			t.Errorf("taken back: %v, %v", got, err)
		}
		nobody := token.Claims{Account: "acc_nobody"}
		_, err := s.Threshold(t.Context(), nobody)
		if billing.CodeOf(err) != billing.EUnauthorized || billing.CodeOf(
			s.SetThreshold(t.Context(), nobody, nil),
		) != billing.EUnauthorized {
			t.Errorf("of an account that is gone: %v", err)
		}
	})
}
