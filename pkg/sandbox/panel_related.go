package sandbox

import (
	"bytes"
	"encoding/json"
	"slices"
)

// searchedEvents limits how many events are searched for those about one object.
const searchedEvents = 1000

// related are the books that an object's page shows, each limited to the rows that refer to the object.
var related = []book{
	*bookAt("subscriptions"),
	*bookAt("invoices"),
	*bookAt("payments"),
	{
		path:    "charges",
		title:   "Charges",
		columns: []string{"Charge", "Amount", "When"},
		all:     func(w *world) seq { return newest(&w.Charges) },
	},
	*bookAt("refunds"),
	*bookAt("disputes"),
	{
		path:    "cards",
		title:   "Payment methods",
		columns: []string{"Payment method", "Since"},
		all:     func(w *world) seq { return newest(&w.PaymentMethods) },
	},
	{
		path:    "setups",
		title:   "Setup intents",
		columns: []string{"Setup intent", "Amount", "When"},
		all:     func(w *world) seq { return newest(&w.SetupIntents) },
	},
	*bookAt("checkout"),
	*bookAt("customers"),
	*bookAt("deliveries"),
	{path: "events", title: "Events about it", columns: bookAt("events").columns, all: recentEvents},
}

// recentEvents yields the newest events, at most searchedEvents of them.
func recentEvents(w *world) seq {
	return func(yield func(any) bool) {
		looked := 0
		for v := range newest(&w.Events) {
			if looked++; looked > searchedEvents || !yield(v) {
				return
			}
		}
	}
}

// refers reports whether v belongs on the page of the object with the given id.
func (w *world) refers(v any, id string) bool {
	if e, is := v.(*event); is {
		text, err := json.Marshal(render(e))
		return err == nil && e.ID != id && bytes.Contains(text, []byte(`"`+id+`"`))
	}
	return slices.Contains(w.references(v), id)
}

// references returns the ids of the objects that v belongs to.
func (w *world) references(v any) []string {
	switch v := v.(type) {
	case *customer:
		return []string{string(v.TestClock), string(v.InvoiceSettings.DefaultPaymentMethod)}
	case *subscription:
		ids := []string{v.Customer, string(v.TestClock), string(v.DefaultPaymentMethod)}
		for _, item := range v.Items.Data {
			ids = append(ids, item.Price.ID, item.Price.Product)
		}
		return ids
	case *invoice:
		return []string{v.Customer, string(v.Subscription), string(v.PaymentIntent), string(v.Charge)}
	case *paymentIntent:
		return []string{string(v.Customer), string(v.Invoice), string(v.LatestCharge), string(v.PaymentMethod)}
	case *charge:
		return []string{string(v.PaymentIntent), string(v.Invoice), string(v.PaymentMethod)}
	case *refund:
		return []string{w.payerOf(string(v.Charge)), string(v.Charge), string(v.PaymentIntent)}
	case *dispute:
		return []string{w.payerOf(v.Charge), v.Charge, string(v.PaymentIntent)}
	case *paymentMethod:
		return []string{string(v.Customer)}
	case *setupIntent:
		return []string{string(v.Customer), string(v.PaymentMethod)}
	case *checkoutSession:
		return []string{string(v.Customer), string(v.Subscription), string(v.PaymentIntent), string(v.Invoice)}
	case *deliveryAttempt:
		return []string{v.Event, v.Endpoint}
	}
	return nil
}
