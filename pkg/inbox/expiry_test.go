package inbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// lends makes an account with points that last an hour and a low-points threshold of 50, without a customer at Stripe.
func (w *world) lends() billing.AccountID {
	w.t.Helper()
	id, few := storetest.NewAccount(w.t, w.db).ID, billing.Points(50)
	storetest.Change(w.t, w.db, id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		end := tx.Now.Add(time.Hour)
		if _, _, err := ledger.Grant(
			ctx, tx, a, billing.Grant{Key: "lent:" + string(id), Source: "test", Amount: 100, ExpiresAt: &end},
		); err != nil {
			return err
		}
		return tx.SetLowPoints(ctx, id, &few)
	})
	return id
}

// wantsExpiry makes an endpoint that gets an event when points expire or get low.
func (w *world) wantsExpiry() {
	w.t.Helper()
	wish := outbox.Endpoint{
		URL: "https://example.com/hook", Types: []billing.OutgoingType{billing.OutPointsExpired, billing.OutPointsLow},
	}
	_, err := outbox.NewPost(w.db, false).Add(context.Background(), "", wish)
	must(w.t, err)
}

func (w *world) told(id billing.AccountID, kind billing.OutgoingType) int {
	w.t.Helper()
	return w.count(fmt.Sprintf("SELECT count(*) FROM deliveries WHERE account_id = '%s' AND type = '%s'", id, kind))
}

func (w *world) expired(id billing.AccountID) int {
	w.t.Helper()
	return w.count(fmt.Sprintf("SELECT count(*) FROM entries WHERE account_id = '%s' AND kind = 'expire'", id))
}

// Proves that expired points, and few points after that, give events although no one looks at the account. The version
// grows with them, and what has not expired stays.
func TestExpiryIsTold(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.wantsExpiry()
		id, early := w.lends(), w.account(w.rich())
		before := w.account(id).Version
		w.Advance(time.Hour)
		w.start(w.t)
		storetest.WaitFor(w.t, "both are told", func() bool {
			return w.told(id, billing.OutPointsExpired) == 1 && w.told(id, billing.OutPointsLow) == 1
		})
		if a := w.account(id); a.Available != 0 || a.Version != before+1 || a.NextExpiry != nil || w.expired(id) != 1 {
			w.t.Errorf("%d points, version %d after %d, %d entries", a.Available, a.Version, before, w.expired(id))
		}
		if a := w.account(early.ID); a.Available != early.Available || a.Version != early.Version {
			w.t.Errorf("points without an end: %+v", a.Balance)
		}
		must(w.t, ledger.Audit(w.t.Context(), w.db, id))
	})
}

// Proves that replicas that sweep at once, while users read as well, expire each lot once and write one event for it.
// Stripe is not asked about an account that has no subscription.
func TestExpiryTogether(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s, database := newShop(t), storetest.URL(t, dialect)
		w := s.replica(t, database)
		replicas := []*world{w, w} // SQLite has one node
		if dialect == store.Postgres {
			replicas[1] = s.replica(t, database)
		}
		w.wantsExpiry()
		ids := make([]billing.AccountID, 20)
		for n := range ids {
			ids[n] = w.lends()
		}
		w.Advance(time.Hour)
		var all sync.WaitGroup
		for n := range 4 {
			all.Go(func() {
				if err := replicas[n%2].syncer.LookForExpired(
					context.Background(), replicas[n%2].jobs,
				); err != nil {
					t.Error(err)
				}
			})
		}
		all.Go(func() {
			for _, id := range ids {
				if _, err := ledger.Current(context.Background(), w.db, id); err != nil {
					t.Error(err)
				}
			}
		})
		all.Wait()
		for _, id := range ids {
			if e, x, low := w.expired(id), w.told(
				id, billing.OutPointsExpired,
			), w.told(id, billing.OutPointsLow); e != 1 || x != 1 || low != 1 {
				t.Errorf("%d entries, told %d times of the end and %d times of few points", e, x, low)
			}
		}
		if n := w.count(unfinishedJobs); n != 0 {
			t.Errorf("%d jobs", n)
		}
	})
}

// Proves that an account that cannot be settled does not delay any other one, and is tried again.
func TestExpiryOfBrokenAccount(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		broken, whole := w.lends(), w.lends()
		w.exec("UPDATE accounts SET unsettled = 1000 WHERE id = '" + string(broken) + "'")
		w.Advance(time.Hour)
		must(w.t, w.syncer.LookForExpired(w.t.Context(), w.jobs))
		if w.expired(broken) != 0 || w.expired(whole) != 1 {
			w.t.Errorf("%d entries of the broken account, %d of the other", w.expired(broken), w.expired(whole))
		}
		w.exec("UPDATE accounts SET unsettled = 0 WHERE id = '" + string(broken) + "'")
		must(w.t, w.syncer.LookForExpired(w.t.Context(), w.jobs))
		if w.expired(broken) != 1 {
			w.t.Error("it is forgotten")
		}
	})
}

