package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that an invoice that is paid after its subscription ended grants points that last one period of its plan from
// the payment. The subscription's end does not expire them. An invoice paid before the end does not grant such points.
func TestPaidAfterTheEnd(t *testing.T) {
	t.Parallel()
	at := func(month time.Month, d int) time.Time { return time.Date(2030, month, d, 9, 0, 0, 0, time.UTC) }
	monthlyPlan, weekly := line("il_1", march, april), line("il_1", march, march.AddDate(0, 0, 7))
	weekly.Terms, weekly.Interval, weekly.IntervalCount = &billing.PriceTerms{Points: 500}, "week", 1
	up := billing.StripeInvoiceLine{
		ID: "il_2", Item: "pro", Amount: 950, Quantity: 1, Proration: true, PeriodStart: tenth, PeriodEnd: april,
	}
	for _, c := range []struct {
		name   string
		reason billing.InvoiceReason
		line   billing.StripeInvoiceLine
		paid   time.Time
		source string
		until  time.Time
	}{
		{"Month", "subscription_cycle", monthlyPlan, at(3, 20), "invoice:in_1", at(4, 20)},
		{"MonthEnd", "subscription_cycle", monthlyPlan, at(5, 31), "invoice:in_1", at(6, 30)}, // as Stripe counts
		{"Week", "subscription_cycle", weekly, at(3, 20), "invoice:in_1", at(3, 27)},
		{"Change", "subscription_update", up, at(3, 20), "invoice:in_1", at(4, 20)},
		{"BeforeTheEnd", "subscription_cycle", monthlyPlan, at(3, 14), source, april.Add(policy.RenewalGrace)},
		{"AsItEnds", "subscription_cycle", monthlyPlan, at(3, 15), source, april.Add(policy.RenewalGrace)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ended := subscription(billing.SubCanceled)
			ended.EndedAt = ptr(at(3, 15))
			i := invoice("in_1", "paid", c.reason, c.line)
			i.PaidAt = &c.paid
			in := input(
				billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{ended}, Invoices: []billing.StripeInvoice{i},
				},
			)
			in.Now = c.paid
			d := reconcile.Decide(in)
			if len(d.Grants) != 1 || d.Grants[0].Source != c.source || !d.Grants[0].ExpiresAt.Equal(c.until) {
				t.Errorf("%+v, want %s until %v", d.Grants, c.source, c.until)
			}
		})
	}
	t.Run("YearByTheMonth", func(t *testing.T) {
		t.Parallel()
		ended := subscription(billing.SubCanceled)
		ended.EndedAt = ptr(at(3, 15))
		i := year("in_1", march)
		i.PaidAt = ptr(at(3, 20))
		in := input(
			billing.Snapshot{Subscriptions: []billing.StripeSubscription{ended}, Invoices: []billing.StripeInvoice{i}},
		)
		in.Now, in.Catalog = at(4, 25), &catalog.Catalog{Plans: []billing.Plan{basicYear}}
		d := reconcile.Decide(in)
		if len(d.Grants) != 2 || !d.Grants[0].ExpiresAt.Equal(
			at(4, 20).Add(policy.RenewalGrace),
		) || !d.NextGrantAt.Equal(at(5, 20)) {
			t.Errorf("two months of twelve: %+v, next %v", d.Grants, d.NextGrantAt)
		}
	})
}

