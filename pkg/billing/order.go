package billing

import "time"

// OrderStatus is our word for the state of an order. docs/states.md draws it.
type OrderStatus string

// The states of an order.
const (
	OrderPending   OrderStatus = "pending"   // waiting for the customer on Stripe's page
	OrderPaid      OrderStatus = "paid"      // Stripe has the money (or needs none), but the points are not granted yet
	OrderFulfilled OrderStatus = "fulfilled" // points granted
	OrderExpired   OrderStatus = "expired"   // the page expired unpaid, or nothing was charged in time
	OrderFailed    OrderStatus = "failed"    // a delayed payment failed, or the charge of an automatic order did
	OrderRefunded  OrderStatus = "refunded"  // the money went back in full
)

// Final reports whether a sync has nothing more to do for the order, except for refunds.
func (s OrderStatus) Final() bool { return s != OrderPending && s != OrderPaid }

// ItemKind is the kind of an item of the catalogue.
type ItemKind string

// The kinds of item.
const (
	KindPlan ItemKind = "plan"
	KindPack ItemKind = "pack"
)

// DeclineAuthentication is the decline code of a bank that needs its customer to authenticate. The customer is not
// there.
const DeclineAuthentication = "authentication_required"

// Order is one purchase: an item of the catalogue, and the Stripe Checkout Session that sells it. An automatic order
// has no session: a saved payment method is charged.
type Order struct {
	ID              OrderID
	AccountID       AccountID
	Item            string
	Kind            ItemKind
	Quantity        int64
	Points          Points // the points that it grants in total, fixed when the order was made
	Amount          int64  // in the currency's smallest unit, in total
	Currency        string
	Status          OrderStatus
	CheckoutID      CheckoutID // "" until Stripe responds
	URL             string     // Stripe's page, while the order is pending
	PaymentIntentID PaymentIntentID
	SubscriptionID  SubscriptionID
	RequestHash     string // of the request that made it
	SuccessURL      string
	CancelURL       string
	ExpiresAt       *time.Time
	CreatedAt       time.Time
	FulfilledAt     *time.Time
	Automatic       bool   // made by a top-up
	DeclineCode     string // why an automatic order failed, as Stripe's code
}

// Uncharged reports whether an automatic order still waits for its charge, as far as is known.
func (o Order) Uncharged() bool {
	return o.Automatic && o.Status == OrderPending && o.PaymentIntentID == ""
}
