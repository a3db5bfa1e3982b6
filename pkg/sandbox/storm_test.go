package sandbox_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// This test proves that no request breaks the sandbox, however odd it is. It sends thousands of random requests and
// moves the clock in between. The requests have declared and undeclared parameters, ids that exist and ids that do not.
// Each gets a 2xx or a 4xx of Stripe's shape. What they leave behind is the same after a restart. The seed makes a
// failure repeatable.
func TestStorm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("Seed", seed), func(t *testing.T) {
			t.Parallel()
			opts := sandbox.Options{DataDir: t.TempDir()}
			s, err := sandbox.New(opts)
			if err != nil {
				t.Fatal(err)
			}
			verify := s.Witness()
			storm := &storm{
				t: t, random: rand.New(rand.NewPCG(seed, 0)), handler: s.Handler(), operations: spec.Operations(),
			}
			storm.seed()
			for range 1500 {
				storm.step()
			}
			if storm.succeeded < 100 {
				t.Fatalf("only %d requests succeeded: the storm proves little", storm.succeeded)
			}
			if err := verify(); err != nil {
				t.Fatal(err)
			}
			before := storm.picture()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = sandbox.New(opts); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			storm.handler = s.Handler()
			for path, now := range storm.picture() {
				if now != before[path] {
					t.Fatalf("%s is another after a restart:\n%s\n%s", path, before[path], now)
				}
			}
		})
	}
}

type storm struct {
	t          *testing.T
	random     *rand.Rand
	handler    http.Handler
	operations []string
	ids        []string
	succeeded  int
}

var (
	idPattern   = regexp.MustCompile(`"id": "([a-z]+_[A-Za-z0-9_]+)"`)
	pathPattern = regexp.MustCompile(`\{[a-z_]+\}`)
)

// seed makes a few objects whose ids the requests can use.
func (s *storm) seed() {
	s.send(
		"POST", "/v1/prices",
		url.Values{
			"currency": {"usd"}, "unit_amount": {"500"}, "product_data[name]": {"a"}, "recurring[interval]": {"month"},
		},
	)
	s.send("POST", "/v1/prices", url.Values{"currency": {"usd"}, "unit_amount": {"900"}, "product_data[name]": {"b"}})
	s.send(
		"POST", "/v1/coupons",
		url.Values{"id": {"co_half"}, "percent_off": {"50"}, "duration": {"repeating"}, "duration_in_months": {"2"}},
	)
	s.send("POST", "/v1/coupons", url.Values{"id": {"co_free"}, "percent_off": {"100"}, "max_redemptions": {"9"}})
	s.send("POST", "/v1/promotion_codes", url.Values{"coupon": {"co_half"}, "code": {"HALF"}})
	customer := s.send("POST", "/v1/customers", url.Values{"payment_method": {"pm_card_visa"}})
	method := s.send(
		"POST", "/v1/payment_methods/pm_card_chargeCustomerFail/attach", url.Values{"customer": {customer}},
	)
	s.send(
		"POST", "/v1/subscriptions",
		url.Values{"customer": {customer}, "items[0][price]": {s.price()}, "default_payment_method": {method}},
	)
	for range 3 {
		session := s.send(
			"POST", "/v1/checkout/sessions",
			url.Values{
				"mode": {"subscription"}, "success_url": {"https://a.test"}, "line_items[0][price]": {s.price()},
				"line_items[0][quantity]": {"1"},
			},
		)
		s.send("POST", "/v1/payment_pages/"+session+"/confirm", url.Values{"payment_method": {"pm_card_visa"}})
	}
}

// price returns the id of the first price, which is recurring.
func (s *storm) price() string {
	return s.ids[slices.IndexFunc(s.ids, func(id string) bool { return strings.HasPrefix(id, "price_") })]
}

func (s *storm) step() {
	if s.random.IntN(40) == 0 {
		s.serve(
			httptest.NewRequest(
				"POST", "http://127.0.0.1/_sandbox/clock",
				strings.NewReader(fmt.Sprintf(`{"advance_seconds":%d}`, 1+s.random.IntN(20*86400))),
			),
		)
		return
	}
	name := s.operations[s.random.IntN(len(s.operations))]
	if strings.HasPrefix(name, "DELETE") && s.random.IntN(10) > 0 {
		return // otherwise no object would live long
	}
	fields, _ := spec.Operation(name)
	form := url.Values{}
	s.fill(form, fields, "", 0)
	method, path, _ := strings.Cut(name, " ")
	path = pathPattern.ReplaceAllStringFunc(path, func(name string) string {
		if name == "{id}" { // the path of a product or an event
			return s.named(strings.Split(path, "/")[2])
		}
		return s.named(name)
	})
	s.send(method, path, form)
}

// fill sets the required fields mostly, and the others rarely.
func (s *storm) fill(form url.Values, fields map[string]*spec.Field, prefix string, depth int) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names) // the order of a map would make the seed useless
	for _, name := range names {
		field := fields[name]
		likely := 12
		if field.Required {
			likely = 90
		}
		if s.random.IntN(100) < likely {
			param := name
			if prefix != "" {
				param = prefix + "[" + name + "]"
			}
			s.value(form, field, param, depth)
		}
	}
	if s.random.IntN(100) == 0 {
		form.Set(prefix+"junk", "x")
	}
}

