package reconcile_test

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// The decisions are made in March 2030, on the tenth at noon. A subscription's period is that month.
var (
	february = time.Date(2030, time.February, 1, 0, 0, 0, 0, time.UTC)
	march    = time.Date(2030, time.March, 1, 0, 0, 0, 0, time.UTC)
	april    = time.Date(2030, time.April, 1, 0, 0, 0, 0, time.UTC)
	tenth    = time.Date(2030, time.March, 10, 12, 0, 0, 0, time.UTC)
)

const (
	sub    = billing.SubscriptionID("sub_1")
	source = "subscription:sub_1"
)

var shop = &catalog.Catalog{
	Plans: []billing.Plan{
		{ID: "basic", Name: "Basic", Amount: 900, Currency: "usd", Interval: "month", Points: 500},
		{
			ID:          "pro",
			Name:        "Pro",
			Amount:      1900,
			Currency:    "usd",
			Interval:    "month",
			Points:      1200,
			TrialDays:   14,
			TrialPoints: 50,
			Rollover:    7,
		},
	},
	Packs: []billing.Pack{{ID: "pack", Name: "Pack", Amount: 500, Currency: "usd", Points: 100, MaxQuantity: 10}},
}

// decide decides about a picture of an account without earlier syncs.
func decide(p billing.Snapshot, orders ...billing.Order) reconcile.Decision {
	return reconcile.Decide(input(p, orders...))
}

func input(p billing.Snapshot, orders ...billing.Order) reconcile.Input {
	return reconcile.Input{
		Account: billing.Account{ID: "acc_1"},
		Orders:  orders,
		Picture: p,
		Began:   tenth,
		Now:     tenth,
		Catalog: shop,
		Policy:  policy,
	}
}

// subscription returns a subscription of March, created in February.
func subscription(status billing.SubscriptionStatus) billing.StripeSubscription {
	return billing.StripeSubscription{
		ID:                 sub,
		Status:             status,
		Item:               "basic",
		Quantity:           1,
		CurrentPeriodStart: march,
		CurrentPeriodEnd:   april,
		Created:            february,
	}
}

// invoice returns an invoice of the subscription with the given lines. It was created when the first line's period
// begins, and paid in money.
func invoice(
	id billing.InvoiceID, status billing.InvoiceStatus, reason billing.InvoiceReason,
	lines ...billing.StripeInvoiceLine,
) billing.StripeInvoice {
	i := billing.StripeInvoice{
		ID:             id,
		SubscriptionID: sub,
		Status:         status,
		BillingReason:  reason,
		Currency:       "usd",
		Created:        lines[0].PeriodStart,
		Lines:          slices.Clone(lines),
	}
	for n, l := range lines {
		i.Total += l.Amount
		i.Lines[n].Currency, i.Lines[n].UnitCurrency = cmp.Or(l.Currency, "usd"), cmp.Or(l.UnitCurrency, "usd")
	}
	if status == billing.InvoicePaid {
		i.AmountPaid = max(0, i.Total)
	}
	return i
}

// line returns a line for a period of the basic plan.
func line(id string, start, end time.Time) billing.StripeInvoiceLine {
	return billing.StripeInvoiceLine{
		ID: id, Item: "basic", Amount: 900, Quantity: 1, PeriodStart: start, PeriodEnd: end,
	}
}

func ptr[T any](v T) *T { return &v }

// same compares what a test wants with what it got. It compares times and pointers by value.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}
