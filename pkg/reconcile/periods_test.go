package reconcile_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// toDraftHour moves to ten minutes after the period's end, when the renewal's invoice is a draft.
func (w *world) toDraftHour(a billing.Account) {
	w.t.Helper()
	w.Advance(w.account(a.ID).Subscription.CurrentPeriodEnd.Sub(w.Now()) + 10*time.Minute)
	w.sync(a)
}

// changeItem changes the subscription's item by a form.
func (w *world) changeItem(id string, form url.Values) {
	w.t.Helper()
	items := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["items"].(map[string]any)["data"].([]any)
	form.Set("items[0][id]", items[0].(map[string]any)["id"].(string))
	w.Ask(http.MethodPost, "/v1/subscriptions/"+id, form)
}

// Proves that points that an upgrade bought while the renewal's invoice was a draft are still there after the renewal
// was paid. It does not matter how the upgrade was made and paid. The renewal expires only the points of the last
// period. Basic is 500 points, Pro 1200 and two seats of Basic 1000. A change ten minutes after the period began grants
// the difference, less at most two points: 698 to 700 of 700, or 498 to 500 of 500. So after the renewal there are 500
// and what the change granted.
func TestChangeInTheDraftHour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		most   billing.Points
		change func(w *world, a billing.Account, id string)
	}{
		"Portal": {700, func(w *world, _ billing.Account, id string) { w.changePlan(id, "pro_monthly") }},
		"Seats": {500, func(w *world, _ billing.Account, id string) {
			w.changeItem(id, url.Values{"items[0][quantity]": {"2"}, "proration_behavior": {"always_invoice"}})
		}},
		// The change's own card is refused at first. The change is paid after the renewal.
		"PaidAfterTheRenewal": {700, func(w *world, a billing.Account, id string) {
			price, err := w.Stripe.Price(w.t.Context(), "pro_monthly")
			must(w.t, err)
			w.useCard(id, "pm_card_chargeCustomerFail")
			w.changeItem(
				id,
				url.Values{
					"items[0][price]": {string(price)}, "proration_behavior": {"always_invoice"},
					"payment_behavior": {"pending_if_incomplete"},
				},
			)
			owed := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
			w.useCard(id, "pm_card_visa")
			w.Advance(90 * time.Minute)
			w.sync(a)
			w.wantPoints(a.ID, 500, 0) // the renewal's
			w.Ask(http.MethodPost, "/v1/invoices/"+owed+"/pay", nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				a, id := w.subscriber()
				w.spend(a, 100)
				w.toDraftHour(a)
				c.change(w, a, id)
				w.sync(a)
				bought := w.account(a.ID).Available - 400 // the rest of the last period stays for the hour
				if name == "PaidAfterTheRenewal" {
					bought = w.account(a.ID).Available - 500
				}
				if bought < c.most-2 || bought > c.most {
					t.Fatalf("the change brought %d points, want %d", bought, c.most)
				}
				w.Advance(2 * time.Hour)
				w.sync(a)
				w.wantPoints(a.ID, 500+bought, 0)
				w.wantDrift(a)
				w.Advance(20 * 24 * time.Hour) // both last as long as the period
				w.sync(a)
				w.wantPoints(a.ID, 500+bought, 0)
			})
		})
	}
}

// Proves that a trial that is lengthened keeps its points until two hours after its present end, even if it is moved
// twice. The paid period replaces them: 50 points for the trial, 1200 after it.
func TestTrialMoved(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		plan := basicYear
		plan.ID, plan.Interval, plan.GrantInterval, plan.Points, plan.TrialDays, plan.TrialPoints =
			"trial_monthly", "month", "", 1200, 14, 50
		w.sells(plan)
		a := w.buyer()
		o := billing.Order{
			Item: plan.ID, Kind: billing.KindPlan, Points: plan.Points, Amount: plan.Amount, Currency: plan.Currency,
		}
		id := w.pay(w.orderWithTrial(a, o, plan.TrialDays))["subscription"].(string)
		w.sync(a)
		end := w.account(a.ID).Subscription.CurrentPeriodEnd
		for range 2 {
			end = end.AddDate(0, 0, 7)
			w.Ask(
				http.MethodPost, "/v1/subscriptions/"+id,
				url.Values{"trial_end": {itoa(end.Unix())}, "proration_behavior": {"none"}},
			)
			w.Advance(end.AddDate(0, 0, -1).Sub(w.Now())) // past the earlier end
			w.sync(a)
			w.wantPoints(a.ID, 50, 0)
			if next := w.account(a.ID).NextExpiry; next == nil || !next.Equal(end.Add(policy.RenewalGrace)) {
				w.t.Errorf("the points end at %v, want two hours after %v", next, end)
			}
		}
		w.renew(a)
		w.wantPoints(a.ID, 1200, 0)
		w.wantDrift(a)
	})
}

// Proves that a trial over a paid period can move the date of the next renewal to a later or earlier time. The period's
// points expire with the period.
func TestAnchorMoved(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		w.Advance(10 * 24 * time.Hour)
		for _, days := range []int{40, 5, 25} {
			end := w.Now().AddDate(0, 0, days).Truncate(time.Second)
			w.Ask(
				http.MethodPost, "/v1/subscriptions/"+id,
				url.Values{"trial_end": {itoa(end.Unix())}, "proration_behavior": {"none"}},
			)
			w.sync(a)
			w.wantPoints(a.ID, 500, 0)
			if next := w.account(a.ID).NextExpiry; next == nil || !next.Equal(end.Add(policy.RenewalGrace)) {
				w.t.Errorf("moved by %d days: the points end at %v, want two hours after %v", days, next, end)
			}
		}
		w.Advance(24 * 24 * time.Hour)
		w.sync(a)
		w.wantPoints(a.ID, 500, 0)
		w.renew(a)
		w.wantPoints(a.ID, 500, 0)
		w.wantDrift(a)
	})
}

