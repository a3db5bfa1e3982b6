package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
)

// seeder makes the objects that the SDK's tests only pretend to have. Each is in a state in which Stripe allows the
// present request.
type seeder struct {
	next      http.Handler
	op        string     // the present request without its made-up ids: "POST /v1/invoices/{}/pay"
	form      url.Values // the request's parameters
	param     string     // the parameter that names the object, or "" for the address
	holder    string     // the customer to whom all of them belong
	reduction string     // the coupon; there is only one as well
}

// seeds maps the first letters of a made-up id to a function that makes an object of that kind, and returns its id.
var seeds = map[string]func(*seeder) string{
	"cus":   (*seeder).customer,
	"prod":  func(s *seeder) string { return s.made("/v1/products", "name=Thing") },
	"price": (*seeder).price,
	"pm":    (*seeder).method,
	"tok":   func(*seeder) string { return "tok_visa" },
	"src":   (*seeder).source,
	"card":  (*seeder).source,
	"ba":    (*seeder).source, // the sandbox has no bank accounts: it serves a card at their address
	"pi":    (*seeder).intent,
	"ch":    (*seeder).charge,
	"seti": func(s *seeder) string {
		return s.made("/v1/setup_intents", "payment_method=pm_card_visa&customer="+s.customer())
	},
	"re":   (*seeder).refund,
	"dp":   (*seeder).dispute,
	"cs":   (*seeder).session,
	"sess": (*seeder).session,
	"sub":  (*seeder).subscription,
	"si":   (*seeder).item,
	"in":   (*seeder).invoice,
	"ii":   func(s *seeder) string { return s.pending() },
	"evt":  func(s *seeder) string { s.customer(); return s.first("/v1/events") },
	"bpc": func(s *seeder) string {
		return s.made(
			"/v1/billing_portal/configurations", "features[invoice_history][enabled]=true&business_profile[headline]=x",
		)
	},
	"we": func(s *seeder) string {
		return s.made("/v1/webhook_endpoints", "enabled_events[]=charge.failed&url=https://shop.test")
	},
	"clock": (*seeder).clock,
	"co":    (*seeder).coupon,
	"promo": (*seeder).promotion,
	"txi": func(s *seeder) string {
		return s.made("/v1/customers/"+s.customer()+"/tax_ids", "type=eu_vat&value=DE123456789")
	},
	"txn": func(s *seeder) string { s.paid("pm_card_visa"); return s.first("/v1/balance_transactions") },
	"cbtxn": func(s *seeder) string {
		return s.made("/v1/customers/"+s.customer()+"/balance_transactions", "amount=-100&currency=usd")
	},
}

// listed are the lists that must not be empty, with the kind of object that they contain.
var listed = map[string]string{
	"/v1/customers": "cus", "/v1/products": "prod", "/v1/prices": "price", "/v1/payment_intents": "pi",
	"/v1/charges": "ch", "/v1/setup_intents": "seti",
	"/v1/refunds": "re", "/v1/disputes": "dp", "/v1/checkout/sessions": "cs", "/v1/subscriptions": "sub",
	"/v1/invoices": "in", "/v1/invoiceitems": "ii",
	"/v1/events": "evt", "/v1/billing_portal/configurations": "bpc", "/v1/webhook_endpoints": "we",
	"/v1/test_helpers/test_clocks": "clock",
	"/v1/coupons":                  "co", "/v1/balance_transactions": "txn", "/v1/promotion_codes": "promo",
	"/v1/charges/search":       "ch",
	"/v1/customers/{}/tax_ids": "txi", "/v1/customers/{}/balance_transactions": "cbtxn",
}