// Proves what an invoice of an earlier customer grants, whose subscription the picture does not show. Paid after the
// subscription ended, it grants points for a period from the payment. Of a year, all months come at once: each under
// its own key, and until the year's end. None of them replaces another. Paid before that, its points end with the
// subscription. It does not move the watermark.
func TestFormerInvoices(t *testing.T) {
	t.Parallel()
	ended, later := tenth, tenth.AddDate(0, 0, 1)
	month := invoice("in_1", "paid", "subscription_cycle", line("il_1", march, april))
	for _, c := range []struct {
		name    string
		invoice billing.StripeInvoice
		paid    time.Time
		lots    int // of 500 points each
		until   time.Time
	}{
		{"Late", month, later, 1, later.AddDate(0, 1, 0)},
		{"InTime", month, ended, 1, ended},
		{"Year", year("in_1", march), later, 12, later.AddDate(1, 0, 0)},
		{"YearInTime", year("in_1", march), ended, 1, ended},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.invoice.PaidAt, c.invoice.SubscriptionEndedAt = &c.paid, &ended
			in := input(billing.Snapshot{FormerInvoices: []billing.StripeInvoice{c.invoice}})
			in.Now = c.paid
			in.Catalog = &catalog.Catalog{Plans: append([]billing.Plan{basicYear}, in.Catalog.Plans...)}
			d := reconcile.Decide(in)
			if len(d.Grants) != c.lots {
				t.Fatalf("%+v, want %d", d.Grants, c.lots)
			}
			for n, g := range d.Grants {
				key := "stripe:invoice:in_1:il_1"
				if n > 0 {
					key += ":" + strconv.Itoa(n+1)
				}
				if g.Key != key || g.Amount != 500 || !g.ExpiresAt.Equal(c.until) || c.lots > 1 && g.Replaces {
					t.Errorf("%+v, want %s until %v", g, key, c.until)
				}
			}
			if d.InvoicesSince != nil || d.NextGrantAt != nil {
				t.Errorf("the watermark moved to %v, or more is due at %v", d.InvoicesSince, d.NextGrantAt)
			}
			open := c.invoice
			open.Status = billing.InvoiceOpen
			in.Picture.FormerInvoices = []billing.StripeInvoice{open}
			if d := reconcile.Decide(in); len(d.Grants) != 0 {
				t.Errorf("it is open: %+v", d.Grants)
			}
		})
	}
}

// Proves that no month of a late year is lost if the customer is deleted after the first months came. The event about
// the invoice brings all others at once, and a second event brings nothing more.
func TestFormerYear(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.yearly()
		w.useCard(id, "pm_card_chargeCustomerFail")
		w.Advance(366 * 24 * time.Hour)
		invoice := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
		w.Ask(http.MethodDelete, "/v1/subscriptions/"+id, nil)
		card := w.Ask(
			http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", url.Values{"customer": {string(a.CustomerID)}},
		)["id"].(string)
		w.Advance(time.Hour)
		w.Ask(http.MethodPost, "/v1/invoices/"+invoice+"/pay", url.Values{"payment_method": {card}})
		w.sync(a)
		w.wantPoints(a.ID, 500, 0)
		w.Advance(33 * 24 * time.Hour) // longer than any month and its grace
		w.sync(a)
		w.wantPoints(a.ID, 500, 0)
		w.replaceCustomer(a)
		for n := range 2 {
			w.told(a, fmt.Sprint("evt_", n), billing.StripeObject{Type: billing.ObjectInvoice, ID: invoice})
			w.sync(a)
			w.wantPoints(a.ID, 11*500, 0)
		}
		if at := w.account(a.ID).Sync.NextGrantAt; at != nil {
			t.Errorf("more is due at %v", at)
		}
		w.wantDrift(a)
		w.Advance(200 * 24 * time.Hour)
		w.sync(a)
		w.wantPoints(a.ID, 10*500, 0)
		w.Advance(140 * 24 * time.Hour)
		w.sync(a)
		w.wantPoints(a.ID, 0, 0)
	})
}

// replaceCustomer deletes the account's customer at Stripe, and gives the account another one.
func (w *world) replaceCustomer(a billing.Account) {
	w.t.Helper()
	w.Ask(http.MethodDelete, "/v1/customers/"+string(a.CustomerID), nil)
	customer, err := w.Stripe.CreateCustomer(w.t.Context(), a.ID, a.Email, a.CustomerID)
	must(w.t, err)
	storetest.Change(w.t, w.db, a.ID, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
		if err := tx.EndCustomer(ctx, a.ID, a.CustomerID); err != nil {
			return err
		}
		return tx.SetCustomer(ctx, a.ID, customer)
	})
}

// told stores an event about an object of a customer, such as an invoice that was paid.
func (w *world) told(a billing.Account, event string, object billing.StripeObject) {
	w.t.Helper()
	must(w.t, w.db.InTx(w.t.Context(), func(tx *store.Tx) error {
		_, err := tx.InsertEvent(w.t.Context(), billing.InboxEvent{
			ID: billing.StripeEventID(event), Type: string(object.Type) + ".updated", AccountID: a.ID,
			CustomerID: a.CustomerID, ObjectType: object.Type, ObjectID: object.ID, Status: billing.InboxPending,
			CreatedAt: tx.Now, ReceivedAt: tx.Now,
		})
		return err
	}))
}