// Proves that a renewal by bank debit keeps the old points while the bank is processing, for longer than any grace. Its
// success brings the new points. Its failure expires the old ones, because 72 hours from the period's start are over.
func TestDebitUnderWay(t *testing.T) {
	t.Parallel()
	for iban, want := range map[string]billing.Points{"AT611904300234573201": 500, "AT861904300235473202": 0} {
		t.Run(iban, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				plan := basicYear
				plan.ID, plan.Interval, plan.GrantInterval, plan.Currency = "basic_euro", "month", "", "eur"
				c := w.sells(plan)
				a := w.buyer()
				id := w.pay(w.orderOf(c, a, plan.ID))["subscription"].(string)
				w.sync(a)
				w.spend(a, 100)
				w.debits(a, id, iban, 120)
				w.renew(a)
				end := w.account(a.ID).Subscription.CurrentPeriodEnd
				for range 2 { // two hours are over after the first look, 72 after the second
					w.wantStatus(a, billing.SubActive, true)
					w.wantPoints(a.ID, 400, 0)
					if next := w.account(a.ID).NextExpiry; next == nil || !next.Equal(end.Add(policy.RenewalGrace)) {
						w.t.Errorf("the points end at %v, want two hours after %v", next, end)
					}
					w.Advance(45 * time.Hour)
					_, err := ledger.Current(w.t.Context(), w.db, a.ID)
					must(w.t, err)
					w.sync(a)
				}
				w.wantDrift(a)
				w.Advance(45 * time.Hour)
				w.sync(a)
				w.wantPoints(a.ID, want, 0)
				w.wantDrift(a)
			})
		})
	}
}

// debits makes a subscription pay by bank debit, which takes this many hours.
func (w *world) debits(a billing.Account, id, iban string, hours int) {
	w.t.Helper()
	w.Control("settings", `{"debit_hours":`+itoa(int64(hours))+`}`)
	method := w.Ask(http.MethodPost, "/v1/payment_methods", url.Values{
		"type": {"sepa_debit"}, "sepa_debit[iban]": {iban}, "billing_details[name]": {"Jo"},
		"billing_details[email]": {"jo@shop.test"},
	})["id"].(string)
	w.Ask(http.MethodPost, "/v1/payment_methods/"+method+"/attach", url.Values{"customer": {string(a.CustomerID)}})
	w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"default_payment_method": {method}})
}

// Proves that holding points over renewals carries none past the cap. All of 500 points are held before each renewal
// and released after it, with a cap of 300. Each time 300 old and 500 new points are there. The same holds if a part is
// captured, or if the hold expires.
func TestHoldsOverRenewals(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.rollsOver(300)
		a, _ := w.subscriber()
		for n := range 4 {
			w.Advance(w.account(a.ID).Subscription.CurrentPeriodEnd.Sub(w.Now()) - time.Minute)
			all := w.account(a.ID).Available
			h, err := ledger.Hold(w.t.Context(), w.db, a.ID, ledger.HoldRequest{Amount: all, TTL: 6 * time.Hour})
			must(w.t, err)
			w.renew(a)
			w.wantPoints(a.ID, 500, 0)
			switch n {
			case 2: // 100 of 800 are used, 700 return, 300 of them roll over
				_, err = ledger.Capture(w.t.Context(), w.db, a.ID, ledger.CaptureRequest{Hold: h.Hold.ID, Amount: 100})
			case 3:
				w.Advance(6 * time.Hour)
				_, err = ledger.Current(w.t.Context(), w.db, a.ID)
			default:
				_, err = ledger.Release(w.t.Context(), w.db, a.ID, ledger.ReleaseRequest{Hold: h.Hold.ID})
			}
			must(w.t, err)
			w.wantPoints(a.ID, 800, 0)
			w.sync(a)
			w.wantPoints(a.ID, 800, 0)
			w.wantDrift(a)
		}
	})
}

// Proves that a renewal that a sync sees late, because its events were lost, still finds the points of the last period.
// They roll over as if it was in time, although they expired. Two missed renewals roll over one after the other: 500,
// 1000, 1500.
func TestRenewalSeenLate(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.rollsOver(billing.RolloverAll)
		a, _ := w.subscriber()
		w.Advance(w.account(a.ID).Subscription.CurrentPeriodEnd.Sub(w.Now()) + 40*24*time.Hour)
		if now, err := ledger.Current(w.t.Context(), w.db, a.ID); err != nil || now.Available != 500 {
			w.t.Errorf("a read before the sync: %+v, %v", now.Balance, err)
		}
		w.sync(a)
		w.wantPoints(a.ID, 1500, 0)
		w.wantDrift(a)
	})
}

// Proves that points expire on the operator's end date for their subscription, and no longer do so once the date is
// removed.
func TestPointsEndWithSubscription(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		period := w.account(a.ID).NextExpiry
		at := w.Now().AddDate(0, 0, 10).Truncate(time.Second)
		for _, c := range []struct {
			form string
			want time.Time
		}{{itoa(at.Unix()), at}, {"", *period}, {itoa(at.Unix()), at}} {
			w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"cancel_at": {c.form}})
			w.sync(a)
			if next := w.account(a.ID).NextExpiry; next == nil || !next.Equal(c.want) {
				w.t.Errorf("cancel_at %q: the points end at %v, want %v", c.form, next, c.want)
			}
		}
		w.Advance(11 * 24 * time.Hour)
		w.sync(a)
		w.wantPoints(a.ID, 0, 0)
	})
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
