package reconcile_test

import (
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves that refunds of an invoice are counted over all of its payments: one result for the invoice, however many
// charges it has.
func TestSeveralPayments(t *testing.T) {
	t.Parallel()
	half := func(id string, refunded int64) billing.StripeCharge {
		return billing.StripeCharge{
			ID: id, InvoiceID: "in_1", Currency: "usd", Amount: 450, Paid: true, AmountRefunded: refunded,
		}
	}
	failed, disputed, foreign := half("ch_3", 0), half("ch_3", 0), half("ch_3", 450)
	failed.Paid, foreign.Currency = false, "eur"
	disputed.Disputed, disputed.AmountDisputed = true, 450
	for name, c := range map[string]struct {
		charges        []billing.StripeCharge
		refunds, whole []reconcile.Refund
	}{
		"OneOfTwo": {
			[]billing.StripeCharge{half("ch_2", 0), half("ch_1", 450)},
			[]reconcile.Refund{{Key: "stripe:invoice:in_1", Refunded: 450, Amount: 900}}, nil,
		},
		"BesideAFailedOne": {
			[]billing.StripeCharge{half("ch_1", 450), half("ch_2", 0), failed},
			[]reconcile.Refund{{Key: "stripe:invoice:in_1", Refunded: 450, Amount: 900}}, nil,
		},
		"RefundAndDispute": {
			[]billing.StripeCharge{half("ch_1", 225), half("ch_2", 0), disputed},
			[]reconcile.Refund{{Key: "stripe:invoice:in_1", Refunded: 675, Amount: 1350}}, nil,
		},
		"OtherCurrency": {
			[]billing.StripeCharge{half("ch_1", 0), half("ch_2", 0), foreign}, nil,
			[]reconcile.Refund{{Key: "stripe:invoice:in_1", Amount: 900}},
		},
		"NoneBack": {
			[]billing.StripeCharge{half("ch_1", 0), half("ch_2", 0)}, nil,
			[]reconcile.Refund{{Key: "stripe:invoice:in_1", Amount: 900}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := decide(billing.Snapshot{Charges: c.charges})
			same(t, "refunds", d.Refunds, c.refunds)
			same(t, "kept", d.Kept, c.whole)
		})
	}
}

// Proves that a year goes on if one of its two payments was refunded, with half of each month clawed back. It stops
// when both were refunded.
func TestYearPaidTwice(t *testing.T) {
	t.Parallel()
	charge := func(id string, refunded int64) billing.StripeCharge {
		return billing.StripeCharge{
			ID: id, InvoiceID: "in_1", Currency: "usd", Amount: 4500, Paid: true, AmountRefunded: refunded,
		}
	}
	for _, c := range []struct{ second, months int64 }{{0, 2}, {4500, 1}} {
		d := monthly(billing.Snapshot{
			Invoices: []billing.StripeInvoice{year("in_1", february)}, Charges: []billing.StripeCharge{
				charge("ch_1", 4500), charge("ch_2", c.second),
			},
		}, tenth)
		if int64(len(d.Grants)) != c.months {
			t.Errorf("%d of the second payment back: %+v", c.second, d.Grants)
		}
	}
}