// Proves that a customer keeps points for one month if they pay the open invoice of a failed renewal after the
// subscription was cancelled. The month counts from the payment.
func TestLatePayment(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		w.spend(a, 500)
		w.useCard(id, "pm_card_chargeCustomerFail")
		w.renew(a)
		invoice := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
		w.Ask(http.MethodDelete, "/v1/subscriptions/"+id, nil)
		w.sync(a)
		w.wantPoints(a.ID, 0, 0)
		w.Advance(48 * time.Hour)
		card := w.Ask(
			http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", url.Values{"customer": {string(a.CustomerID)}},
		)["id"].(string)
		w.Ask(http.MethodPost, "/v1/invoices/"+invoice+"/pay", url.Values{"payment_method": {card}})
		w.sync(a)
		w.wantPoints(a.ID, 500, 0)
		w.wantDrift(a)
		w.Advance(27 * 24 * time.Hour) // shorter than any month
		w.sync(a)
		w.wantPoints(a.ID, 500, 0)
		w.Advance(4*24*time.Hour + time.Minute) // longer than any month
		w.sync(a)
		w.wantPoints(a.ID, 0, 0)
	})
}

// Proves how long points last that were paid for after the end: for one interval of their price from the payment, by
// the calendar. If the interval is unknown, they last as long as their period did: 31 days.
func TestLateIntervals(t *testing.T) {
	t.Parallel()
	paid := time.Date(2030, time.March, 31, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		interval billing.Interval
		every    int64
		until    time.Time
	}{
		"Day": {"day", 1, paid.AddDate(0, 0, 1)}, "TenDays": {
			"day", 10, paid.AddDate(0, 0, 10),
		}, "TwoWeeks": {"week", 2, paid.AddDate(0, 0, 14)},
		"Month": {
			"month", 1, time.Date(2030, 4, 30, 9, 0, 0, 0, time.UTC),
		}, "Quarter": {"month", 3, time.Date(2030, 6, 30, 9, 0, 0, 0, time.UTC)},
		"Year": {
			"year", 1, paid.AddDate(1, 0, 0),
		}, "TwoYears": {"year", 2, paid.AddDate(2, 0, 0)}, "Unknown": {"", 0, paid.AddDate(0, 0, 31)},
	} {
		ended := subscription(billing.SubCanceled)
		ended.EndedAt = ptr(march.AddDate(0, 0, 14))
		l := line("il_1", march, april)
		l.Item, l.Interval, l.IntervalCount, l.Terms = "gone", c.interval, c.every, &billing.PriceTerms{Points: 500}
		if c.interval == "" { // not a pack's price: its item is a plan's, whose interval is unknown
			l.Terms, l.Item = nil, "odd"
		}
		i := invoice("in_1", "paid", "subscription_cycle", l)
		i.PaidAt = &paid
		in := input(
			billing.Snapshot{Subscriptions: []billing.StripeSubscription{ended}, Invoices: []billing.StripeInvoice{i}},
		)
		in.Now, in.Catalog = paid, &catalog.Catalog{
			Plans: []billing.Plan{{ID: "odd", Amount: 900, Currency: "usd", Points: 500}},
		}
		d := reconcile.Decide(in)
		if len(d.Grants) != 1 || !d.Grants[0].ExpiresAt.Equal(c.until) {
			t.Errorf("%s: %+v, want its end at %v", name, d.Grants, c.until)
		}
	}
}

// Proves that an invoice is not treated as paid late if Stripe does not show its subscription, even if another one has
// ended. Nor is one without a time of payment.
func TestNotLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id   billing.SubscriptionID
		paid *time.Time
	}{"Anothers": {"sub_0", ptr(tenth)}, "NoTime": {sub, nil}} {
		ended := subscription(billing.SubCanceled)
		ended.ID, ended.EndedAt = c.id, ptr(march.AddDate(0, 0, 5))
		i := invoice("in_1", "paid", "subscription_cycle", line("il_1", march, april))
		i.PaidAt = c.paid
		d := decide(
			billing.Snapshot{Subscriptions: []billing.StripeSubscription{ended}, Invoices: []billing.StripeInvoice{i}},
		)
		if len(d.Grants) != 1 || d.Grants[0].Source != source {
			t.Errorf("%s: %+v", name, d.Grants)
		}
	}
}
