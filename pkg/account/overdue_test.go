package account

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// renews returns a customer with 500 points of a month. The next period began three hours ago. Its renewal by the given
// card was reported by no event and seen by no sync. The window of the customer's token lasts a month from now.
func renews(t *testing.T, dialect store.Dialect, card string) *world {
	t.Helper()
	w := newWorld(t, dialect, nil)
	bought := w.subscribe("basic_monthly")
	_, err := w.syncer.Sync(t.Context(), w.id, billing.CauseEvent)
	must(t, err)
	a, err := w.db.Account(t.Context(), w.id)
	must(t, err)
	w.Ask(http.MethodPost, "/v1/subscriptions/"+bought, url.Values{"default_payment_method": {w.attach(card)}})
	w.Advance(a.Subscription.CurrentPeriodEnd.Sub(w.Now()) + 3*time.Hour)
	a.Subscription.Window = &billing.Window{From: w.Now().Add(-time.Hour), Until: w.Now().AddDate(0, 1, 0)}
	w.mint(a)
	return w
}

func (w *world) want(available billing.Points) {
	w.t.Helper()
	got, err := w.s.Read(w.t.Context(), w.claims)
	if err != nil || got.Account.Available != available {
		w.t.Errorf("%d points (%v), want %d", got.Account.Available, err, available)
	}
}

// TestReadBeforeSync proves that a read before the sync takes away nothing that the sync keeps. A renewal failed, or
// was paid, and its event is late. The 500 points are shown. A spend of 10 inside the window syncs first. If the
// renewal failed, 490 of them are left, which last for 72 hours. If it was paid, the old ones are replaced, and 490 of
// the new ones are left.
func TestReadBeforeSync(t *testing.T) {
	t.Parallel()
	for _, card := range []string{"pm_card_chargeCustomerFail", "pm_card_mastercard"} {
		t.Run(card, func(t *testing.T) {
			t.Parallel()
			storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
				w := renews(t, dialect, card)
				w.want(500)
				w.want(500)
				spent, err := w.s.Spend(t.Context(), w.claims, ledger.SpendRequest{Amount: 10})
				if err != nil || spent.Account.Available != 490 || spent.Stale {
					t.Fatalf("%+v, stale %v, %v", spent.Account.Balance, spent.Stale, err)
				}
				w.want(490)
				w.Advance(60 * time.Hour)
				w.want(490)
				must(t, ledger.Audit(t.Context(), w.s.db, w.id))
			})
		})
	}
}

// TestOverdueWaitsForStripe proves that overdue points are neither lost nor spent while Stripe is unreachable, or while
// the account's budget for syncs is used up. A spend and a hold that need them are told to retry. Requests for which
// other points suffice succeed. When Stripe is back, all points are there.
func TestOverdueWaitsForStripe(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		w := renews(t, dialect, "pm_card_chargeCustomerFail")
		storetest.Change(t, w.s.db, w.id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			_, _, err := ledger.Grant(ctx, tx, a, billing.Grant{Key: "admin:1", Source: "admin", Amount: 50})
			return err
		})
		w.Gate.Refuse()
		for n := range 7 { // the last ones have no budget left
			_, err := w.s.Spend(t.Context(), w.claims, ledger.SpendRequest{Amount: 60})
			if e := new(billing.Error); billing.CodeOf(err) != billing.EStripeUnavailable || !errors.As(err, &e) ||
				e.RetryAfter <= 0 {
				t.Errorf("spend %d: %v, want %s", n+1, err, billing.EStripeUnavailable)
			}
			if _, err := w.s.Hold(
				t.Context(), w.claims, ledger.HoldRequest{Amount: 60, TTL: time.Hour},
			); billing.CodeOf(err) != billing.EStripeUnavailable {
				t.Errorf("hold %d: %v, want %s", n+1, err, billing.EStripeUnavailable)
			}
		}
		if spent, err := w.s.Spend(
			t.Context(), w.claims, ledger.SpendRequest{Amount: 50},
		); err != nil || spent.Account.Available != 500 {
			t.Errorf("a spend of other points: %+v, %v", spent.Account.Balance, err)
		}
		w.want(500)
		w.Gate.Open()
		w.Advance(time.Minute) // restores some of the budget
		if spent, err := w.s.Spend(
			t.Context(), w.claims, ledger.SpendRequest{Amount: 500},
		); err != nil || spent.Account.Available != 0 {
			t.Errorf("with Stripe back: %+v, %v", spent.Account.Balance, err)
		}
		must(t, ledger.Audit(t.Context(), w.s.db, w.id))
	})
}
