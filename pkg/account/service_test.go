package account

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// servedWorld is an account, its user and two services.
type servedWorld struct {
	claims       token.Claims
	key, rotated billing.ServiceKey
}

// served returns an account with 100 points whose window is open in its row, so that Stripe is not asked, the claims of
// a token of its user, and two service keys.
func served(t *testing.T, db *store.DB) (s *Service, w servedWorld) {
	t.Helper()
	s = newService(t, db)
	w.claims = holder(t, s, db)
	must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
		a, err := tx.LockAccount(t.Context(), w.claims.Account)
		if err != nil {
			return err
		}
		a.Subscription = &billing.Subscription{
			ID: "sub_1", Plan: "pro", Status: billing.SubActive, Window: w.claims.Subscription.Window,
			CurrentPeriodEnd: w.claims.Subscription.Window.Until,
		}
		return tx.SaveSubscription(t.Context(), a)
	}))
	w.key, _ = serviceKey(t, db)
	w.rotated, _ = serviceKey(t, db)
	return s, w
}

// TestServiceKeySpaces proves that services share one space of Idempotency-Keys for each account, and the customer has
// another. A repeat under a rotated service key is a repeat. A customer who knows or guesses a service's key can
// neither use it up nor replay it, and the other way round.
func TestServiceKeySpaces(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, w := served(t, db)
		id := w.claims.Account
		r := ledger.SpendRequest{Amount: 10, Key: "job-1"}
		mine, err := s.Spend(t.Context(), w.claims, r)
		must(t, err)
		first, err := s.SpendFor(t.Context(), w.key, id, r)
		must(t, err)
		again, err := s.SpendFor(t.Context(), w.rotated, id, r)
		must(t, err)
		if first.Replayed || !again.Replayed || again.Entry.ID != first.Entry.ID || first.Entry.ID == mine.Entry.ID {
			t.Errorf("the service's spend %+v, and with another service key %+v", first.Entry, again.Entry)
		}
		if first.Token != "" || again.Account.Available != 80 {
			t.Errorf("token %q, %d points, want none and 100 - 10 - 10", first.Token, again.Account.Available)
		}
		if repeat, err := s.Spend(t.Context(), w.claims, r); err != nil || repeat.Entry.ID != mine.Entry.ID {
			t.Errorf("the customer's repeat: %+v, %v", repeat.Entry, err)
		}
		by := func(e billing.Entry) billing.Actor { return e.By }
		if by(mine.Entry) != (billing.Actor{Kind: billing.ActorCustomer}) || by(first.Entry) != w.key.Actor() ||
			by(again.Entry) != w.key.Actor() {
			t.Errorf("by %v, %v and %v", by(mine.Entry), by(first.Entry), by(again.Entry))
		}
		r.Amount = 11
		if _, err := s.SpendFor(t.Context(), w.key, id, r); billing.CodeOf(err) != billing.EKeyReused {
			t.Errorf("another request under the key: %v", err)
		}
		sound(t, db, id)
	})
}

// TestHoldsCross proves that a hold that a token took can be captured or released by a service as long as it lives,
// long after the token, and that the customer can end a service's hold. Each entry says who did it.
func TestHoldsCross(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s, w := served(t, db)
		id := w.claims.Account
		take := func(key string) ledger.HoldRequest {
			return ledger.HoldRequest{Amount: 10, TTL: 6 * time.Hour, Key: key}
		}
		captured, err := s.Hold(t.Context(), w.claims, take("1"))
		must(t, err)
		released, err := s.Hold(t.Context(), w.claims, take("2"))
		must(t, err)
		own, err := s.HoldFor(t.Context(), w.key, id, take("1"))
		must(t, err)
		late, err := s.Hold(t.Context(), w.claims, ledger.HoldRequest{Amount: 10, TTL: time.Hour, Key: "3"})
		must(t, err)

		clock.Set(clock.Now().Add(2 * time.Hour)) // the token lived 15 minutes
		part := ledger.CaptureRequest{Hold: captured.Hold.ID, Amount: 4, Key: "c"}
		one, err := s.CaptureFor(t.Context(), w.key, id, part)
		must(t, err)
		two, err := s.ReleaseFor(t.Context(), w.rotated, id, ledger.ReleaseRequest{Hold: released.Hold.ID, Key: "r"})
		must(t, err)
		three, err := s.Capture(t.Context(), w.claims, ledger.CaptureRequest{Hold: own.Hold.ID, Key: "c"})
		must(t, err)
		if one.Hold.Captured != 4 || two.Hold.Status != billing.HoldReleased || three.Hold.Captured != 10 ||
			one.Token != "" || three.Token == "" || three.Account.Available != 100-4-10 {
			t.Errorf("%+v, %+v, %+v, %d points", one.Hold, two.Hold, three.Hold, three.Account.Available)
		}
		again, err := s.CaptureFor(t.Context(), w.rotated, id, part)
		if err != nil || !again.Replayed {
			t.Errorf("the repeat of the capture: %+v, %v", again, err)
		}
		_, err = s.CaptureFor(t.Context(), w.key, id, ledger.CaptureRequest{Hold: late.Hold.ID, Key: "l"})
		if billing.CodeOf(err) != billing.EConflict {
			t.Errorf("a hold that has expired: %v", err)
		}
		entries, err := db.Entries(t.Context(), id, "", 20)
		must(t, err)
		var who []string
		for _, e := range entries {
			if e.HoldID != "" {
				who = append(who, fmt.Sprint(e.Kind, " ", e.By.Kind, e.By.ID))
			}
		}
		want := []string{
			"capture customer", "release service" + string(w.rotated.ID), "capture service" + string(w.key.ID),
			"release ", // the clock
			"hold customer", "hold service" + string(w.key.ID), "hold customer", "hold customer",
		}
		if fmt.Sprint(who) != fmt.Sprint(want) {
			t.Errorf("who did it:\n%q, want\n%q", who, want)
		}
		sound(t, db, id)
	})
}

