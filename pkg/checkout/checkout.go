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
	"context"
	"log/slog"
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
	origins billing.Origins
	log     *slog.Logger

	deletions deletions
}

// New returns a Service that redirects to the given origins only.
func New(
	db *store.DB, stripe *stripegw.Gateway, c *catalog.Catalog, syncer *reconcile.Syncer,
	origins billing.Origins,
	log *slog.Logger,
) *Service {
	return &Service{db: db, stripe: stripe, catalog: c, syncer: syncer, origins: origins, log: log,
		deletions: deletions{timeout: deletionTimeout}}
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
	Login      billing.SessionID // of the customer: it must live
}

// of returns what a repeat of the request is recognized by.
func (r Request) of(id billing.AccountID) billing.Request {
	return billing.Request{
		Account:   id,
		Operation: billing.OperationCheckout,
		Key:       r.Key,
		Hash: billing.RequestHash(
			"checkout", r.Item, r.Quantity, r.SuccessURL, r.CancelURL, r.SaveMethod, r.Promotion,
		),
	}
}

// maxOpen limits the orders of one account that can still be paid. Orders whose page is complete do not count: a bank
// may take days over them.
const maxOpen = 20

// Create makes an order and its page at Stripe. It returns the existing order if the key was used before, or if the
// same is asked for again while the page is open. replayed reports that an earlier request with this key had the
// effect. Errors: EInvalid, ESubscriptionExists, EConflict, EKeyReused, ETooMany, EStripeUnavailable, EStripeRefused,
// EUnauthorized (the login has ended), EAccountClosed.
func (s *Service) Create(
	ctx context.Context, id billing.AccountID, r Request,
) (o billing.Order, replayed bool, err error) {
	request := r.of(id)
	o, answered, err := s.answered(ctx, request)
	switch {
	case err != nil:
		return o, false, err
	case answered && o.Status == billing.OrderPending:
		o, err = s.leaveOnePlan(ctx, o)
		return o, err == nil, err
	case answered:
		return o, true, nil
	}
	draft, err := s.draft(request, r)
	if err != nil {
		return o, false, err
	}
	p, err := s.prepare(ctx, draft, r)
	if err != nil {
		return o, false, err
	}
	o, replayed, err = s.claim(ctx, request, r.Login, draft, p.ended)
	if err != nil || o.Status != billing.OrderPending {
		return o, replayed, err
	}
	if o.CheckoutID == "" {
		if o, err = s.openPage(ctx, o, p, r.SaveMethod); err != nil {
			return o, false, err
		}
	}
	if o, err = s.leaveOnePlan(ctx, o); err != nil {
		return o, false, err
	}
	if o.Kind == billing.KindPlan && o.Status == billing.OrderExpired && !replayed {
		return o, false, billing.Errorf(
			billing.EConflict,
			"Another plan was ordered at the same time, and only the newest order's page can be paid.",
		)
	}
	return o, replayed, nil
}

// answered returns the order that the request's key led to, and whether it has a page or has ended. A repeat then
// changes nothing, whatever is sold by now. Errors: EKeyReused.
func (s *Service) answered(ctx context.Context, request billing.Request) (o billing.Order, ok bool, err error) {
	id, used, err := s.db.RequestResult(ctx, request)
	if err != nil || !used {
		return o, false, err
	}
	o, err = s.db.Order(ctx, request.Account, billing.OrderID(id))
	if billing.CodeOf(err) == billing.ENotFound { // deleted since: it got no page
		return o, false, nil
	}
	return o, err == nil && (o.CheckoutID != "" || o.Status != billing.OrderPending), err
}

// draft returns the order that a request would make. Errors: EInvalid, if it can make none today.
func (s *Service) draft(request billing.Request, r Request) (o billing.Order, err error) {
	o = billing.Order{
		AccountID:   request.Account,
		Item:        r.Item,
		Quantity:    max(r.Quantity, 1),
		Status:      billing.OrderPending,
		RequestHash: request.Hash,
	}
	if err := s.offer(&o); err != nil {
		return o, err
	}
	if o.SuccessURL, err = resolve(s.origins, "/success_url", r.SuccessURL, "/?order_id={ORDER_ID}"); err != nil {
		return o, err
	}
	o.CancelURL, err = resolve(s.origins, "/cancel_url", r.CancelURL, "/?cancelled=1")
	return o, err
}

// offer sets what the catalogue promises for the order's item and quantity. Errors: EInvalid, if it does not sell that.
func (s *Service) offer(o *billing.Order) error {
	if plan, ok := s.catalog.Plan(o.Item); ok && !plan.Retired {
		o.Kind, o.Currency = billing.KindPlan, plan.Currency
		o.Points, o.Amount = plan.Points*billing.Points(o.Quantity), plan.Amount*o.Quantity
		return plan.CheckQuantity(o.Quantity)
	}
	if pack, ok := s.catalog.Pack(o.Item); ok && !pack.Retired {
		o.Kind, o.Currency = billing.KindPack, pack.Currency
		o.Points, o.Amount = pack.Points*billing.Points(o.Quantity), pack.Amount*o.Quantity
		return pack.CheckQuantity(o.Quantity)
	}
	return billing.Invalid("/item", "is not in the catalogue, or is no longer sold")
}

// prepared is what Stripe says before an order is made.
type prepared struct {
	account   billing.Account // with its customer
	promotion billing.PromotionCodeID
	ended     []billing.CheckoutID // pages that must not be handed out again
}

// prepare asks Stripe for what an order needs. Errors: EInvalid, ETooMany, EStripeUnavailable, EStripeRefused.
func (s *Service) prepare(ctx context.Context, draft billing.Order, r Request) (p prepared, err error) {
	if err := lockAndTake(ctx, s.db, draft.AccountID, r.Login, billing.RequestCheckout); err != nil {
		return p, err
	}
	if p.account, err = s.ensureCustomer(ctx, draft.AccountID); err != nil {
		return p, err
	}
	if p.promotion, err = s.promotion(ctx, p.account, r); err != nil {
		return p, err
	}
	p.ended, err = s.endedPages(ctx, draft)
	return p, err
}

// claim returns the order that the request's key led to before. Otherwise it finds or makes the order, and ties the key
// to it. The request's login must live.
func (s *Service) claim(
	ctx context.Context, request billing.Request, login billing.SessionID, draft billing.Order,
	ended []billing.CheckoutID,
) (o billing.Order, replayed bool, err error) {
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockOpen(ctx, request.Account, login)
		if err != nil {
			return err
		}
		var id string
		id, replayed, err = tx.Once(ctx, request, func() (_ string, err error) {
			o, err = findOrMake(ctx, tx, a, draft, ended)
			return string(o.ID), err
		})
		if err != nil || !replayed {
			return err
		}
		o, err = tx.Order(ctx, a.ID, billing.OrderID(id))
		if err != nil || o.Status != billing.OrderPending {
			return err
		}
		return refuseSecond(a, o)
	})
	return o, replayed, err
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