// begin reads a request, and makes the objects that it requires without naming them.
func (s *seeder) begin(r *http.Request, form url.Values) {
	segments := strings.Split(r.URL.Path, "/")
	for i, segment := range segments {
		if madeUp.MatchString(segment) {
			segments[i] = "{}"
		}
	}
	s.op, s.form, s.param = r.Method+" "+strings.Join(segments, "/"), form, ""
	if kind := listed[strings.TrimPrefix(s.op, "GET ")]; kind != "" {
		seeds[kind](s)
	}
}

// real returns the id of a new object for a made-up id. It returns any other text unchanged.
func (s *seeder) real(param, id string) string {
	found := madeUp.FindStringSubmatch(id)
	if found == nil || param == "id" { // the caller chooses this id
		return id
	}
	s.param = param
	kind := found[1]
	switch {
	case kind != "":
	case id != "gold":
		kind = "co"
	case strings.Contains(s.op, "/refunds"):
		kind = "re"
	default:
		kind = "price"
	}
	if seed := seeds[kind]; seed != nil {
		if made := seed(s); made != "" {
			return made
		}
	}
	return id
}

func (s *seeder) customer() string {
	if s.holder == "" {
		s.holder = s.made(
			"/v1/customers",
			"email=jo@shop.test&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
		)
	}
	return s.holder
}

// price returns a price that is paid once if a request for one payment names it. Otherwise it returns a monthly price.
func (s *seeder) price() string {
	form := "currency=usd&unit_amount=500&product_data[name]=Thing"
	once := strings.Contains(s.op, "/invoiceitems") || strings.Contains(s.op, "/checkout/") || strings.HasPrefix(
		s.param, "add_invoice_items",
	)
	if !once {
		form += "&recurring[interval]=month"
	}
	if s.op == "GET /v1/prices" {
		form += "&lookup_key=Key1"
	}
	return s.made("/v1/prices", form)
}

func (s *seeder) method() string {
	id := s.made("/v1/payment_methods", "type=card&card[token]=tok_visa")
	if !strings.HasSuffix(s.op, "/attach") {
		s.ask("POST", "/v1/payment_methods/"+id+"/attach", "customer="+s.customer())
	}
	return id
}

func (s *seeder) source() string {
	if strings.Contains(s.op, "/invoices") || strings.Contains(s.op, "/sources") {
		return s.made("/v1/customers/"+s.customer()+"/sources", "source=tok_visa")
	}
	return "tok_visa"
}

// intent returns a payment that was made, or one for which the requested action is still possible.
func (s *seeder) intent() string {
	form := "amount=1000&currency=usd&payment_method_types[]=card&payment_method=pm_card_visa"
	switch {
	case strings.HasSuffix(s.op, "/capture"):
		form += "&confirm=true&capture_method=manual"
	case strings.HasSuffix(s.op, "/increment_authorization"):
		form += "&confirm=true&capture_method=manual&payment_method_options[card][request_incremental_authorization]=if_available"
	case strings.HasSuffix(s.op, "/confirm"), strings.HasSuffix(s.op, "/cancel"), s.op == "POST /v1/payment_intents/{}":
	case s.op == "POST /v1/refunds" && s.param == "payment_intent":
		return s.field("/v1/charges/"+s.first("/v1/charges"), "payment_intent")
	default:
		form += "&confirm=true"
	}
	return s.made("/v1/payment_intents", form)
}

// charge returns a charge of a payment intent, or a separate charge if the request captures it.
func (s *seeder) charge() string {
	if strings.HasSuffix(s.op, "/capture") {
		return s.made("/v1/charges", "amount=1000&currency=usd&capture=false&source=tok_visa")
	}
	return s.field("/v1/payment_intents/"+s.intent(), "latest_charge")
}

func (s *seeder) paid(card string) string {
	return s.made(
		"/v1/payment_intents", "amount=1000&currency=usd&confirm=true&payment_method_types[]=card&payment_method="+card,
	)
}