// TestServiceIsRefused proves that an account or a hold that does not exist is not found, and that the error says which
// of the two.
func TestServiceIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, w := served(t, db)
		const account, hold = "not-found: No such account.", "not-found: No such hold."
		refused := func(what string, err error, want string) {
			t.Helper()
			if err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		_, err := s.SpendFor(t.Context(), w.key, "acc_nobody", ledger.SpendRequest{Amount: 1, Key: "k"})
		refused("spend", err, account)
		_, err = s.HoldFor(t.Context(), w.key, "acc_nobody", ledger.HoldRequest{Amount: 1, TTL: time.Hour, Key: "k"})
		refused("hold", err, account)
		_, err = s.GrantFor(t.Context(), w.key, "acc_nobody", ServiceGrant{Amount: 1, Reference: "r", Key: "k"})
		refused("grant", err, account)
		for id, want := range map[billing.AccountID]string{"acc_nobody": account, w.claims.Account: hold} {
			_, err = s.CaptureFor(t.Context(), w.key, id, ledger.CaptureRequest{Hold: "hld_nobody", Key: "k"})
			refused("capture", err, want)
			_, err = s.ReleaseFor(t.Context(), w.key, id, ledger.ReleaseRequest{Hold: "hld_nobody", Key: "k"})
			refused("release", err, want)
		}
	})
}

// TestOpenOnce proves that an external id is one account's, however many requests come at once. The account has no
// email, and a second one has none either.
func TestOpenOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		var all errgroup.Group
		var mu sync.Mutex
		ids, made := map[billing.AccountID]int{}, 0
		for range 20 {
			all.Go(func() error {
				id, first, err := s.Open(context.Background(), "user-1")
				mu.Lock()
				defer mu.Unlock()
				ids[id]++
				if first {
					made++
				}
				return err
			})
		}
		must(t, all.Wait())
		if len(ids) != 1 || made != 1 {
			t.Errorf("%d accounts, made %d times", len(ids), made)
		}
		two, first, err := s.Open(t.Context(), "user-2")
		must(t, err)
		same, again, err := s.Open(t.Context(), "user-2")
		must(t, err)
		a, err := s.ByExternalID(t.Context(), "user-2")
		must(t, err)
		if !first || again || same != two || a.ID != two || a.Email != "" || a.ExternalID != "user-2" || ids[two] > 0 {
			t.Errorf("made %s, then %s: %+v", two, same, a)
		}
		if _, err := s.ByExternalID(t.Context(), "user-3"); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("an id that no one has: %v", err)
		}
		if emails := storetest.Count(t, db, "SELECT COUNT(*) FROM emails"); emails != 0 {
			t.Errorf("%d emails, want none", emails)
		}
	})
}

// TestNamed proves that a name is an account's id, else an email in any spelling, else an external id, whatever the
// external id looks like.
func TestNamed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, ada := newService(t, db), storetest.NewAccount(t, db)
		open := func(externalID string) billing.AccountID {
			id, _, err := s.Open(t.Context(), externalID)
			must(t, err)
			return id
		}
		plain, likeID, likeEmail := open("user-1"), open("acc_42"), open("bob@example.com")
		open(string(ada.ID)) // the id and the email of another account, which come first
		open(ada.Email)
		for name, want := range map[string]billing.AccountID{
			string(plain): plain, "user-1": plain, "acc_42": likeID, "bob@example.com": likeEmail,
			string(ada.ID): ada.ID, ada.Email: ada.ID, " " + strings.ToUpper(ada.Email): ada.ID,
		} {
			if a, err := Named(t.Context(), db, name); err != nil || a.ID != want {
				t.Errorf("%q is %s, %v, want %s", name, a.ID, err, want)
			}
		}
		for _, name := range []string{"acc_nobody", "user-3", "nobody@example.com", ""} {
			if _, err := Named(t.Context(), db, name); billing.CodeOf(err) != billing.ENotFound {
				t.Errorf("named %q: %v", name, err)
			}
		}
	})
}

// TestNoPassword proves that no password opens an account without one, not even the empty one and the decoy's, and that
// the response is the one to a wrong password.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.InsertAccount(t.Context(), billing.Account{
				ID: billing.NewAccountID(tx.Now), Email: "ada@example.com", Version: 1, Role: billing.RoleUser,
				Sync: billing.SyncState{BudgetAt: tx.Now}, CreatedAt: tx.Now,
			})
		}))
		_, wrong := s.Login(t.Context(), "nobody@example.com", password)
		for _, try := range []string{"", password, "no password of anybody's"} {
			_, err := s.Login(t.Context(), "ada@example.com", try)
			if billing.CodeOf(err) != billing.EUnauthorized || err.Error() != wrong.Error() {
				t.Errorf("%q: %v, want %v", try, err, wrong)
			}
		}
	})
}
