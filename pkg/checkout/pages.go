package checkout

import (
	"cmp"
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// endedPages asks Stripe about the pages that would be handed out again, and returns those that cannot be paid any
// more. The customer may have paid, or the operator may have closed them, before any event reported it. If there are
// any, a sync updates the orders.
func (s *Service) endedPages(ctx context.Context, draft billing.Order) (ended []billing.CheckoutID, err error) {
	open, err := s.db.OpenOrders(ctx, draft.AccountID)
	if err != nil {
		return nil, err
	}
	for _, o := range open {
		if !reusable(o, draft, s.db.Now()) {
			continue
		}
		page, err := s.stripe.Checkout(ctx, o.CheckoutID)
		if err != nil && billing.CodeOf(err) != billing.ENotFound {
			return nil, err
		}
		if page.Status != billing.CheckoutOpen {
			ended = append(ended, o.CheckoutID)
		}
	}
	if len(ended) > 0 {
		_, err = s.syncer.Sync(ctx, draft.AccountID, billing.CauseEvent)
	}
	return ended, err
}

// reuseMargin is the least time that an open page must have left to be handed out again.
const reuseMargin = 5 * time.Minute

// reusable reports whether an open order matches the request exactly and, as far as is known, its page can be paid.
func reusable(o, draft billing.Order, now time.Time) bool {
	return o.Status == billing.OrderPending && o.URL != "" && o.RequestHash == draft.RequestHash &&
		o.Amount == draft.Amount && o.Currency == draft.Currency && o.Points == draft.Points && o.ExpiresAt != nil &&
		o.ExpiresAt.Sub(now) > reuseMargin
}

// complete reports whether the customer has paid on the order's page, so that it leads nowhere any more. The payment
// itself may still take days.
func complete(o billing.Order) bool { return o.CheckoutID != "" && o.URL == "" }

// openPage makes the order's page at Stripe, then saves its address. If the save is cut off, the next request with the
// order's key is identical, so Stripe returns the same page.
func (s *Service) openPage(
	ctx context.Context, o billing.Order, p prepared, saveMethod bool,
) (billing.Order, error) {
	price, err := s.stripe.Sold(ctx, o.Item)
	if err != nil {
		return o, err
	}
	if price.Terms != nil && price.Terms.Points*billing.Points(o.Quantity) != o.Points {
		return o, cmp.Or(s.forgetOrder(ctx, o), notSetUp(o))
	}
	ask := stripegw.NewCheckout{
		Order:           o,
		Customer:        p.account.CustomerID,
		Price:           price.ID,
		SaveMethod:      saveMethod,
		Promotion:       p.promotion,
		AllowPromotions: s.catalog.AllowPromotionCodes,
	}
	if plan, ok := s.catalog.Plan(o.Item); ok && p.account.TrialUsedAt == nil { // one trial for each account, ever
		ask.TrialDays = plan.TrialDays
	}
	page, err := s.stripe.CreateCheckout(ctx, ask)
	if billing.CodeOf(err) == billing.EInvalid { // the promotion code does not apply
		return o, cmp.Or(s.forgetOrder(ctx, o), notApplicable())
	}
	if err != nil {
		return o, err
	}
	if ask.TrialDays == 0 && (page.AmountSubtotal != o.Amount || page.Currency != o.Currency) {
		return o, s.withdraw(ctx, o, page)
	}
	return s.savePage(ctx, o, page)
}

// savePage saves an order's page, unless a concurrent request has done so.
func (s *Service) savePage(ctx context.Context, o billing.Order, page billing.StripeCheckout) (billing.Order, error) {
	err := s.db.InTx(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.LockAccount(ctx, o.AccountID); err != nil {
			return err
		}
		if o, err = tx.Order(ctx, o.AccountID, o.ID); err != nil || o.CheckoutID != "" {
			return err
		}
		o.CheckoutID, o.URL, o.ExpiresAt = page.ID, page.URL, &page.ExpiresAt
		return tx.SaveOrder(ctx, o)
	})
	return o, err
}

// forgetOrder deletes an order that never had a page, so that its key is unused again.
func (s *Service) forgetOrder(ctx context.Context, o billing.Order) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, o.AccountID); err != nil {
			return err
		}
		return tx.DeleteOrder(ctx, o.AccountID, o.ID)
	})
}

// withdraw closes a page whose amount is not the catalogue's, because the customer was promised the catalogue's amount.
func (s *Service) withdraw(ctx context.Context, o billing.Order, page billing.StripeCheckout) error {
	if _, err := s.savePage(ctx, o, page); err != nil {
		return err
	}
	if err := s.stripe.ExpireCheckout(ctx, page.ID); err != nil {
		return err
	}
	return notSetUp(o)
}

// notSetUp returns the error that refuses to sell an item whose price at Stripe has another amount or other points than
// the catalogue promises.
func notSetUp(o billing.Order) error {
	return billing.Errorf(
		billing.EStripeRefused,
		"The price of %s at Stripe is not the one in the catalogue, so nothing is sold. "+
			"The operator has to run pointsync stripe setup.",
		o.Item,
	)
}
