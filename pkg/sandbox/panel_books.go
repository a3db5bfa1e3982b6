package sandbox

import (
	"iter"
	"slices"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// seq is a sequence of things of any kind.
type seq = iter.Seq[any]

// book is a list in the panel: all things of one kind, newest first.
type book struct {
	path, title    string
	columns        []string
	all            func(*world) seq
	glance         bool   // whether the overview shows it
	uncounted      bool   // whether its size is of no interest and is not shown
	empty, command string // what to do if it is empty
}

const curl = "curl -u sk_test_x: "

// books are in the order of the navigation. Their commands use the sandbox's usual address.
var books = []book{
	{path: "subscriptions", title: "Subscriptions", columns: []string{"Plan", "Price", "Period ends"}, glance: true,
		all: func(w *world) seq {
			return newest(&w.Subscriptions)
		}, empty: "No subscription yet. A checkout session in mode subscription makes one when it is paid."},
	{path: "checkout", title: "Checkout", columns: []string{"Session", "Amount", "Expires"}, glance: true,
		all: func(w *world) seq {
			return newest(&w.Sessions)
		}, empty: "No checkout session yet. Each has a page to pay on, which is linked here."},
	{path: "payments", title: "Payments", columns: []string{"Payment", "Amount", "When"}, glance: true,
		all: func(w *world) seq {
			return newest(&w.Intents)
		}, empty: "No payment yet. Pay a checkout session on its page, or renew a subscription by moving the clock."},
	{path: "invoices", title: "Invoices", columns: []string{"Invoice", "Amount", "When"}, glance: true,
		all: func(w *world) seq {
			return newest(&w.Invoices)
		}, empty: "No invoice yet. A subscription makes one for each of its periods."},
	{path: "customers", title: "Customers", columns: []string{"Customer", "Since"}, glance: true,
		all:     living,
		empty:   "No customer yet. A paid checkout session makes one, and so does:",
		command: curl + "http://127.0.0.1:12111/v1/customers -d email=ada@example.com"},
	{path: "disputes", title: "Disputes", columns: []string{"Dispute", "Amount", "When"},
		all: func(w *world) seq {
			return newest(&w.Disputes)
		}, empty: "No dispute. Open one by the buttons of a payment, or pay with 4000 0000 0000 0259."},
	{path: "refunds", title: "Refunds", columns: []string{"Refund", "Amount", "When"},
		all: func(w *world) seq {
			return newest(&w.Refunds)
		}, empty: "No refund. Give money back by the button of a payment."},
	{path: "events", title: "Events", columns: []string{"Event", "When"},
		all: func(w *world) seq {
			return newest(&w.Events)
		}, empty: "No event yet. Whatever changes is announced here, and appears without a reload."},
	{path: "deliveries", title: "Deliveries", columns: []string{"Event", "Attempt", "Answer", "When"}, uncounted: true,
		empty: "No webhook has been sent since the sandbox started. Add an endpoint, and make something happen."},
	{path: "endpoints", title: "Endpoints", columns: []string{"Endpoint", "Events"},
		all: func(w *world) seq {
			return newest(&w.Endpoints)
		}, empty: "No webhook endpoint yet. Add one below, or by API:", command: curl +
			"http://127.0.0.1:12111/v1/webhook_endpoints \\\n  -d url=http://127.0.0.1:8080/webhook -d 'enabled_events[]=*'"},
	{path: "faults", title: "Faults", columns: []string{"Fault", "Strikes", "Struck"},
		all: func(w *world) seq {
			return newest(&w.Faults)
		}, empty: "No fault is set: calls are answered and webhooks delivered as they should be."},
	{path: "catalog", title: "Prices", columns: []string{"Product", "Price"}, uncounted: true,
		all: func(w *world) seq { return newest(&w.Prices) }, empty: "No price yet."},
	{path: "clocks", title: "Test clocks", columns: []string{"Clock", "Shows"},
		all: func(w *world) seq {
			return newest(&w.TestClocks)
		}, empty: "No test clock. Customers made with one live in a time of their own; all others follow the sandbox's clock."},
}

func bookAt(path string) *book {
	if i := slices.IndexFunc(books, func(b book) bool { return b.path == path }); i >= 0 {
		return &books[i]
	}
	return nil
}

func (b book) count(w *world) int {
	if b.uncounted {
		return 0
	}
	n := 0
	for range b.all(w) {
		n++
	}
	return n
}

// newest yields the rows of a table, newest first.
func newest[T any](t *table[T]) seq {
	return func(yield func(any) bool) {
		for _, each := range slices.Backward(t.where(nil)) {
			if !yield(each) {
				return
			}
		}
	}
}

// living yields the customers that are not deleted.
func living(w *world) seq {
	return func(yield func(any) bool) {
		for v := range newest(&w.Customers) {
			if !v.(*customer).Hidden.Deleted && !yield(v) {
				return
			}
		}
	}
}

// waiting yields what cannot continue until someone decides: payments that wait for 3-D Secure, and disputes.
func waiting(w *world) seq {
	return func(yield func(any) bool) {
		for _, all := range []seq{newest(&w.Intents), newest(&w.SetupIntents), newest(&w.Disputes)} {
			for v := range all {
				if undecided(v) && !yield(v) {
					return
				}
			}
		}
	}
}

func undecided(v any) bool {
	switch v := v.(type) {
	case *paymentIntent:
		return v.Status == "requires_action"
	case *setupIntent:
		return v.Status == "requires_action"
	case *dispute:
		return v.undecided()
	}
	return false
}

func (d *dispute) undecided() bool {
	return d.open() || d.Status == "under_review" || d.Status == "warning_under_review"
}

// bookOf returns at most `most` rows of a book that match, as a table. If after is not empty, the rows start after the
// row with that id. The caller holds the world's lock.
func (s *Sandbox) bookOf(w *world, b book, most int, after string, match func(any) bool) pages.Table {
	shown := pages.Table{ID: b.path, Title: b.title, Columns: b.columns, Empty: b.empty, Command: b.command}
	all := b.all
	if all == nil { // only the deliveries, which are not part of the world
		all = s.attemptSeq
	}
	for v := range all(w) {
		if match != nil && !match(v) {
			continue
		}
		if after != "" {
			if v.(row).key() == after {
				after = ""
			}
			continue
		}
		if len(shown.Rows) == most {
			shown.Older = "/panel/" + b.path + "?after=" + shown.Rows[most-1].ID
			break
		}
		shown.Rows = append(shown.Rows, s.row(w, v))
	}
	return shown
}

func (s *Sandbox) attemptSeq(*world) seq {
	return func(yield func(any) bool) {
		for _, each := range s.attempts(nil) {
			if !yield(each) {
				return
			}
		}
	}
}
