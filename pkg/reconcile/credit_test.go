package reconcile_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that points match a model that only reads Stripe's invoices, however a customer changes plans: down, up, to
// another interval and back, however the differences are invoiced, and whenever syncs run. The points are also never
// more than the money paid buys at the best rate.
func TestMoneyBoundsPoints(t *testing.T) {
	t.Parallel()
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(dialect, "/", seed), func(t *testing.T) {
				t.Parallel()
				w, r := newWorld(t, dialect), rand.New(rand.NewPCG(seed, 7))
				c := w.sells(proYearly)
				a, id := w.subscriber()
				for range 14 {
					w.changeSomehow(r, c, a, id)
				}
				w.sync(a)
				w.checkMoney(c, a)
			})
		}
	}
}

// proYearly is a plan that is paid, and grants, by the year.
var proYearly = billing.Plan{
	ID: "pro_yearly", Name: "Pro, by the year", Amount: 19000, Currency: "usd", Interval: "year", Points: 13000,
}

// sells adds plans to what the shop sells.
func (w *world) sells(plans ...billing.Plan) *catalog.Catalog {
	w.t.Helper()
	c := catalog.Default()
	c.Plans = append(c.Plans, plans...)
	w.sell(c)
	return c
}

// changeSomehow does one thing that a customer or time may do to a subscription.
func (w *world) changeSomehow(r *rand.Rand, c *catalog.Catalog, a billing.Account, id string) {
	w.t.Helper()
	switch n := r.IntN(10); {
	case n < 6:
		s := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)
		price, err := w.Stripe.Price(w.t.Context(), c.Plans[r.IntN(len(c.Plans))].ID)
		must(w.t, err)
		w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{
			"items[0][id]": {
				s["items"].(map[string]any)["data"].([]any)[0].(map[string]any)["id"].(string),
			}, "items[0][price]": {string(price)},
			"proration_behavior": {[]string{"always_invoice", "always_invoice", "create_prorations"}[r.IntN(3)]},
		})
	case n < 8:
		w.Advance(time.Duration(r.IntN(20*24)) * time.Hour)
	default:
		w.Advance(32 * 24 * time.Hour)
	}
	if r.IntN(3) > 0 {
		w.sync(a)
	}
}

// checkMoney compares the granted points with Stripe's list of invoices.
func (w *world) checkMoney(c *catalog.Catalog, a billing.Account) {
	w.t.Helper()
	money, points := new(big.Rat), new(big.Rat)
	invoices := w.Ask(
		http.MethodGet, "/v1/invoices", url.Values{"customer": {string(a.CustomerID)}, "limit": {"100"}},
	)["data"].([]any)
	for _, each := range invoices {
		invoice := each.(map[string]any)
		paid, total := int64(invoice["amount_paid"].(float64)), int64(invoice["total"].(float64))
		money.Add(money, big.NewRat(paid, 1))
		if invoice["status"] != "paid" {
			continue
		}
		want := new(big.Rat)
		if paid > 0 {
			want = linesPoints(c, invoice)
			want.Mul(want, big.NewRat(min(paid, total), total))
		}
		lots, err := w.db.LotsByGrant(w.t.Context(), a.ID, "stripe:invoice:"+invoice["id"].(string))
		must(w.t, err)
		got := new(big.Rat)
		for _, l := range lots {
			got.Add(got, big.NewRat(int64(l.Granted), 1))
		}
		points.Add(points, got)
		off := new(big.Rat).Sub(want, got)
		if want.Sign() <= 0 {
			off = got
		}
		lines := len(invoice["lines"].(map[string]any)["data"].([]any))
		if off.Abs(off).Cmp(big.NewRat(int64(lines)+1, 1)) > 0 {
			w.t.Errorf(
				"invoice %v granted %s points, want %s: %d of %d paid", invoice["id"], got.FloatString(0),
				want.FloatString(1), paid, total,
			)
		}
	}
	if most := new(big.Rat).Mul(money, bestRate(c)); points.Cmp(most) > 0 || points.Sign() == 0 {
		w.t.Errorf(
			"%s points were granted for %s, which buys %s at the best rate", points.FloatString(0),
			money.FloatString(0), most.FloatString(1),
		)
	}
}

// linesPoints returns the exact sum of points over an invoice's lines.
func linesPoints(c *catalog.Catalog, invoice map[string]any) *big.Rat {
	sum := new(big.Rat)
	for _, each := range invoice["lines"].(map[string]any)["data"].([]any) {
		line := each.(map[string]any)
		price := line["price"].(map[string]any)
		plan, _ := c.Plan(strings.TrimPrefix(price["lookup_key"].(string), "pointsync_"))
		if line["proration"] == true {
			sum.Add(sum, big.NewRat(int64(plan.Points)*int64(line["amount"].(float64)), plan.Amount))
		} else {
			sum.Add(sum, big.NewRat(int64(plan.Points), 1))
		}
	}
	return sum
}

// bestRate returns the most points that one unit of money buys: by a plan, or by the difference between two.
func bestRate(c *catalog.Catalog) *big.Rat {
	best := new(big.Rat)
	for _, p := range c.Plans {
		for _, q := range append([]billing.Plan{{}}, c.Plans...) {
			if p.Amount <= q.Amount {
				continue
			}
			if rate := big.NewRat(int64(p.Points-q.Points), p.Amount-q.Amount); rate.Cmp(best) > 0 {
				best = rate
			}
		}
	}
	return best
}

// Proves that a renewal grants fewer points by the part that the customer's balance paid, and none if the balance paid
// all of it. It does not matter where the balance came from. Neither renewal reduces what rolls over.
func TestRenewalOnCredit(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.rollsOver(billing.RolloverAll)
		a, _ := w.subscriber()
		w.Ask(http.MethodPost, "/v1/customers/"+string(a.CustomerID), url.Values{"balance": {"-1200"}})
		w.renew(a)
		w.wantPoints(a.ID, 500, 0)
		w.renew(a)
		w.wantPoints(a.ID, 500+333, 0)
		w.sync(a)
		w.wantPoints(a.ID, 500+333, 0)
		w.wantDrift(a)
	})
}

// Proves that an invoice which the operator marks as paid outside Stripe grants its points. An invoice that is given up
// grants none until then.
func TestPaidPastStripe(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		w.useCard(id, "pm_card_chargeCustomerFail")
		w.renew(a)
		invoice := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
		w.spend(a, 500)
		w.Ask(http.MethodPost, "/v1/invoices/"+invoice+"/mark_uncollectible", nil)
		w.sync(a)
		w.wantPoints(a.ID, 0, 0)
		w.Ask(http.MethodPost, "/v1/invoices/"+invoice+"/pay", url.Values{"paid_out_of_band": {"true"}})
		w.sync(a)
		w.wantPoints(a.ID, 500, 0)
	})
}

// Proves that a discount which leaves nothing to pay grants all the period's points. To change to another interval and
// back under it grants nothing more.
func TestWholeDiscount(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.sells(proYearly)
		a, id := w.subscriber()
		coupon := w.Ask(
			http.MethodPost, "/v1/coupons", url.Values{"percent_off": {"100"}, "duration": {"forever"}},
		)["id"].(string)
		w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"coupon": {coupon}})
		w.spend(a, 500)
		w.renew(a)
		w.wantPoints(a.ID, 500, 0)
		for _, plan := range []string{"pro_monthly", "basic_monthly", "pro_yearly", "basic_monthly", "pro_yearly"} {
			w.Advance(time.Hour)
			w.changePlan(id, plan)
			w.sync(a)
			w.wantPoints(a.ID, 500, 0)
		}
	})
}
