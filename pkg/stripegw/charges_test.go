package stripegw_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// counted is a Stripe that counts its requests, by method and path.
type counted struct {
	mu    sync.Mutex
	calls map[string]int
}

func (c *counted) note(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	c.calls[r.URL.Path]++
}

// longHistory is a Stripe whose customer has n charges, ch_1 the oldest, each a second after the one before, and as
// many pages. The old ones include those of an invoice: in_old was paid by ch_3 and ch_5, between the seconds 2 and 6,
// and ch_3 was refunded.
func longHistory(n int, c *counted) http.HandlerFunc {
	charge := func(i int) string {
		invoice, refunded := "", 0
		if i == 3 || i == 5 {
			invoice = "in_old"
		}
		if i == 3 {
			refunded = 400
		}
		return fmt.Sprintf(
			`{"id":"ch_%d","object":"charge","created":%d,"customer":"cus_1","paid":true,"amount":900,"amount_refunded":%d,"invoice":%q}`,
			i, i, refunded, invoice,
		)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		c.note(r)
		q := r.URL.Query()
		bound := func(name string, fallback int) int {
			if i, err := strconv.Atoi(q.Get(name)); err == nil {
				return i
			}
			return fallback
		}
		path := strings.TrimPrefix(r.URL.Path, "/v1/")
		switch {
		case path == "charges":
			last := min(bound("created[lte]", n), n)
			if id, err := strconv.Atoi(strings.TrimPrefix(q.Get("starting_after"), "ch_")); err == nil {
				last = id - 1
			}
			first := max(bound("created[gte]", 1), last-99)
			var page []string
			for i := last; i >= first; i-- {
				page = append(page, charge(i))
			}
			answer(w, 200, list(first > bound("created[gte]", 1), page...))
		case strings.HasPrefix(path, "charges/ch_"):
			i, _ := strconv.Atoi(strings.TrimPrefix(path, "charges/ch_"))
			answer(w, 200, charge(i))
		case path == "refunds/re_old":
			answer(w, 200, `{"id":"re_old","object":"refund","charge":`+charge(3)+`}`)
		case path == "invoices/in_old":
			answer(w, 200, `{"id":"in_old","object":"invoice","created":2,"status_transitions":{"paid_at":6}}`)
		case path == "checkout/sessions":
			var page []string
			for i := range 100 {
				page = append(page, fmt.Sprintf(`{"id":"cs_%d","object":"checkout.session","status":"open"}`, i))
			}
			answer(w, 200, list(n > 100, page...))
		default:
			answer(w, 200, list(false))
		}
	}
}

// Proves that a picture of a customer with 5,000 charges and ten open pages takes as many calls as one of a customer
// with 50: one for the charges and one for the pages, besides subscriptions and invoices, and the customer if there is
// nothing else. So at 0.25 s a call, four at once, it takes half a second.
func TestFetchCostsTheSame(t *testing.T) {
	t.Parallel()
	want := stripegw.Want{Customer: "cus_1"}
	for i := range 10 {
		want.Checkouts = append(want.Checkouts, billing.CheckoutID(fmt.Sprint("cs_", 9*i)))
	}
	calls := map[int]map[string]int{}
	for _, n := range []int{50, 5000} {
		c := &counted{}
		g := newGateway(t, longHistory(n, c))
		s, err := g.Fetch(t.Context(), want)
		if err != nil || len(s.Checkouts) != 10 || len(s.Charges) != min(n, 100) {
			t.Errorf("%d charges: %d pages and %d charges, %v", n, len(s.Checkouts), len(s.Charges), err)
		}
		calls[n] = c.calls
	}
	once := map[string]int{"/v1/charges": 1, "/v1/checkout/sessions": 1, "/v1/subscriptions": 1, "/v1/invoices": 1}
	for n, got := range calls {
		if !maps.Equal(got, once) {
			t.Errorf("%d charges: asked %v, want %v", n, got, once)
		}
	}
}

// Proves that a charge behind the newest 100 is included if something names it, directly or by its refund. The other
// charges that paid its invoice are included too: 400 of the 1800 that paid in_old were refunded, and not 400 of 900.
// If all charges are wanted, all are there.
func TestFetchOldCharges(t *testing.T) {
	t.Parallel()
	newest := func(n int) (ids []string) {
		for i := n; i > n-100; i-- {
			ids = append(ids, fmt.Sprint("ch_", i))
		}
		return ids
	}
	for name, c := range map[string]struct {
		want  stripegw.Want
		extra []string
	}{
		"Unnamed": {stripegw.Want{}, nil},
		"Charge": {
			stripegw.Want{Named: []billing.StripeObject{{Type: "charge", ID: "ch_3"}}}, []string{"ch_3", "ch_5"},
		},
		"Refund": {
			stripegw.Want{Named: []billing.StripeObject{{Type: "refund", ID: "re_old"}}}, []string{"ch_3", "ch_5"},
		},
		"Both": {
			stripegw.Want{Named: []billing.StripeObject{{Type: "charge", ID: "ch_3"}, {Type: "refund", ID: "re_old"}}},
			[]string{"ch_3", "ch_5"},
		},
		// Its money is all there, so nothing of its invoice is clawed back, and the others are not needed.
		"Kept": {stripegw.Want{Named: []billing.StripeObject{{Type: "charge", ID: "ch_5"}}}, []string{"ch_5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.Customer = "cus_1"
			s, err := newGateway(t, longHistory(300, &counted{})).Fetch(t.Context(), c.want)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, charge := range s.Charges {
				got = append(got, charge.ID)
			}
			want := append(newest(300), c.extra...)
			slices.Sort(got)
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("%d charges, want %d: %v", len(got), len(want), got)
			}
		})
	}
	s, err := newGateway(t, longHistory(2345, &counted{})).Fetch(
		t.Context(), stripegw.Want{Customer: "cus_1", AllCharges: true},
	)
	if err != nil || len(s.Charges) != 2345 {
		t.Errorf("all: %d charges, %v", len(s.Charges), err)
	}
}

// Proves that Stripe's refusal of a charge that an event names is an error and not an absence: the event must not
// count as processed. What Stripe does not know is left out.
func TestFetchNamedRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []billing.StripeObject{
		{Type: "charge", ID: "ch_x"}, {Type: "refund", ID: "re_x"}, {Type: "dispute", ID: "dp_x"},
	} {
		for status, want := range map[int]billing.Code{403: billing.EStripeRefused, 404: ""} {
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/"+o.ID) {
					answer(w, 200, list(false))
					return
				}
				code := map[int]string{404: "resource_missing"}[status]
				refuse(w, status, "invalid_request_error", code, "", "private words")
			})
			_, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1", Named: []billing.StripeObject{o}})
			if billing.CodeOf(err) != want {
				t.Errorf("%s, %d: %v, want %q", o.Type, status, err, want)
			}
		}
	}
}