func (s *storm) value(form url.Values, field *spec.Field, param string, depth int) {
	switch {
	case depth > 4:
	case s.random.IntN(30) == 0:
		form.Set(param, []string{"", "0", "-1", "9223372036854775807", "%", "true", "é"}[s.random.IntN(7)])
	case field.Any != nil:
		s.value(form, field.Any[s.random.IntN(len(field.Any))], param, depth)
	case field.Kind == "object":
		s.fill(form, field.Fields, param, depth+1)
	case field.Kind == "list":
		for i := range s.random.IntN(3) {
			s.value(form, field.Item, fmt.Sprintf("%s[%d]", param, i), depth+1)
		}
	case field.Kind == "map":
		form.Set(param+"[a]", "b")
	case field.Kind == "integer":
		form.Set(param, fmt.Sprint([]int64{0, 1, 2, 100, 5000, 99999999, -5, 1 << 40}[s.random.IntN(8)]))
	case field.Kind == "number":
		form.Set(param, "1.5")
	case field.Kind == "boolean":
		form.Set(param, fmt.Sprint(s.random.IntN(2) == 0))
	case len(field.Enum) > 0:
		form.Set(param, field.Enum[s.random.IntN(len(field.Enum))])
	default:
		form.Set(param, []string{s.named(param), s.named(param), s.named(param), s.id(), "usd", "http://127.0.0.1:1/x", "pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired", "pm_card_createDispute", "pm_card_refundFail", "tok_visa",
			"eur", "AT611904300234573201", "AT861904300235473202", "x"}[s.random.IntN(16)])
	}
}

// prefixes map a word in a parameter's name to the ids that it probably wants. Longer words come first.
var prefixes = []struct{ word, prefix string }{
	{
		"balance_transaction", "txn_",
	}, {"transaction", "cbtxn_"}, {"early_fraud", "issfr_"}, {"token", "tok_"}, {"source", "card_"},
	{"payment_method", "pm_"}, {
		"subscription_item", "si_",
	}, {"schedule", "sub_sched_"}, {"subscription", "sub_1"}, {"session", "cs_"}, {"intent", "pi_"},
	{"invoiceitem", "ii_"}, {
		"promotion_code", "promo_",
	}, {"coupon", "co_"}, {"discount", "di_"}, {"invoice", "in_"}, {"price", "price_"}, {"customer", "cus_"},
	{"product", "prod_"}, {"charge", "ch_"}, {"dispute", "dp_"}, {"refund", "re_"}, {"clock", "clock_"},
	{"tax_id", "txi_"}, {"transaction", "ccsbtxn_"},
	{"endpoint", "we_"}, {"configuration", "bpc_"}, {"event", "evt_"}, {"item", "si_"}, {"id", "si_"},
}

// named mostly returns an id of the kind that a parameter's name asks for.
func (s *storm) named(param string) string {
	for _, each := range prefixes {
		if strings.Contains(param, each.word) && s.random.IntN(10) > 0 {
			var fit []string
			for _, id := range s.ids {
				if strings.HasPrefix(id, each.prefix) {
					fit = append(fit, id)
				}
			}
			if len(fit) > 0 {
				return fit[s.random.IntN(len(fit))]
			}
		}
	}
	return s.id()
}

func (s *storm) id() string {
	if s.random.IntN(20) == 0 {
		return "id_of_nothing"
	}
	return s.ids[s.random.IntN(len(s.ids))]
}

// send sends a request and returns the id of the object that it made.
func (s *storm) send(method, path string, form url.Values) string {
	var request *http.Request
	if method == "GET" {
		request = httptest.NewRequest(method, path+"?"+form.Encode(), nil)
	} else {
		request = httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Authorization", "Bearer sk_test_x")
	answer := s.serve(request)
	body := answer.Body.String()
	if answer.Code/100 == 2 {
		s.succeeded++
		for _, found := range idPattern.FindAllStringSubmatch(body, 20) {
			if len(s.ids) < 400 {
				s.ids = append(s.ids, found[1])
			} else {
				s.ids[s.random.IntN(400)] = found[1]
			}
		}
	}
	var shaped struct {
		ID    string
		Error *struct{ Type, Message string }
	}
	if err := json.Unmarshal([]byte(body), &shaped); err != nil {
		s.t.Fatalf("%s %s %v answers no JSON: %s", method, path, form, body)
	}
	if answer.Code >= 500 || answer.Code >= 400 && (shaped.Error == nil || shaped.Error.Message == "") {
		s.t.Fatalf("%s %s %v answers %d: %s", method, path, form, answer.Code, body)
	}
	return shaped.ID
}

// picture returns everything that the lists show.
func (s *storm) picture() map[string]string {
	shown := map[string]string{}
	for _, noun := range []string{"customers", "products", "prices", "payment_intents", "charges", "refunds", "disputes", "balance_transactions", "radar/early_fraud_warnings",
		"checkout/sessions", "subscriptions?status=all", "invoices", "invoiceitems", "subscription_schedules", "events",
		"coupons", "promotion_codes", "webhook_endpoints",
		"test_helpers/test_clocks", "billing_portal/configurations"} {
		request := httptest.NewRequest("GET", "/v1/"+noun, nil)
		request.Header.Set("Authorization", "Bearer sk_test_x")
		shown[noun] = s.serve(request).Body.String()
	}
	return shown
}

func (s *storm) serve(request *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	return answer
}
