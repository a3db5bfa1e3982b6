package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Effect is when a change happens.
type Effect string

// When a change takes effect.
const (
	EffectNow       Effect = "now"
	EffectPeriodEnd Effect = "period_end"
)

// Preview is what a change would come to. Of one at the period's end nothing is due now.
type Preview struct {
	Effect        Effect
	At            time.Time
	Quantity      int64
	AmountDue     int64 // in the currency's smallest unit
	Currency      string
	Lines         []billing.StripeInvoiceLine
	Points        billing.Points // that paying it brings
	ProrationDate int64          // to be sent with the change, so that it costs just this; 0 where nothing is prorated
}

// Preview says what a change of plan or quantity would come to, and makes none. Errors: those of Change but for keys
// and payments.
func (s *Service) Preview(ctx context.Context, id billing.AccountID, r ChangeRequest) (p Preview, err error) {
	plan, err := s.wantedPlan(r)
	if err != nil {
		return p, err
	}
	if err := lockAndTake(ctx, s.db, id, billing.RequestSubscription); err != nil {
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
