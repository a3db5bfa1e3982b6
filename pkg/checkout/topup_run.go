package checkout

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// TopUpInterval is how long points may stay low before a job looks.
	TopUpInterval = 5 * time.Second

	topUpBatch    = 100
	maxBatches    = 20 // of one run; the next run starts over
	maxCharges    = 4  // at once
	chargeTimeout = 15 * time.Second
	maxChargeWait = 5 * time.Minute // between two tries to charge an order
)

// Run makes the orders that are due, then charges the orders that wait for it, including those that another process
// left behind. It may run on several replicas at once and may stop at any point: an order is written before Stripe is
// asked, an account has one at a time, and a process that resumes an order first looks whether it was charged. A
// failure for one account is logged, and the next run tries again.
func (s *TopUps) Run(ctx context.Context) error {
	after := billing.AccountID("")
	for range maxBatches {
		due, err := s.db.DueTopUps(ctx, s.db.Now(), after, topUpBatch)
		if err != nil {
			return err
		}
		for _, id := range due {
			if err := s.order(ctx, id); err != nil {
				s.log.WarnContext(ctx, "a top-up could not be ordered", "account", id, "error", err)
			}
			after = id
		}
		if len(due) < topUpBatch {
			break
		}
	}
	return s.chargeAll(ctx)
}

// order makes the account's next automatic order, if all the rules allow it. It decides them under the account's lock,
// by the account's row and its orders. So a top-up that the customer turns off or deletes in the meantime buys nothing,
// and saving it here does not bring it back.
func (s *TopUps) order(ctx context.Context, id billing.AccountID) error {
	if _, err := ledger.Current(ctx, s.db, id); err != nil { // applies what time has brought
		return err
	}
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		t, err := tx.TopUp(ctx, id)
		if billing.CodeOf(err) == billing.ENotFound {
			return nil
		}
		if err != nil || t.Status != billing.TopUpOn || a.Available >= t.Threshold {
			return err
		}
		next, err := s.allowedAt(ctx, tx, t)
		if err != nil || next == nil {
			return err
		}
		if a.Closed() != nil { // rest, and look again later
			t.DueAt = tx.Now.Add(s.coolOff)
			return tx.SaveTopUp(ctx, t)
		}
		if t.DueAt = *next; next.After(tx.Now) {
			return tx.SaveTopUp(ctx, t)
		}
		o, why := s.automatic(t)
		if why != "" {
			return tx.SaveTopUp(ctx, t.Stopped(why))
		}
		o.ID, o.CreatedAt = billing.NewOrderID(tx.Now), tx.Now
		if err := tx.InsertOrder(ctx, o); err != nil {
			return err
		}
		t.DueAt = tx.Now.Add(s.coolOff)
		return tx.SaveTopUp(ctx, t)
	})
}

// allowedAt returns when the next order may be made, as far as earlier orders decide it: now, after the cool-off, or
// next month. It returns nil while an automatic order is open.
func (s *TopUps) allowedAt(ctx context.Context, tx *store.Tx, t billing.TopUp) (*time.Time, error) {
	open, err := tx.OpenOrders(ctx, t.AccountID)
	if err != nil {
		return nil, err
	}
	for _, o := range open {
		if o.Automatic {
			return nil, nil
		}
	}
	begin, next := billing.MonthOf(tx.Now)
	since := begin
	if cool := tx.Now.Add(-s.coolOff); cool.Before(begin) {
		since = cool
	}
	made, err := tx.AutomaticOrders(ctx, t.AccountID, since)
	if err != nil {
		return nil, err
	}
	if counted(made, begin) >= t.MonthlyLimit {
		return &next, nil
	}
	at := tx.Now
	if n := len(made); n > 0 {
		if over := made[n-1].CreatedAt.Add(s.coolOff); over.After(at) {
			at = over
		}
	}
	return &at, nil
}

// automatic returns the order that a top-up makes, or the reason why it makes none. The customer agreed to a pack, its
// points and an amount, and all three must still match.
func (s *TopUps) automatic(t billing.TopUp) (billing.Order, billing.TopUpReason) {
	pack, ok := s.catalog.Pack(t.Pack)
	switch {
	case !ok || pack.Retired || t.Quantity > pack.MaxQuantity:
		return billing.Order{}, billing.TopUpPackGone
	case pack.Amount*t.Quantity != t.Amount || pack.Currency != t.Currency ||
		pack.Points*billing.Points(t.Quantity) != t.Points:
		return billing.Order{}, billing.TopUpPriceChanged
	}
	return billing.Order{
		AccountID: t.AccountID, Item: pack.ID, Kind: billing.KindPack, Quantity: t.Quantity, Points: t.Points,
		Amount: t.Amount, Currency: t.Currency, Status: billing.OrderPending, Automatic: true,
	}, ""
}

