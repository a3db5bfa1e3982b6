package checkout

import (
	"context"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// TopUps buys packs for customers who asked for it and whose points run low. It charges a payment method that the
// customer saved. A job does this (topup_run.go); a spend does no work for it.
type TopUps struct {
	db      *store.DB
	stripe  *stripegw.Gateway
	catalog *catalog.Catalog
	syncer  *reconcile.Syncer
	coolOff time.Duration
	log     *slog.Logger
}

// NewTopUps returns TopUps that leave coolOff between two attempts for one account.
func NewTopUps(
	db *store.DB, stripe *stripegw.Gateway, c *catalog.Catalog, syncer *reconcile.Syncer, coolOff time.Duration,
	log *slog.Logger,
) *TopUps {
	return &TopUps{db: db, stripe: stripe, catalog: c, syncer: syncer, coolOff: coolOff, log: log}
}

// TopUpRequest is what a customer asks for. The catalogue decides what it costs and how many points it brings.
type TopUpRequest struct {
	Enabled      bool
	Pack         string
	Quantity     int64 // 0 means 1
	Threshold    billing.Points
	MonthlyLimit int64
	Login        billing.SessionID // of the customer: it must live
}

// TopUpState is a top-up and how often it has bought this month.
type TopUpState struct {
	billing.TopUp
	Used int64 // orders this month
}

// Get returns the account's top-up, or nil if there is none.
func (s *TopUps) Get(ctx context.Context, id billing.AccountID) (*TopUpState, error) {
	t, err := s.db.TopUp(ctx, id)
	if billing.CodeOf(err) == billing.ENotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	begin, _ := billing.MonthOf(s.db.Now())
	made, err := s.db.AutomaticOrders(ctx, id, begin)
	if err != nil {
		return nil, err
	}
	return &TopUpState{TopUp: t, Used: counted(made, begin)}, nil
}

// Put sets the account's top-up to what the customer asks for. Turning it on needs a saved payment method. It also
// makes a fresh start: earlier declines are forgotten, but the cool-off and the month's count are kept. Errors:
// EInvalid, EConflict, ETooMany, EStripeUnavailable, EStripeRefused, EUnauthorized (the login has ended),
// EAccountClosed.
func (s *TopUps) Put(ctx context.Context, id billing.AccountID, w TopUpRequest) (*TopUpState, error) {
	t, err := s.draft(id, w)
	if err != nil {
		return nil, err
	}
	if w.Enabled {
		if err := s.needMethod(ctx, id, w.Login); err != nil {
			return nil, err
		}
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, id, w.Login); err != nil {
			return err
		}
		t.CreatedAt, t.DueAt = tx.Now, tx.Now
		switch before, err := tx.TopUp(ctx, id); {
		case err == nil:
			t.CreatedAt = before.CreatedAt
		case billing.CodeOf(err) != billing.ENotFound:
			return err
		}
		return tx.SaveTopUp(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id)
}

// Delete deletes the account's top-up. An order that it has already made continues. login is the
// customer's, and must live. Errors: EUnauthorized, EAccountClosed.
func (s *TopUps) Delete(ctx context.Context, id billing.AccountID, login billing.SessionID) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, id, login); err != nil {
			return err
		}
		return tx.DeleteTopUp(ctx, id)
	})
}

// draft returns the top-up that a wish would make.
func (s *TopUps) draft(id billing.AccountID, w TopUpRequest) (billing.TopUp, error) {
	t := billing.TopUp{
		AccountID:    id,
		Status:       billing.TopUpOff,
		Pack:         w.Pack,
		Quantity:     max(w.Quantity, 1),
		Threshold:    w.Threshold,
		MonthlyLimit: w.MonthlyLimit,
	}
	if w.Enabled {
		t.Status = billing.TopUpOn
	}
	pack, ok := s.catalog.Pack(w.Pack)
	if !ok || pack.Retired {
		return t, billing.Invalid("/pack", "is no pack of the catalogue, or is no longer sold")
	}
	if err := pack.CheckQuantity(t.Quantity); err != nil {
		return t, err
	}
	t.Points, t.Amount, t.Currency = pack.Points*billing.Points(t.Quantity), pack.Amount*t.Quantity, pack.Currency
	return t, nil
}

// needMethod refuses to turn on a top-up that would have nothing to charge.
func (s *TopUps) needMethod(ctx context.Context, id billing.AccountID, login billing.SessionID) error {
	a, err := s.db.Account(ctx, id)
	if err != nil {
		return err
	}
	var method billing.PaymentMethodID
	if a.CustomerID != "" {
		if err := lockAndTake(ctx, s.db, id, login, billing.RequestTopUp); err != nil {
			return err
		}
		if method, err = s.stripe.SavedMethod(ctx, a.CustomerID); err != nil {
			return err
		}
	}
	if method == "" {
		return billing.Errorf(
			billing.EConflict,
			"No payment method is saved. "+
				"Buy a pack with save_payment_method, subscribe, or add a card in the billing portal (POST /portal).",
		)
	}
	return nil
}

// counted returns how many automatic orders count towards the limit of the month that starts at begin. All count except
// those that brought nothing.
func counted(made []billing.Order, begin time.Time) (n int64) {
	for _, o := range made {
		if !o.CreatedAt.Before(begin) && o.Status != billing.OrderFailed && o.Status != billing.OrderExpired {
			n++
		}
	}
	return n
}
