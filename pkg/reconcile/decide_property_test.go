package reconcile_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves that a decision does not depend on the order of Stripe's lists, does not change its input, and contains no
// grant key twice. Deciding again after the decision, from the watermark on, grants nothing under a new key, and gives
// the same window and expiries.
func TestDecideProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		want := reconcile.Decide(in)
		if again := reconcile.Decide(in); !reflect.DeepEqual(again, want) {
			t.Fatalf("the same picture twice:\n%+v\n%+v", want, again)
		}
		keys := map[string]bool{}
		for _, g := range want.Grants {
			carries := g.Replaces && g.Rollover > 0 // a period that a credit paid for
			if keys[g.Key] || g.Amount < 0 || g.Amount == 0 && !carries || g.Source == "" {
				t.Fatalf("a grant that must not be: %+v of %+v", g, want.Grants)
			}
			keys[g.Key] = true
		}
		shuffled := in
		shuffled.Picture = shuffle(t, in.Picture)
		if got := reconcile.Decide(shuffled); !reflect.DeepEqual(got, want) {
			t.Fatalf("another order, another decision:\n%+v\n%+v", want, got)
		}
		later := in
		later.Account.Subscription, later.Account.Sync.InvoicesSince = want.Subscription, want.InvoicesSince
		later.Picture.Invoices = slices.DeleteFunc(slices.Clone(in.Picture.Invoices),
			func(i billing.StripeInvoice) bool {
				return want.InvoicesSince != nil && i.Created.Before(*want.InvoicesSince)
			})
		second := reconcile.Decide(later)
		for _, g := range second.Grants {
			if !keys[g.Key] {
				t.Fatalf("a second sync grants more: %+v", g)
			}
		}
		if !reflect.DeepEqual(second.Ends, want.Ends) || !reflect.DeepEqual(second.Subscription, want.Subscription) {
			t.Fatalf("a second sync, which sees less, decides otherwise:\n%+v %+v\n%+v %+v",
				want.Subscription, want.Ends, second.Subscription, second.Ends)
		}
	})
}

func shuffle(t *rapid.T, p billing.Snapshot) billing.Snapshot {
	p.Subscriptions = rapid.Permutation(p.Subscriptions).Draw(t, "subscriptions")
	p.Invoices = rapid.Permutation(p.Invoices).Draw(t, "invoices")
	for n := range p.Invoices {
		p.Invoices[n].Lines = rapid.Permutation(p.Invoices[n].Lines).Draw(t, "lines")
	}
	p.Checkouts = rapid.Permutation(p.Checkouts).Draw(t, "checkouts")
	p.Charges = rapid.Permutation(p.Charges).Draw(t, "charges")
	return p
}

// drawInput draws a picture that may be stranger than any of Stripe's: several subscriptions at once, equal times,
// foreign prices.
func drawInput(t *rapid.T) reconcile.Input {
	var p billing.Snapshot
	count := func(what string, most int) int { return rapid.IntRange(0, most).Draw(t, what) }
	when := func() time.Time { return february.AddDate(0, 0, count("day", 70)) }
	for n := range count("subscriptions", 3) {
		s := subscription(rapid.SampledFrom([]billing.SubscriptionStatus{
			billing.SubIncomplete, billing.SubIncompleteExpired, billing.SubTrialing, billing.SubActive,
			billing.SubPastDue, billing.SubCanceled,
			billing.SubUnpaid, billing.SubPaused,
		}).Draw(t, "status"))
		s.ID, s.Created = billing.SubscriptionID(fmt.Sprint("sub_", n)), when()
		p.Subscriptions = append(p.Subscriptions, s)
	}
	for n := range count("invoices", 4) {
		i := billing.StripeInvoice{
			ID: billing.InvoiceID(fmt.Sprint("in_", n)), SubscriptionID: billing.SubscriptionID(
				fmt.Sprint("sub_", count("of", 3)),
			), Created: when(),
			Status: rapid.SampledFrom(
				[]billing.InvoiceStatus{"draft", "open", "paid", "paid", "void", "uncollectible"},
			).Draw(t, "status"),
			BillingReason: rapid.SampledFrom(
				[]billing.InvoiceReason{"subscription_create", "subscription_cycle", "subscription_update"},
			).Draw(t, "reason"),
		}
		for m := range count("lines", 3) {
			start := when()
			i.Lines = append(i.Lines, billing.StripeInvoiceLine{
				ID: fmt.Sprint("il_", n, m), Item: rapid.SampledFrom(
					[]string{"basic", "pro", ""},
				).Draw(t, "item"), Amount: rapid.Int64Range(-2000, 2000).Draw(t, "amount"),
				Quantity:    1,
				Proration:   rapid.Bool().Draw(t, "proration"),
				PeriodStart: start,
				PeriodEnd:   start.AddDate(0, 1, 0),
			})
		}
		i.Total, i.AmountPaid =
			rapid.Int64Range(-2000, 2000).Draw(t, "total"), rapid.Int64Range(0, 2000).Draw(t, "paid")
		p.Invoices = append(p.Invoices, i)
	}
	in := input(p)
	for n := range count("orders", 3) {
		id := fmt.Sprint("_", n)
		in.Orders = append(in.Orders, billing.Order{
			ID: billing.OrderID("ord" + id), Kind: rapid.SampledFrom(
				[]billing.ItemKind{billing.KindPack, billing.KindPlan},
			).Draw(t, "kind"), Points: 100,
			Status: billing.OrderPending, CheckoutID: billing.CheckoutID("cs" + id), CreatedAt: when(),
		})
		in.Picture.Checkouts = append(in.Picture.Checkouts, billing.StripeCheckout{
			ID: billing.CheckoutID("cs" + id), Status: rapid.SampledFrom(
				[]billing.CheckoutStatus{"open", "complete", "expired"},
			).Draw(t, "page"),
			PaymentStatus: rapid.SampledFrom(
				[]billing.PaymentStatus{"paid", "unpaid", "no_payment_required"},
			).Draw(t, "payment"),
			SubscriptionID: billing.SubscriptionID(fmt.Sprint("sub_", count("of", 3))),
		})
		in.Picture.Charges = append(in.Picture.Charges, billing.StripeCharge{
			ID:              "ch" + id,
			PaymentIntentID: billing.PaymentIntentID("pi" + id),
			Amount:          500,
			AmountRefunded:  int64(count("refunded", 500)),
		})
	}
	return in
}
