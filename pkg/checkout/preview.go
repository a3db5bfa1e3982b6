package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Effect says when a change happens.
type Effect string

// The times at which a change takes effect.
const (
	EffectNow       Effect = "now"
	EffectPeriodEnd Effect = "period_end"
)

// Preview is the expected result of a change. If the change happens at the period's end, nothing is due now.
type Preview struct {
	Effect        Effect
	At            time.Time
	Quantity      int64
	AmountDue     int64 // in the currency's smallest unit
	Currency      string
	Lines         []billing.StripeInvoiceLine
	Points        billing.Points // granted when the amount is paid
	ProrationDate int64          // send it with the change, so that it costs exactly this; 0 if nothing is prorated
}

// Preview returns what a change of plan or quantity would cost and bring, without making it. Errors: those of Change,
// except those about keys and payments.
func (s *Service) Preview(ctx context.Context, id billing.AccountID, r ChangeRequest) (p Preview, err error) {
	plan, err := s.wantedPlan(r)
	if err != nil {
		return p, err
	}
	if err := lockAndTake(ctx, s.db, id, r.Login, billing.RequestSubscription); err != nil {
		return p, err
	}
	v, err := s.look(ctx, id)
	if err != nil {
		return p, err
	}
	m, err := decideMove(v, plan, r)
	if err != nil {
		return p, err
	}
	p = Preview{Effect: EffectNow, At: v.now, Quantity: m.quantity, Currency: v.terms.Currency}
	switch m.action {
	case billing.ActionSchedule:
		p.Effect, p.At = EffectPeriodEnd, v.terms.CurrentPeriodEnd
		return p, nil
	case billing.ActionNone, billing.ActionSwap:
		return p, nil
	}
	price, err := s.stripe.PlanPrice(ctx, plan)
	if err != nil {
		return p, err
	}
	p.ProrationDate = v.now.Unix()
	invoice, err := s.stripe.PreviewCharge(ctx, stripegw.NewItem{
		Subscription:  v.terms.ID,
		Item:          v.terms.ItemID,
		Price:         price,
		Quantity:      m.quantity,
		ProrationDate: p.ProrationDate,
	})
	if err != nil {
		return p, err
	}
	p.At, p.AmountDue, p.Lines = time.Unix(p.ProrationDate, 0).UTC(), invoice.AmountPaid, invoice.Lines
	p.Points = reconcile.InvoicePoints(s.catalog, invoice)
	return p, nil
}
