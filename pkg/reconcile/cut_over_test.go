package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves what a customer who was taken over from another system is granted. What was paid before the cut-over was
// delivered there: its points come here only if the operator says so, and then those of the running period alone. What
// is paid at the cut-over or later is granted, however old its invoice is. Of a year that was paid before, the months
// that begin at the cut-over or later are granted. An old invoice of an item that no one knows any more is no finding.
func TestCutOver(t *testing.T) {
	t.Parallel()
	paid := func(i billing.StripeInvoice, at time.Time) billing.StripeInvoice { i.PaidAt = &at; return i }
	month := func(id billing.InvoiceID, start time.Time) billing.StripeInvoice {
		return paid(invoice(id, "paid", "subscription_cycle", line("il_1", start, start.AddDate(0, 1, 0))), start)
	}
	part := func(item string, amount int64) billing.StripeInvoiceLine {
		l := line("il_"+item, tenth, april)
		l.Item, l.Amount, l.Proration = item, amount, true
		return l
	}
	february, march := month("in_f", february), month("in_m", march)
	feb := february.Lines[0].PeriodStart
	forgotten := february
	forgotten.ID, forgotten.Lines = "in_x", []billing.StripeInvoiceLine{line("il_x", feb, march.Created)}
	forgotten.Lines[0].Item = "gone"
	up := paid(invoice("in_up", "paid", "subscription_update", part("basic", -450), part("pro", 950)), tenth)
	last := time.Date(2030, 1, 15, 10, 0, 0, 0, time.UTC)
	aYear := paid(year("in_y", last), last)
	trial := invoice("in_t", "paid", "subscription_create", line("il_t", march.Created, april))
	trial.Lines[0].Item, trial.Lines[0].Amount, trial.Total = "pro", 0, 0
	for _, c := range []struct {
		name     string
		cut      time.Time
		running  bool
		invoices []billing.StripeInvoice
		want     string
	}{
		{"All", tenth, false, []billing.StripeInvoice{february, march}, ""},
		{"Running", tenth, true, []billing.StripeInvoice{february, march}, "500 until 2030-04-01, "},
		{"PaidAtTheCutOver", march.Created, false, []billing.StripeInvoice{february, march}, "500 until 2030-04-01, "},
		{"OldPeriodEndsAtTheCutOver", march.Created, true, []billing.StripeInvoice{february}, ""},
		{"PaidLate", tenth, false, []billing.StripeInvoice{february, paid(march, tenth)}, "500 until 2030-04-01, "},
		{"ChangeAfter", tenth, false, []billing.StripeInvoice{march, up}, "350 until 2030-04-01, "},
		{"ChangeBefore", tenth.Add(1), false, []billing.StripeInvoice{march, up}, ""},
		{"Trial", tenth, false, []billing.StripeInvoice{trial}, ""},
		{"RunningTrial", tenth, true, []billing.StripeInvoice{trial}, "50 until 2030-04-01, "},
		{"Year", last.AddDate(0, 0, 10), false, []billing.StripeInvoice{aYear}, "500 until 2030-03-15, "},
		{"RunningYear", last.AddDate(0, 0, 10), true, []billing.StripeInvoice{aYear},
			"500 until 2030-02-15, 500 until 2030-03-15, "},
		{"Forgotten", march.Created, true, []billing.StripeInvoice{forgotten}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := input(billing.Snapshot{
				Subscriptions: []billing.StripeSubscription{subscription(billing.SubActive)}, Invoices: c.invoices,
			})
			in.Catalog = &catalog.Catalog{Plans: append([]billing.Plan{basicYear}, shop.Plans...)}
			in.Account.CutOver = &billing.CutOver{At: c.cut, Running: c.running}
			d := reconcile.Decide(in)
			if got := told(d); got != c.want || len(d.Unknown) > 0 {
				t.Errorf("it grants %q and does not know %v, want %q", got, d.Unknown, c.want)
			}
			in.Account.CutOver = nil
			if c.want == "" && told(reconcile.Decide(in)) == "" && len(reconcile.Decide(in).Unknown) == 0 {
				t.Error("it grants nothing without a cut-over either, so this case shows nothing")
			}
		})
	}
}

// Proves that a price of another system, which became one of ours, brings nothing for what was paid before, also to a
// customer that was never imported. An import decides otherwise: its cut-over counts, not the price's.
func TestAdoptedPrice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		adopted time.Time
		cut     *billing.CutOver
		want    string
	}{
		{"PaidBefore", tenth, nil, ""},
		{"PaidAfter", march, nil, "500 until 2030-04-01, "},
		{"Imported", tenth, &billing.CutOver{At: tenth, Running: true}, "500 until 2030-04-01, "},
		{"ImportedLater", march, &billing.CutOver{At: tenth}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := line("il_1", march, april)
			l.AdoptedAt = &c.adopted
			in := input(billing.Snapshot{Invoices: []billing.StripeInvoice{
				invoice("in_1", "paid", "subscription_cycle", l),
			}})
			in.Account.CutOver = c.cut
			if got := told(reconcile.Decide(in)); got != c.want {
				t.Errorf("it grants %q, want %q", got, c.want)
			}
		})
	}
}
