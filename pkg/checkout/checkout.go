// Package checkout owns selling: orders of catalogue items and the Stripe Checkout Sessions that customers pay at. It
// also owns the changes of subscriptions and automatic top-ups.
//
// It refuses to decide what was paid: package reconcile does that. It trusts no client: the client names an item and a
// quantity, never a price, an amount or another account's id.
//
// An order's row is written before Stripe is asked, and every request to Stripe carries an idempotency key derived from
// a row. So a request that was cut off can be repeated: it continues where it stopped and never sells twice.
package checkout

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Service sells, shows orders and changes subscriptions.
type Service struct {
	db      *store.DB
	stripe  *stripegw.Gateway
	catalog *catalog.Catalog
	syncer  *reconcile.Syncer
	origins Origins
}

// New returns a Service that redirects to the given origins only.
func New(
	db *store.DB, stripe *stripegw.Gateway, c *catalog.Catalog, syncer *reconcile.Syncer, origins Origins,
) *Service {
	return &Service{db: db, stripe: stripe, catalog: c, syncer: syncer, origins: origins}
}

// Request asks for an item. Key is the caller's Idempotency-Key, or "" for none.
type Request struct {
	Item       string
	Quantity   int64
	SuccessURL string
	CancelURL  string
	SaveMethod bool   // keep the payment method for charges while the customer is away; that of a plan is kept anyway
	Promotion  string // the promotion code that the customer typed, or "" for none
	Key        string
}

// hash returns a hash that differs between two different requests under one key.
func (r Request) hash() string {
	return billing.RequestHash("checkout", r.Item, r.Quantity, r.SuccessURL, r.CancelURL, r.SaveMethod, r.Promotion)
}

// maxOpen limits the orders of one account that can still be paid. Orders whose page is complete do not count: a bank
// may take days over them.
const maxOpen = 20

// reuseMargin is the least time that an open page must have left to be handed out again.
const reuseMargin = 5 * time.Minute

// Create makes an order and its page at Stripe. It returns the existing order if the key was used before, or if the
// same is asked for again while the page is open. replayed reports that an earlier request with this key had the
// effect. Errors: EInvalid, ESubscriptionExists, EConflict, EKeyReused, ETooMany, EStripeUnavailable, EStripeRefused.
func (s *Service) Create(
	ctx context.Context, id billing.AccountID, r Request,
) (o billing.Order, replayed bool, err error) {
	draft, invalid := s.draft(id, r)
	answered, err := s.answered(ctx, draft, r.Key)
	if err != nil {
		return o, false, err
	}
	var (
		a         billing.Account
		promotion billing.PromotionCodeID
		ended     []billing.CheckoutID
	)
	if !answered { // otherwise Stripe is not asked again, and what is sold by now does not matter
		if invalid != nil {
			return o, false, invalid
		}
		if err := lockAndTake(ctx, s.db, id, billing.RequestCheckout); err != nil {
			return o, false, err
		}
		if a, err = s.ensureCustomer(ctx, id); err != nil {
			return o, false, err
		}
		if promotion, err = s.promotion(ctx, a, r); err != nil {
			return o, false, err
		}
		if ended, err = s.endedPages(ctx, draft); err != nil {
			return o, false, err
		}
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		o, replayed, err = claim(ctx, tx, draft, ended, r.Key)
		return err
	})
	if err != nil || o.Status != billing.OrderPending {
		return o, replayed, err
	}
	if o.CheckoutID == "" {
		if o, err = s.open(ctx, a, o, r.SaveMethod, promotion); err != nil {
			return o, false, err
		}
	}
	if o, err = s.leaveOnePlan(ctx, o); err != nil {
		return o, false, err
	}
	if o.Status != billing.OrderPending && !replayed {
		return o, false, billing.Errorf(
			billing.EConflict,
			"Another plan was ordered at the same time, and only the newest order's page can be paid.",
		)
	}
	return o, replayed, nil
}

// draft returns the order that a request would make. Errors: EInvalid, if it can make none today; the request's hash is
// set even then.
func (s *Service) draft(id billing.AccountID, r Request) (billing.Order, error) {
	o := billing.Order{
		AccountID: id, Item: r.Item, Quantity: max(r.Quantity, 1), Status: billing.OrderPending, RequestHash: r.hash(),
	}
	if plan, ok := s.catalog.Plan(r.Item); ok && !plan.Retired {
		if err := seats(plan, o.Quantity); err != nil {
			return o, err
		}
		o.Kind, o.Points, o.Amount, o.Currency = billing.KindPlan, plan.Points*billing.Points(o.Quantity), plan.Amount*o.Quantity, plan.Currency
	} else if pack, ok := s.catalog.Pack(r.Item); ok && !pack.Retired {
		if o.Quantity > pack.MaxQuantity {
			return o, billing.Invalid("/quantity", "at most %d of this pack at once", pack.MaxQuantity)
		}
		o.Kind, o.Points, o.Amount, o.Currency = billing.KindPack, pack.Points*billing.Points(o.Quantity), pack.Amount*o.Quantity, pack.Currency
	} else {
		return o, billing.Invalid("/item", "is not in the catalogue, or is no longer sold")
	}
	var err error
	if o.SuccessURL, err = s.origins.resolve("/success_url", r.SuccessURL, "/?order_id={ORDER_ID}"); err != nil {
		return o, err
	}
	o.CancelURL, err = s.origins.resolve("/cancel_url", r.CancelURL, "/?cancelled=1")
	return o, err
}

