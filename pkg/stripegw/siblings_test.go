package stripegw_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves what is requested for the other payments of an invoice from which money went back. It is requested once for
// an invoice, from its creation until an hour after it was paid (second 6 and 3,600 are 3,606). It is requested only
// if a charge of the customer's may be older than the newest page: a charge made at second 50 is the oldest there.
func TestSiblings(t *testing.T) {
	t.Parallel()
	const window = "GET /v1/charges created[gte]=%d%s&customer=cus_1&limit=100"
	charge := func(id, more string) string {
		return `{"id":"` + id + `","object":"charge","created":70,"customer":"cus_1","paid":true,"amount":900` + more +
			"}"
	}
	newest := list(
		true, charge("ch_9", ""), strings.Replace(charge("ch_8", ""), "70", "50", 1),
		strings.Replace(charge("ch_7", ""), "70", "60", 1),
	)
	for name, c := range map[string]struct {
		newest, named, invoice string
		asked                  string // besides the newest and the named one; "" for nothing
	}{
		"Refunded": {
			newest, charge("ch_1", `,"amount_refunded":1,"invoice":"in_1"`),
			`"created":2,"status_transitions":{"paid_at":6}`, fmt.Sprintf(window, 2, "&created[lte]=3606"),
		},
		"Disputed": {
			newest, charge("ch_1", `,"disputed":true,"invoice":"in_1"`),
			`"created":2,"status_transitions":{"paid_at":6}`, fmt.Sprintf(window, 2, "&created[lte]=3606"),
		},
		"NotPaidYet": {
			newest, charge("ch_1", `,"amount_refunded":1,"invoice":"in_1"`), `"created":2,"status_transitions":{}`,
			fmt.Sprintf(window, 2, ""),
		},
		"AsOldAsTheOldest": {
			newest, charge("ch_1", `,"amount_refunded":1,"invoice":"in_1"`), `"created":50`,
			fmt.Sprintf(window, 50, ""),
		},
		"YoungerThanOldest": {newest, charge("ch_1", `,"amount_refunded":1,"invoice":"in_1"`), `"created":51`, ""},
		"NothingBack":       {newest, charge("ch_1", `,"invoice":"in_1"`), `"created":2`, ""},
		"PaidNoInvoice":     {newest, charge("ch_1", `,"amount_refunded":1`), `"created":2`, ""},
		"OfNoCustomer": {
			newest,
			strings.Replace(charge("ch_1", `,"amount_refunded":1,"invoice":"in_1"`), `"customer":"cus_1",`, "", 1),
			`"created":2`, "",
		},
		"AllAreOnThePage": {
			strings.Replace(newest, "true", "false", 1), charge("ch_1", `,"amount_refunded":1,"invoice":"in_1"`),
			`"created":2`, "",
		},
		"InvoiceIsGone": {newest, charge("ch_1", `,"amount_refunded":1,"invoice":"in_0"`), `"created":2`, ""},
		"OfAnotherOnThePage": {
			list(
				true, charge("ch_9", `,"amount_refunded":1,"invoice":"in_1"`),
				strings.Replace(charge("ch_8", `,"amount_refunded":1,"invoice":"in_1"`), "70", "50", 1),
			),
			charge("ch_1", ""), `"created":2`, fmt.Sprintf(window, 2, ""),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{
				"GET /v1/charges since": list(
					false, charge("ch_5", `,"invoice":"in_1"`), charge("ch_6", `,"invoice":"in_2"`), charge("ch_4", ""),
				),
				"GET /v1/charges": c.newest, "GET /v1/charges/ch_1": c.named,
				"GET /v1/invoices/in_1": `{"id":"in_1",` + c.invoice + `}`,
				"GET /v1/invoices":      list(false), "GET /v1/subscriptions": list(false),
				"GET /v1/disputes": list(false),
			})
			got, err := g.Fetch(
				t.Context(),
				stripegw.Want{Customer: "cus_1", Named: []billing.StripeObject{{Type: "charge", ID: "ch_1"}}},
			)
			if err != nil {
				t.Fatal(err)
			}
			var windows []string
			for _, call := range s.calls() {
				if strings.Contains(call, "created[") {
					windows = append(windows, call)
				}
			}
			sibling, others := false, false
			for _, found := range got.Charges {
				sibling, others = sibling || found.ID == "ch_5", others || found.ID == "ch_6" || found.ID == "ch_4"
			}
			if c.asked == "" && len(windows) > 0 || c.asked != "" && (len(windows) != 1 || windows[0] != c.asked) {
				t.Errorf("asked %q, want %q", windows, c.asked)
			}
			if sibling != (c.asked != "") || others {
				t.Errorf("the invoice's other charge is there: %v, those of others: %v", sibling, others)
			}
		})
	}
}

