package reconcile_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves that a picture from the watermark on leads to the same decision as the whole picture. The case is a change to
// another interval that fails in a month that was paid for. The points of March then outlive March, although an invoice
// after March's was settled. March was paid until 1 April, and a change on the tenth fails:
//   - to a year: 1 April is before the year's end, so the points expire 72 hours after 1 April, on the 4th at 00:00;
//   - to a month that begins then, as when an operator moves the renewal's date: 1 April is before 10 April, so it is
//     the 4th again;
//   - with a sync on 2 April it is still the 4th, because the year's invoice began within March.
func TestPaidPeriodStaysInSight(t *testing.T) {
	t.Parallel()
	fifth := march.AddDate(0, 0, 4)
	part := func(item string, amount int64) billing.StripeInvoiceLine {
		return billing.StripeInvoiceLine{
			ID:          "il_" + item,
			Item:        item,
			Amount:      amount,
			Quantity:    1,
			Proration:   true,
			PeriodStart: fifth,
			PeriodEnd:   april,
		}
	}
	up := invoice("in_up", "paid", "subscription_update", part("basic", -750), part("pro", 1550))
	want := april.Add(policy.PastDueGrace)
	something := billing.StripeInvoiceLine{ID: "il_m", Amount: 100, PeriodStart: fifth, PeriodEnd: fifth}
	oneOff := invoice("in_one", "paid", "manual", something)
	givenUp := invoice("in_void", "void", "subscription_update", line("il_void", fifth, fifth.AddDate(1, 0, 0)))
	for name, settled := range map[string]billing.StripeInvoice{"Up": up, "OneOff": oneOff, "GivenUp": givenUp} {
		for _, c := range []struct {
			name string
			end  time.Time // of the unpaid period
			look time.Time
		}{
			{"Year", tenth.AddDate(1, 0, 0), tenth.Add(time.Hour)},
			{"Month", tenth.AddDate(0, 1, 0), tenth.Add(time.Hour)},
			{"YearAfterMarch", tenth.AddDate(1, 0, 0), april.AddDate(0, 0, 1)},
		} {
			t.Run(name+c.name, func(t *testing.T) {
				t.Parallel()
				in := input(billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{subscription(billing.SubActive)},
					Invoices: []billing.StripeInvoice{
						invoice("in_march", "paid", "subscription_cycle", line("il_1", march, april)), settled,
					},
				})
				in.Now = tenth.Add(-time.Hour)
				since := *reconcile.Decide(in).InvoicesSince
				s := subscription(billing.SubPastDue)
				s.CurrentPeriodStart, s.CurrentPeriodEnd = tenth, c.end
				in.Picture.Subscriptions = []billing.StripeSubscription{s}
				change := invoice("in_change", "open", "subscription_update", line("il_change", tenth, c.end))
				in.Picture.Invoices = append(in.Picture.Invoices, change)
				for _, in.Now = range []time.Time{tenth.Add(time.Minute), c.look} {
					in.Account.Sync.InvoicesSince = &since
					in.Picture.Invoices = slices.DeleteFunc(in.Picture.Invoices, func(i billing.StripeInvoice) bool {
						return i.Created.Before(since)
					})
					d := reconcile.Decide(in)
					since = *d.InvoicesSince
					same(t, "march", endOf(d, lotOf(march, april)), want)
					same(t, "window", d.Subscription.Window, &billing.Window{From: tenth, Until: want})
				}
			})
		}
	}
}

// Proves the same at Stripe. A month is paid. A second seat is added nine days before its end. Five days before its end
// comes a change to a year, whose debit the bank refuses. Points and window last until 72 hours after the month, as
// with the whole picture, and no longer.
func TestYearRefusedInPaidMonth(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		month, year := basicYear, basicYear
		month.ID, month.Interval, month.GrantInterval, month.Currency, month.MaxQuantity =
			"basic_euro", "month", "", "eur", 3
		year.ID, year.GrantInterval, year.Currency = "year_euro", "", "eur"
		c := w.sells(month, year)
		a := w.buyer()
		id := w.pay(w.orderOf(c, a, month.ID))["subscription"].(string)
		w.sync(a)
		paidUntil := w.account(a.ID).Subscription.CurrentPeriodEnd
		w.Advance(paidUntil.Sub(w.Now()) - 9*24*time.Hour)
		w.changeItem(id, url.Values{"items[0][quantity]": {"2"}, "proration_behavior": {"always_invoice"}})
		w.sync(a)
		w.Advance(4 * 24 * time.Hour)
		w.sync(a)
		points := w.account(a.ID).Available
		w.debits(a, id, "AT861904300235473202", 24)
		price, err := w.Stripe.Price(w.t.Context(), year.ID)
		must(w.t, err)
		w.changeItem(id, url.Values{"items[0][price]": {string(price)}, "items[0][quantity]": {"2"},
			"proration_behavior": {"always_invoice"}, "payment_behavior": {"allow_incomplete"}})
		w.Advance(25 * time.Hour)
		end := paidUntil.Add(policy.PastDueGrace)
		for _, until := range []time.Time{w.Now().Add(time.Hour), paidUntil.Add(time.Hour), end.Add(-time.Hour)} {
			w.Advance(until.Sub(w.Now()))
			w.sync(a)
			w.wantStatus(a, billing.SubPastDue, true)
			w.wantPoints(a.ID, points, 0)
			got := w.account(a.ID)
			if window := got.Subscription.Window; !window.Until.Equal(end) || !got.NextExpiry.Equal(end) {
				w.t.Errorf(
					"the window ends at %v, the points at %v, want both at %v", window.Until, got.NextExpiry, end,
				)
			}
			w.wantDrift(a)
		}
		w.Advance(2 * time.Hour)
		w.sync(a)
		w.wantStatus(a, billing.SubPastDue, false)
		w.wantPoints(a.ID, 0, 0)
	})
}