// Proves that points of a live subscription do not expire before Stripe was asked. If all webhooks of a failed renewal
// were lost, the points last as long as they should, and expire then. While Stripe is unreachable, they stay.
func TestExpiryAsksStripe(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.draft()
		o := w.sell(a, "basic_monthly")
		w.insert(a, o)
		id := w.pay(o)["subscription"].(string)
		_, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent)
		must(w.t, err)
		w.Ask(
			http.MethodPost, "/v1/subscriptions/"+id,
			url.Values{"default_payment_method": {"pm_card_chargeCustomerFail"}},
		)
		w.start(w.t)
		w.Gate.Refuse()
		w.Advance(w.account(a.ID).NextExpiry.Sub(w.Now()) + time.Minute)
		failed := func() bool {
			return w.count("SELECT count(*) FROM syncs WHERE cause = 'expiry' AND outcome = 'failed'") > 0
		}
		storetest.WaitFor(w.t, "Stripe was asked and did not answer", func() bool { return w.look() && failed() })
		if got := w.account(a.ID); got.Available != 500 || w.expired(a.ID) != 0 {
			w.t.Fatalf("Stripe did not answer, and %d points are left", got.Available)
		}
		w.Gate.Open()
		storetest.WaitFor(
			w.t, "Stripe has answered",
			func() bool { return w.account(a.ID).Subscription.Status == billing.SubPastDue },
		)
		storetest.WaitFor(w.t, "no job is left", func() bool { return w.count(unfinishedJobs) == 0 })
		if got := w.account(a.ID); got.Available != 500 || w.expired(a.ID) != 0 {
			w.t.Fatalf("the renewal is tried again, and %d points are left", got.Available)
		}
		w.Advance(w.account(a.ID).NextExpiry.Sub(w.Now()) + time.Minute)
		storetest.WaitFor(w.t, "the points have ended", func() bool {
			return w.look() && w.account(a.ID).Available == 0
		})
		if w.expired(a.ID) != 1 {
			w.t.Errorf("%d entries", w.expired(a.ID))
		}
		must(w.t, ledger.Audit(w.t.Context(), w.db, a.ID))
	})
}

// Proves that the job that expires points expires none that ran out after it asked Stripe. 10 points run out a minute
// before the period of a subscription's 500 ends, so the job takes a picture then. While that is on its way, three
// hours pass: the period and its grace end, and the renewal fails, which lets the 500 last 72 hours. The picture does
// not show that.
func TestExpiryEndsAsOfItsPicture(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.draft()
		o := w.sell(a, "basic_monthly")
		w.insert(a, o)
		subscription := w.pay(o)["subscription"].(string)
		_, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent)
		must(w.t, err)
		w.Ask(http.MethodPost, "/v1/subscriptions/"+subscription,
			url.Values{"default_payment_method": {"pm_card_chargeCustomerFail"}})
		end := w.account(a.ID).Subscription.CurrentPeriodEnd
		storetest.Change(w.t, w.db, a.ID, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			_, _, err := ledger.Grant(ctx, tx, a, billing.Grant{
				Key: "lent", Source: "test", Amount: 10, ExpiresAt: new(end.Add(-time.Minute)),
			})
			return err
		})
		w.Advance(end.Sub(w.Now()) - 30*time.Second)
		held := w.Gate.Hold(string(a.CustomerID))
		must(w.t, w.syncer.LookForExpired(w.t.Context(), w.jobs))
		w.start(w.t)
		held.Wait(w.t, 3) // subscriptions, invoices and charges were read
		w.Gate.Pass(string(a.CustomerID))
		w.Advance(3 * time.Hour)
		held.Release()
		storetest.WaitFor(w.t, "no job is left", func() bool { return w.count(unfinishedJobs) == 0 })
		if got := w.account(a.ID); got.Available != 500 || w.expired(a.ID) != 1 {
			w.t.Errorf("%d points and %d ended lots, want 500 and 1", got.Available, w.expired(a.ID))
		}
	})
}

// look runs the leader's periodic look at once.
func (w *world) look() bool {
	w.t.Helper()
	must(w.t, w.syncer.LookForExpired(w.t.Context(), w.jobs))
	return true
}
