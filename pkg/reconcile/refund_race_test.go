package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	refundsEach   = 10 // of one purchase, each a tenth of its money
	refundRaces   = 120 / slowdown
	fullRaces     = 2_000
	refundBuyers  = 4   // accounts side by side
	refundedPart  = 100 // points of a tenth of pack_1000's money
	packOfTenPart = refundsEach * refundedPart
)

// Proves that a refund and a spend at the same moment leave exact sums, whichever came first. The points bought, less
// those clawed back and those spent, equal the points available less those owed. A full run makes 2,000 races.
func TestRefundAgainstSpend(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Postgres)
	races := refundRaces
	if *full {
		races = fullRaces
	}
	lives := max(1, races/refundsEach/refundBuyers)
	var mu sync.Mutex
	spent, refusals := 0, 0
	t.Run("Buyers", func(t *testing.T) {
		for n := range refundBuyers {
			t.Run(fmt.Sprint(n+1), func(t *testing.T) {
				t.Parallel()
				mine := &world{House: w.In(t), t: t, db: w.db, syncer: w.syncer}
				random := rand.New(rand.NewPCG(uint64(n), 0))
				for range lives {
					s, r := mine.refundWhileSpending(random)
					mu.Lock()
					spent, refusals = spent+s, refusals+r
					mu.Unlock()
				}
			})
		}
	})
	t.Logf(
		"%d races of a refund against a spend: the sums are exact (%d spends went through, %d were refused)",
		lives*refundsEach*refundBuyers, spent, refusals,
	)
}

// refundWhileSpending refunds one buyer's pack step by step, and spends at each step.
func (w *world) refundWhileSpending(random *rand.Rand) (went, refused int) {
	w.t.Helper()
	a := w.buyer()
	o := w.order(a, "pack_1000")
	w.pay(o)
	w.sync(a)
	o = w.orderNow(o)
	spent := billing.Points(0)
	for n := range refundsEach {
		amount := billing.Points(1 + random.IntN(200))
		var both sync.WaitGroup
		both.Go(func() {
			w.Ask(
				http.MethodPost, "/v1/refunds",
				url.Values{
					"payment_intent": {string(o.PaymentIntentID)},
					"amount":         {strconv.FormatInt(o.Amount/refundsEach, 10)},
				},
			)
			if _, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent); err != nil {
				w.t.Error(err)
			}
		})
		both.Go(func() {
			// Before Stripe has the refund, in the middle of the sync, or after it, by chance.
			for range random.IntN(4) {
				if _, err := w.db.Account(w.t.Context(), a.ID); err != nil {
					w.t.Error(err)
				}
			}
			switch _, err := ledger.Spend(
				w.t.Context(), w.db, a.ID, ledger.SpendRequest{Amount: amount},
			); billing.CodeOf(err) {
			case "":
				spent, went = spent+amount, went+1
			case billing.EInsufficientPoints:
				refused++
			default:
				w.t.Error(err)
			}
		})
		both.Wait()
		must(w.t, ledger.Audit(w.t.Context(), w.db, a.ID))
		got, want := w.account(a.ID), packOfTenPart-refundedPart*billing.Points(n+1)-spent
		if got.Available-got.Debt != want || (got.Debt > 0 && got.Available > 0) {
			w.t.Fatalf(
				"after %d refunds and %d points spent there are %d points and %d owed, want %d in all", n+1, spent,
				got.Available, got.Debt, want,
			)
		}
	}
	return went, refused
}
