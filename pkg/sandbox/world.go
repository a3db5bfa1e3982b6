package sandbox

import (
	"crypto/rand"
	"time"
)

// world is everything the sandbox knows. Its exported fields are what a snapshot keeps; Sandbox.mu guards all of it.
type world struct {
	ClockOffset time.Duration
	Sequence    int64
	Settings    settings
	Account     string // its id
	Address     string // where the last request reached the sandbox, as http://host:port

	Customers      table[customer]
	BalanceEntries table[balanceEntry]
	Products       table[product]
	Prices         table[price]
	Coupons        table[coupon]
	PromotionCodes table[promotionCode]
	Discounts      table[discount] // all there ever were: invoices name them by id
	PaymentMethods table[paymentMethod]
	Intents        table[paymentIntent]
	SetupIntents   table[setupIntent]
	Charges        table[charge]
	Refunds        table[refund]
	Transactions   table[balanceTransaction]
	Disputes       table[dispute]
	Warnings       table[earlyFraudWarning]
	Tokens         table[token]
	Sessions       table[checkoutSession]
	Subscriptions  table[subscription]
	Invoices       table[invoice]
	InvoiceItems   table[invoiceItem]
	TaxIDs         table[taxID]
	CashBalances   table[cashBalance]
	CashEntries    table[cashTransaction]
	Schedules      table[subscriptionSchedule]
	PortalSessions table[portalSession]
	PortalConfigs  table[portalConfiguration]
	Events         table[event]
	Endpoints      table[webhookEndpoint]
	TestClocks     table[testClock]
	Deliveries     table[delivery]
	Faults         table[fault]
	Replays        map[string]*replay // saved answers by API key and Idempotency-Key

	realNow  func() time.Time
	at       int64               // while due work of the main clock runs: its time
	clock    string              // the test clock that the current operation lives on, "" for the main clock
	verdicts map[string]bool     // whether the next invoice of a subscription is paid, while a control decides that
	sums     map[string]*sums    // what the movements add up to, nil until somebody asks
	cause    cause               // the request behind the current changes, zero for due work
	agendas  map[string]*agenda  // by test clock, "" for the main clock
	mailbags map[string]*mailbag // by endpoint
	ring     func(endpoint string)
	tell     func(notice) // to those who listen to the stream
	preview  bool         // nothing here lasts: drafts are looked at and not opened
}

// cause is the API request that made an event happen.
type cause struct {
	RequestID text `json:"id"`
	Key       text `json:"idempotency_key"`
}

// now is the time on the clock that the current operation lives on, in Unix seconds.
func (w *world) now() int64 {
	if clock := w.TestClocks.get(w.clock); clock != nil {
		return clock.FrozenTime
	}
	return w.mainNow()
}

func (w *world) mainNow() int64 {
	if w.at != 0 {
		return w.at
	}
	return w.mainTime().Unix()
}

// mainTime is the sandbox's own clock; Stripe's objects show whole seconds of it.
func (w *world) mainTime() time.Time { return w.realNow().Add(w.ClockOffset).UTC() }

// on makes the customer's clock the one that the current operation lives on.
func (w *world) on(c *customer) {
	if c != nil {
		w.clock = string(c.TestClock)
	}
}

// clockOf answers the clock that a customer lives on, "" for the main one.
func (w *world) clockOf(customerID string) string {
	if holder := w.Customers.get(customerID); holder != nil {
		return string(holder.TestClock)
	}
	return ""
}

func (w *world) begin(prefix, object string) base {
	return base{ID: newID(prefix, 24), Object: object, Created: w.now()}
}

// find answers any object by id, nil when there is none.
func (w *world) find(id string) any {
	for _, look := range []func(string) any{
		w.Customers.find, w.Products.find, w.Prices.find, w.PaymentMethods.find, w.Intents.find, w.SetupIntents.find,
		w.Charges.find, w.Refunds.find,
		w.Transactions.find, w.Disputes.find, w.Warnings.find, w.Tokens.find, w.BalanceEntries.find, w.Sessions.find,
		w.Subscriptions.find, w.Schedules.find,
		w.Invoices.find, w.InvoiceItems.find, w.TaxIDs.find, w.CashEntries.find, w.PortalSessions.find,
		w.PortalConfigs.find, w.Events.find, w.Endpoints.find,
		w.TestClocks.find, w.PromotionCodes.find, w.Discounts.find,
	} {
		if found := look(id); found != nil {
			return found
		}
	}
	return nil
}

const idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID answers a Stripe-like id: the prefix and random letters.
func newID(prefix string, length int) string {
	id := append(make([]byte, 0, len(prefix)+length), prefix...)
	var random [32]byte
	for len(id) < len(prefix)+length {
		rand.Read(random[:]) // it never fails
		for _, each := range random {
			// 248 of 256, so that all letters are as likely
			if int(each) < 4*len(idAlphabet) && len(id) < len(prefix)+length {
				id = append(id, idAlphabet[int(each)%len(idAlphabet)])
			}
		}
	}
	return string(id)
}
