package sandbox

import (
	"crypto/rand"
	"math/big"
	"time"
)

// world is everything the sandbox knows. Its exported fields are what a snapshot keeps; Sandbox.mu guards all of it.
type world struct {
	ClockOffset time.Duration
	Sequence    int64
	Settings    settings
	Address     string // where the last request reached the sandbox, as http://host:port

	Customers      table[customer]
	Products       table[product]
	Prices         table[price]
	PaymentMethods table[paymentMethod]
	Intents        table[paymentIntent]
	SetupIntents   table[setupIntent]
	Charges        table[charge]
	Refunds        table[refund]
	Disputes       table[dispute]
	Sessions       table[checkoutSession]
	Subscriptions  table[subscription]
	Invoices       table[invoice]
	InvoiceItems   table[invoiceItem]
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
	at       int64              // while due work of the main clock runs: its time
	clock    string             // the test clock that the current operation lives on, "" for the main clock
	verdicts map[string]bool    // whether the next invoice of a subscription is paid, while a control decides that
	cause    cause              // the request behind the current changes, zero for due work
	agendas  map[string]*agenda // by test clock, "" for the main clock
	ring     func(endpoint string)
	preview  bool // nothing here lasts: drafts are looked at and not opened
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

func (w *world) begin(prefix, object string) base {
	return base{ID: newID(prefix, 24), Object: object, Created: w.now()}
}

// find answers any object by id, nil when there is none.
func (w *world) find(id string) any {
	for _, look := range []func(string) any{
		w.Customers.find, w.Products.find, w.Prices.find, w.PaymentMethods.find, w.Intents.find, w.SetupIntents.find, w.Charges.find, w.Refunds.find, w.Disputes.find,
		w.Sessions.find, w.Subscriptions.find, w.Invoices.find, w.InvoiceItems.find, w.Schedules.find, w.PortalSessions.find, w.PortalConfigs.find,
		w.Events.find, w.Endpoints.find, w.TestClocks.find,
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
	letters := make([]byte, length)
	for i := range letters {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(idAlphabet))))
		if err != nil {
			panic("sandbox: the system's random source failed: " + err.Error())
		}
		letters[i] = idAlphabet[n.Int64()]
	}
	return prefix + string(letters)
}
