package sandbox

import (
	"crypto/rand"
	"time"
)

// world is everything that the sandbox knows. A snapshot keeps its exported fields. Sandbox.mu guards all of it.
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
	Discounts      table[discount] // all that ever existed: invoices name them by id
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
	Replays        map[string]*replay // saved responses by API key and Idempotency-Key

	realNow  func() time.Time
	at       int64               // the main clock's time while its due work runs
	clock    string              // the test clock of the current operation, "" for the main clock
	verdicts map[string]bool     // whether a subscription's next invoice is paid, while a control decides it
	sums     map[string]*sums    // the sums of the movements, nil until someone asks
	cause    cause               // the request behind the current changes, zero for due work
	agendas  map[string]*agenda  // by test clock, "" for the main clock
	mailbags map[string]*mailbag // by endpoint
	ring     func(endpoint string)
	tell     func(notice) // notifies the listeners of the stream
	preview  bool         // nothing here is kept: drafts are shown and not opened
}

// cause is the API request that made an event happen.
type cause struct {
	RequestID text `json:"id"`
	Key       text `json:"idempotency_key"`
}

// now returns the time on the current operation's clock, in Unix seconds.
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

// mainTime returns the time on the sandbox's own clock. Stripe's objects show its whole seconds.
func (w *world) mainTime() time.Time { return w.realNow().Add(w.ClockOffset).UTC() }

// on makes the customer's clock the one of the current operation.
func (w *world) on(c *customer) {
	if c != nil {
		w.clock = string(c.TestClock)
	}
}

// clockOf returns the id of a customer's clock, or "" for the main one.
func (w *world) clockOf(customerID string) string {
	if holder := w.Customers.get(customerID); holder != nil {
		return string(holder.TestClock)
	}
	return ""
}

func (w *world) begin(prefix, object string) base {
	return base{ID: newID(prefix, 24), Object: object, Created: w.now()}
}

// find returns any object by its id, or nil if there is none.
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

// newID returns an id like Stripe's: the prefix and random letters.
func newID(prefix string, length int) string {
	id := append(make([]byte, 0, len(prefix)+length), prefix...)
	var random [32]byte
	for len(id) < len(prefix)+length {
		rand.Read(random[:]) // it never fails
		for _, each := range random {
			// use 248 of the 256 values, so that all letters are equally likely
			if int(each) < 4*len(idAlphabet) && len(id) < len(prefix)+length {
				id = append(id, idAlphabet[int(each)%len(idAlphabet)])
			}
		}
	}
	return string(id)
}