// claim returns the order that the request's key led to before. Otherwise it finds or makes the order and ties the key
// to it.
func claim(
	ctx context.Context, tx *store.Tx, draft billing.Order, ended []billing.CheckoutID, key string,
) (o billing.Order, replayed bool, err error) {
	a, err := tx.LockAccount(ctx, draft.AccountID)
	if err != nil {
		return o, false, err
	}
	if key != "" {
		o, hash, err := tx.OrderByKey(ctx, a.ID, key)
		switch {
		case err == nil && hash != draft.RequestHash:
			return o, false, billing.KeyReused()
		case err == nil && o.Status == billing.OrderPending:
			return o, true, refuseSecond(a, o)
		case err == nil:
			return o, true, nil
		case billing.CodeOf(err) != billing.ENotFound:
			return o, false, err
		}
	}
	if o, err = findOrMake(ctx, tx, a, draft, ended); err != nil || key == "" {
		return o, false, err
	}
	return o, false, tx.InsertOrderKey(ctx, o, key, draft.RequestHash)
}

// findOrMake returns an order that waits for exactly this request on an open page, or inserts the draft.
func findOrMake(
	ctx context.Context, tx *store.Tx, a billing.Account, draft billing.Order, ended []billing.CheckoutID,
) (billing.Order, error) {
	if err := refuseSecond(a, draft); err != nil {
		return draft, err
	}
	open, err := tx.OpenOrders(ctx, a.ID)
	if err != nil {
		return draft, err
	}
	if err := refuseBesidePayment(draft, open); err != nil {
		return draft, err
	}
	payable := 0
	for _, o := range open {
		if reusable(o, draft, tx.Now) && !slices.Contains(ended, o.CheckoutID) && !outdated(o, open) {
			return o, nil
		}
		if !o.Automatic && !complete(o) {
			payable++
		}
	}
	if payable >= maxOpen {
		return draft, &billing.Error{Code: billing.ETooMany, RetryAfter: time.Hour,
			Message: "This account has too many unpaid orders. They run out within a day."}
	}
	draft.ID, draft.CreatedAt = billing.NewOrderID(tx.Now), tx.Now
	draft.SuccessURL = strings.ReplaceAll(draft.SuccessURL, "{ORDER_ID}", string(draft.ID))
	draft.CancelURL = strings.ReplaceAll(draft.CancelURL, "{ORDER_ID}", string(draft.ID))
	return draft, tx.InsertOrder(ctx, draft)
}

// reusable reports whether an open order matches the request exactly and, as far as is known, its page can be paid.
func reusable(o, draft billing.Order, now time.Time) bool {
	return o.Status == billing.OrderPending && o.URL != "" && o.RequestHash == draft.RequestHash &&
		o.Amount == draft.Amount && o.Currency == draft.Currency && o.Points == draft.Points && o.ExpiresAt != nil &&
		o.ExpiresAt.Sub(now) > reuseMargin
}

// open makes the order's page at Stripe, then saves its address. If the save is cut off, the next request with the
// order's key is identical, so Stripe returns the same page.
func (s *Service) open(
	ctx context.Context, a billing.Account, o billing.Order, saveMethod bool, promotion billing.PromotionCodeID,
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
		Customer:        a.CustomerID,
		Price:           price.ID,
		SaveMethod:      saveMethod,
		Promotion:       promotion,
		AllowPromotions: s.catalog.AllowPromotionCodes,
	}
	if plan, ok := s.catalog.Plan(o.Item); ok && a.TrialUsedAt == nil { // one trial for each account, ever
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
	return s.note(ctx, o, page)
}

// note saves an order's page, unless a concurrent request has done so.
func (s *Service) note(ctx context.Context, o billing.Order, page billing.StripeCheckout) (billing.Order, error) {
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

// withdraw closes a page whose amount is not the catalogue's, because the customer was promised the catalogue's amount.
func (s *Service) withdraw(ctx context.Context, o billing.Order, page billing.StripeCheckout) error {
	if _, err := s.note(ctx, o, page); err != nil {
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
	return billing.Errorf(billing.EStripeRefused,
		"The price of %s at Stripe is not the one in the catalogue, so nothing is sold. The operator has to run pointsync stripe setup.",
		o.Item)
}