// refund returns a refund that was paid, or one that waits for the payer and can end.
func (s *seeder) refund() string {
	id := s.made("/v1/refunds", "amount=100&payment_intent="+s.paid("pm_card_visa"))
	if strings.HasSuffix(s.op, "/cancel") || strings.HasSuffix(s.op, "/expire") {
		s.ask("POST", "/_sandbox/refunds/"+id+"/hold", "")
	}
	return id
}

func (s *seeder) dispute() string {
	s.paid("pm_card_createDispute")
	return s.first("/v1/disputes")
}

func (s *seeder) session() string {
	price := s.made("/v1/prices", "currency=usd&unit_amount=500&product_data[name]=Thing")
	return s.made(
		"/v1/checkout/sessions",
		"mode=payment&success_url=https://shop.test&line_items[0][quantity]=1&line_items[0][price]="+price,
	)
}

func (s *seeder) subscription() string {
	form := "customer=" + s.customer() + "&items[0][price]=" + s.monthly() + "&items[1][price]=" + s.monthly()
	if strings.HasSuffix(s.op, "/discount") {
		form += "&coupon=" + s.coupon()
	}
	return s.made("/v1/subscriptions", form)
}

func (s *seeder) monthly() string {
	return s.made("/v1/prices", "currency=usd&unit_amount=500&product_data[name]=Thing&recurring[interval]=month")
}

func (s *seeder) item() string {
	return s.first("/v1/subscription_items?subscription=" + s.subscription())
}

// invoice returns a draft, or an open invoice if the requested action needs one.
func (s *seeder) invoice() string {
	s.pending()
	form := "pending_invoice_items_behavior=include&customer=" + s.customer()
	if strings.HasSuffix(s.op, "/send") {
		form += "&collection_method=send_invoice&days_until_due=30"
	}
	id := s.made("/v1/invoices", form)
	for _, end := range []string{"/pay", "/void", "/mark_uncollectible"} {
		if strings.HasSuffix(s.op, end) {
			s.ask("POST", "/v1/invoices/"+id+"/finalize", "auto_advance=false")
		}
	}
	return id
}

func (s *seeder) pending() string {
	return s.made("/v1/invoiceitems", "amount=700&currency=usd&customer="+s.customer())
}

// clock returns a clock shortly before the time to which it will be moved.
func (s *seeder) clock() string {
	at := int64(1700000000)
	if to, err := strconv.ParseInt(s.form.Get("frozen_time"), 10, 64); err == nil {
		at = max(1, to-3600)
	}
	return s.made("/v1/test_helpers/test_clocks", fmt.Sprintf("frozen_time=%d", at))
}

func (s *seeder) coupon() string {
	if s.reduction == "" {
		s.reduction = s.made("/v1/coupons", "percent_off=25&duration=forever")
	}
	return s.reduction
}

func (s *seeder) promotion() string {
	form := ""
	if s.op == "GET /v1/promotion_codes" {
		form = "&code=MYCODE&customer=" + s.customer()
	}
	return s.made("/v1/promotion_codes", "coupon="+s.coupon()+form)
}

// made creates an object and returns its id. It returns "" if the sandbox refuses it: the test then reports the error.
func (s *seeder) made(path, form string) string {
	id, _ := s.ask("POST", path, form)["id"].(string)
	return id
}

func (s *seeder) field(path, name string) string {
	value, _ := s.ask("GET", path, "")[name].(string)
	return value
}

// first returns the id of the newest row of a list.
func (s *seeder) first(path string) string {
	rows, _ := s.ask("GET", path, "")["data"].([]any)
	if len(rows) == 0 {
		return ""
	}
	id, _ := rows[0].(node)["id"].(string)
	return id
}

func (s *seeder) ask(method, path, form string) node {
	request := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(form))
	request.Header.Set("Authorization", "Bearer sk_test_seeds")
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer := httptest.NewRecorder()
	s.next.ServeHTTP(answer, request)
	var out node
	if err := json.Unmarshal(answer.Body.Bytes(), &out); err != nil {
		return nil
	}
	return out
}