// Proves that a refusal while siblings are read is an error: half of an invoice's money is not all of it.
func TestSiblingsRefused(t *testing.T) {
	t.Parallel()
	g, _ := newScript(t, map[string]string{
		"GET /v1/charges": list(
			true,
			`{"id":"ch_9","object":"charge","created":70,"customer":"cus_1","amount_refunded":1,"invoice":"in_1"}`,
		),
		"GET /v1/invoices": list(false), "GET /v1/subscriptions": list(false), "GET /v1/invoices/in_1": "403 ",
	})
	if _, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1"}); billing.CodeOf(err) != billing.EStripeRefused {
		t.Error(err)
	}
}

// Proves that charges of the account's earlier customers are included. A customer that Stripe has forgotten does not
// keep others out. Any other refusal is an error, and so is the absence of the present customer if the other lists
// exist.
func TestFormerCustomers(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		switch customer := r.URL.Query().Get("customer"); {
		case r.URL.Path != "/v1/charges":
			answer(w, 200, list(false))
		case customer == "cus_gone":
			refuse(w, 400, "invalid_request_error", "resource_missing", "customer", "No such customer")
		default:
			answer(w, 200, list(false, `{"id":"ch_`+customer+`","object":"charge"}`))
		}
	})
	got, err := g.Fetch(
		t.Context(),
		stripegw.Want{Customer: "cus_1", AllCharges: true, Former: []billing.CustomerID{"cus_gone", "cus_0"}},
	)
	if err != nil || len(got.Charges) != 2 || got.Charges[0].ID != "ch_cus_1" || got.Charges[1].ID != "ch_cus_0" {
		t.Errorf("%+v, %v", got.Charges, err)
	}
	for customer, code := range map[billing.CustomerID]string{"cus_0": "", "cus_1": "resource_missing"} {
		g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/v1/charges" && r.URL.Query().Get("customer") == string(customer):
				refuse(w, 400, "invalid_request_error", code, "customer", "private words")
			case r.URL.Path == "/v1/customers/cus_1":
				answer(w, 200, `{"id":"cus_1"}`)
			default:
				answer(w, 200, list(false))
			}
		})
		want := stripegw.Want{Customer: "cus_1", AllCharges: true, Former: []billing.CustomerID{"cus_0"}}
		if got, err := g.Fetch(t.Context(), want); billing.CodeOf(err) != billing.EStripeRefused {
			t.Errorf("%s: %+v, %v", customer, got, err)
		}
	}
}

// Proves that an object that is not a charge, and leads to none, adds nothing.
func TestFetchNamedOther(t *testing.T) {
	t.Parallel()
	g, _ := newScript(
		t,
		map[string]string{
			"GET /v1/charges": list(false, `{"id":"ch_1","object":"charge"}`), "GET /v1/invoices": list(false),
			"GET /v1/subscriptions": list(false),
		},
	)
	got, err := g.Fetch(
		t.Context(), stripegw.Want{Customer: "cus_1", Named: []billing.StripeObject{{Type: "payout", ID: "po_1"}}},
	)
	if err != nil || len(got.Charges) != 1 {
		t.Errorf("%+v, %v", got.Charges, err)
	}
}

// Proves that a picture has four calls of a kind running and never more: Stripe allows a test account 25 a second. The
// first four wait for each other, so there are four. While they wait, enough other requests go there and back for a
// fifth to come as well.
func TestFetchIsPolite(t *testing.T) {
	t.Parallel()
	const many = 40
	newest, named := make([]string, many), make([]billing.StripeObject, many)
	for n := range many {
		newest[n] = fmt.Sprintf(
			`{"id":"ch_%d","object":"charge","created":70,"customer":"cus_1","disputed":true,"invoice":"in_%d"}`, n, n,
		)
		named[n] = billing.StripeObject{Type: "charge", ID: fmt.Sprint("ch_", n)}
	}
	for kind, named := range map[string][]billing.StripeObject{
		"charges/ch_": named, "invoices/in_": nil, "disputes": nil,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var arrived, underWay, most atomic.Int64
			four := make(chan struct{})
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				path := strings.TrimPrefix(r.URL.Path, "/v1/")
				if strings.HasPrefix(path, kind) {
					n := underWay.Add(1)
					for before := most.Load(); n > before && !most.CompareAndSwap(before, n); before = most.Load() {
					}
					if arrived.Add(1) == 4 {
						for range 50 {
							res, err := http.Get("http://" + r.Host + "/v1/probe")
							if err != nil {
								t.Error(err)
								break
							}
							res.Body.Close()
						}
						close(four)
					}
					<-four
					underWay.Add(-1)
				}
				switch {
				case strings.HasPrefix(path, "charges/"):
					answer(w, 200, `{"id":"`+path[len("charges/"):]+`","object":"charge"}`)
				case strings.HasPrefix(path, "invoices/"):
					answer(w, 200, `{"id":"`+path[len("invoices/"):]+`","created":100}`)
				case path == "charges" && named == nil:
					answer(w, 200, list(true, newest...))
				default:
					answer(w, 200, list(false))
				}
			})
			got, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1", Named: named})
			if err != nil || len(got.Charges) != many || most.Load() != 4 {
				t.Errorf("%d charges, %d calls at once, %v", len(got.Charges), most.Load(), err)
			}
		})
	}
}