// chargeAll tries every order that is not known to be charged.
func (s *TopUps) chargeAll(ctx context.Context) error {
	after := billing.OrderID("")
	for range maxBatches {
		waiting, err := s.db.UnchargedOrders(ctx, s.db.Now(), after, topUpBatch)
		if err != nil {
			return err
		}
		var charges errgroup.Group
		charges.SetLimit(maxCharges)
		for _, o := range waiting {
			charges.Go(func() error { s.try(ctx, o); return nil })
			after = o.ID
		}
		_ = charges.Wait()
		if len(waiting) < topUpBatch {
			break
		}
	}
	return nil
}

// try charges an order. An order still waits if Stripe refused, did not reply or was not asked. Then its next try comes
// after as much time as its age, at most maxChargeWait: after 5, 10, 20 … seconds, since the job looks every
// TopUpInterval.
func (s *TopUps) try(ctx context.Context, o billing.Order) {
	within, cancel := context.WithTimeout(ctx, chargeTimeout)
	defer cancel()
	waits, err := s.charge(within, o)
	if err != nil {
		s.log.WarnContext(
			ctx, "an automatic order could not be charged", "account", o.AccountID, "order", o.ID, "error", err,
		)
	}
	if err == nil && !waits {
		return
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, o.AccountID); err != nil {
			return err
		}
		return tx.PutOffCharge(ctx, o.AccountID, o.ID, tx.Now.Add(min(tx.Now.Sub(o.CreatedAt), maxChargeWait)))
	})
	if err != nil {
		s.log.WarnContext(
			ctx, "an automatic order could not be put off", "account", o.AccountID, "order", o.ID, "error", err,
		)
	}
}

// charge brings an order to its payment, and a sync decides the result. It looks before it asks, so it finds a charge
// that was requested by a process that died, or whose reply was lost. An order that cannot be charged waits until it is
// old enough for a sync to give it up.
func (s *TopUps) charge(ctx context.Context, o billing.Order) (waits bool, err error) {
	a, err := s.db.Account(ctx, o.AccountID)
	if err != nil {
		return true, err
	}
	i, found, err := s.stripe.OrderIntent(ctx, a.CustomerID, o)
	if err != nil {
		return true, err
	}
	if !found {
		if i, found, err = s.ask(ctx, a, o); err != nil {
			return true, err
		}
	}
	switch {
	case found && i.Payable():
		if err := s.stripe.CancelIntent(ctx, i.ID); err != nil {
			return true, err
		}
	case !found && s.age(o) <= reconcile.UnchargedAge:
		return true, nil
	}
	_, err = s.syncer.Sync(ctx, o.AccountID, billing.CauseTopUp)
	return false, err
}

func (s *TopUps) age(o billing.Order) time.Duration { return s.db.Now().Sub(o.CreatedAt) }

// ask charges the saved payment method, if the customer still wants it and it is not too late. It looks at
// the age once more just before the charge, because the calls before may have taken long.
func (s *TopUps) ask(
	ctx context.Context, a billing.Account, o billing.Order,
) (i billing.StripeIntent, asked bool, err error) {
	t, err := s.db.TopUp(ctx, o.AccountID)
	if billing.CodeOf(err) == billing.ENotFound {
		return i, false, nil
	}
	if err != nil || t.Status != billing.TopUpOn || s.age(o) >= reconcile.ChargeAge || a.Closed() != nil {
		return i, false, err
	}
	method, err := s.stripe.SavedMethod(ctx, a.CustomerID)
	if err != nil {
		return i, false, err
	}
	if method == "" {
		return i, false, s.stop(ctx, o.AccountID, billing.TopUpNoMethod)
	}
	if s.age(o) >= reconcile.ChargeAge {
		return i, false, nil
	}
	i, err = s.stripe.ChargeSaved(ctx, o, a.CustomerID, method)
	return i, err == nil, err
}

// stop stops a top-up until its customer acts, unless it is already off.
func (s *TopUps) stop(ctx context.Context, id billing.AccountID, why billing.TopUpReason) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, id); err != nil {
			return err
		}
		t, err := tx.TopUp(ctx, id)
		if err != nil || t.Status != billing.TopUpOn {
			return err
		}
		return tx.SaveTopUp(ctx, t.Stopped(why))
	})
}
