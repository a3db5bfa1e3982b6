package sandbox_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// These tests prove the general rules of the API: what it refuses and in which words, replays, expansion and lists.

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	price, monthly := w.price(500, ""), w.price(500, "month")
	session := "success_url=https://a.test&line_items[0][quantity]=1&line_items[0][price]="
	for name, c := range map[string]struct {
		method, path, form   string
		status               int
		code, param, message string
	}{
		"UnknownParameter": {
			"POST", "/v1/customers", "nme=jo", 400, "parameter_unknown", "nme", "Received unknown parameter: nme",
		},
		"UnknownNested": {
			"POST", "/v1/customers", "address[town]=x", 400, "parameter_unknown", "address[town]",
			"Received unknown parameter: address[town]",
		},
		"UnknownInQuery": {"GET", "/v1/customers", "foo=1", 400, "parameter_unknown", "foo", ""},
		"Missing": {
			"POST", "/v1/prices", "unit_amount=1", 400, "parameter_missing", "currency",
			"Missing required param: currency.",
		},
		"MissingInList": {
			"POST", "/v1/checkout/sessions", "mode=payment&success_url=https://a.test&line_items[0][quantity]=1", 400,
			"parameter_missing", "line_items[0][price]", "",
		},
		"BadInteger": {
			"POST", "/v1/payment_intents", "currency=usd&amount=ten", 400, "parameter_invalid_integer", "amount",
			"Invalid integer: ten",
		},
		"TooLargeInteger": {
			"POST", "/v1/payment_intents", "currency=usd&amount=9223372036854775808", 400, "parameter_invalid_integer",
			"amount", "",
		},
		"BadEnum": {
			"POST", "/v1/checkout/sessions", "mode=gift", 400, "", "mode",
			"Invalid mode: must be one of payment, setup, or subscription",
		},
		"BadBoolean":         {"POST", "/v1/products", "name=x&active=yes", 400, "", "active", "Invalid boolean: yes"},
		"EmptyNotUnsettable": {"POST", "/v1/products", "name=", 400, "parameter_invalid_empty", "name", ""},
		"HashForScalar":      {"POST", "/v1/customers", "email[a]=b", 400, "", "email", ""},
		"ScalarForHash":      {"POST", "/v1/customers", "shipping=x", 400, "", "shipping", ""},
		"MalformedName":      {"POST", "/v1/customers", "address[city=x", 400, "parameter_unknown", "address[city", ""},
		"LongReference": {
			"POST", "/v1/checkout/sessions", "client_reference_id=" + strings.Repeat("x", 201), 400,
			"parameter_invalid_string", "client_reference_id", "",
		},
		"UnknownURL": {"GET", "/v1/nothing", "", 404, "", "", "Unrecognized request URL (GET: /v1/nothing)."},
		"WrongMethod": {
			"DELETE", "/v1/events", "", 404, "", "", "Unrecognized request URL (DELETE: /v1/events).",
		},
		"NoSuchCustomer": {
			"GET", "/v1/customers/cus_x", "", 404, "resource_missing", "id", "No such customer: 'cus_x'",
		},
		"NoSuchAsParameter": {
			"POST", "/v1/checkout/sessions", "mode=payment&customer=cus_x&" + session + price, 400, "resource_missing",
			"customer", "No such customer: 'cus_x'",
		},
		"NoSuchPrice": {
			"POST", "/v1/checkout/sessions", "mode=payment&" + session + "price_x", 400, "resource_missing",
			"line_items[0][price]", "No such price: 'price_x'",
		},
		"RecurringInPayment": {
			"POST", "/v1/checkout/sessions", "mode=payment&" + session + monthly, 400, "", "line_items[0][price]",
			"You specified `payment` mode but passed a recurring price.",
		},
		"OneTimeInSubscribe": {
			"POST", "/v1/checkout/sessions", "mode=subscription&" + session + price, 400, "", "line_items",
			"You must provide at least one recurring price",
		},
		"BadURL": {
			"POST", "/v1/checkout/sessions", "mode=payment&success_url=shop", 400, "url_invalid", "success_url",
			"Not a valid URL",
		},
		"LimitTooLarge": {"GET", "/v1/customers", "limit=101", 400, "parameter_invalid_integer", "limit", ""},
		"UnknownCursor": {
			"GET", "/v1/customers", "starting_after=cus_x", 400, "resource_missing", "starting_after",
			"No such customer: 'cus_x'",
		},
		"IllegalExpand": {
			"GET", "/v1/prices/" + price, "expand[]=recurring", 400, "", "expand",
			"This property cannot be expanded (recurring).",
		},
		"ExpandWithoutData": {
			"GET", "/v1/prices", "expand[]=product", 400, "", "expand", "This property cannot be expanded (product).",
		},
		"ExpandTooDeep": {
			"GET", "/v1/prices/" + price, "expand[]=a.b.c.d.e", 400, "", "expand",
			"You cannot expand more than 4 levels",
		},
		"MeantAlternative": {
			"POST", "/v1/payment_methods", "type=card&card[exp_month]=1&card[exp_year]=2030", 400, "parameter_missing",
			"card[number]", "",
		},
		"TooSmall": {
			"POST", "/v1/payment_intents", "currency=usd&amount=49", 400, "amount_too_small", "amount",
			"Amount must be at least $0.50",
		},
		"UnservedDeep": {
			"POST", "/v1/checkout/sessions", "mode=payment&line_items[0][tax_rates][0]=txr_1", 400, "",
			"line_items[0][tax_rates]", "The sandbox does not act on",
		},
		"Unserved": {
			"POST", "/v1/payment_intents", "amount=500&currency=usd&on_behalf_of=x", 400, "", "on_behalf_of",
			"The sandbox does not act on `on_behalf_of`",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, code, param, message := w.refusal(c.method, c.path, c.form)
			if status != c.status || code != c.code || param != c.param || !strings.HasPrefix(message, c.message) {
				t.Fatalf("got %d %q %q %q", status, code, param, message)
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for name, c := range map[string]struct {
		header string
		status int
	}{
		"OK":       {"Bearer sk_test_x", 200},
		"Basic":    {"Basic c2tfdGVzdF94Og==", 200},
		"None":     {"", 401},
		"Unknown":  {"Bearer whatever", 401},
		"LiveKey":  {"Bearer sk_live_x", 401},
		"NoSecret": {"Bearer sk_test_", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body, header := w.raw("GET", "/v1/account", "", "Authorization", c.header)
			if status != c.status || header.Get("Request-Id") == "" || header.Get("Stripe-Version") != "2023-10-16" {
				t.Fatalf("%d %s %v", status, body, header)
			}
		})
	}
}

func TestHostileBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for name, c := range map[string]struct{ form, kind string }{
		"JSON":          {`{"email":"a"}`, "application/json"},
		"BadEscape":     {"email=%zz", "application/x-www-form-urlencoded"},
		"TooLarge":      {"email=" + strings.Repeat("x", 2<<20), "application/x-www-form-urlencoded"},
		"TooMany":       {strings.Repeat("metadata[a]=b&", 2000), "application/x-www-form-urlencoded"},
		"TooDeep":       {"a" + strings.Repeat("[b]", 100) + "=c", "application/x-www-form-urlencoded"},
		"BothShapes":    {"metadata=x&metadata[a]=b", "application/x-www-form-urlencoded"},
		"ListAndHash":   {"preferred_locales[]=x&preferred_locales[0]=y", "application/x-www-form-urlencoded"},
		"NegativeIndex": {"preferred_locales[-1]=y", "application/x-www-form-urlencoded"},
		"EmptyName":     {"=x", "application/x-www-form-urlencoded"},
		"BadUTF8":       {"email=%ff%fe", "application/x-www-form-urlencoded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body, _ := w.raw("POST", "/v1/customers", c.form, "Content-Type", c.kind)
			if status < 400 || status >= 500 || !strings.Contains(body, `"invalid_request_error"`) {
				t.Fatalf("%d %s", status, body)
			}
		})
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	status, first, header := w.raw("POST", "/v1/customers", "email=a@b.test", "Idempotency-Key", "k1")
	if status != 200 || header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("%d %v", status, header)
	}
	_, again, header := w.raw("POST", "/v1/customers", "email=a@b.test", "Idempotency-Key", "k1")
	if again != first || header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("the replay differs:\n%s\n%s", first, again)
	}
	status, body, _ := w.raw("POST", "/v1/customers", "email=c@d.test", "Idempotency-Key", "k1")
	if status != 400 || !strings.Contains(body, "idempotency_error") || !strings.Contains(
		body, "Try using a key other than 'k1'",
	) {
		t.Fatalf("other parameters: %d %s", status, body)
	}
	w.raw("POST", "/v1/customers", "nme=x", "Idempotency-Key", "k2")
	if status, _, _ = w.raw("POST", "/v1/customers", "email=x@y.test", "Idempotency-Key", "k2"); status != 200 {
		t.Fatalf("a refused form used its key up: %d", status)
	}
	decline := "amount=100&currency=usd&confirm=true&payment_method=pm_card_chargeDeclined"
	status, first, _ = w.raw("POST", "/v1/payment_intents", decline, "Idempotency-Key", "k3")
	_, again, header = w.raw("POST", "/v1/payment_intents", decline, "Idempotency-Key", "k3")
	if status != 402 || again != first || header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("a refused card is not replayed: %d %v", status, header)
	}
	if _, other, _ := w.raw(
		"POST", "/v1/customers", "email=a@b.test", "Idempotency-Key", "k1", "Authorization", "Bearer sk_test_other",
	); other == first {
		t.Fatal("another API key shares the answers")
	}
}

// One key in 20 simultaneous requests makes one customer. Every request gets that customer, or the error that the key
// is in use.
func TestIdempotencyRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			status, body, _ := w.raw("POST", "/v1/customers", "email=a@b.test", "Idempotency-Key", "k")
			if status != 200 && (status != http.StatusConflict || !strings.Contains(body, "idempotency_key_in_use")) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	group.Wait()
	if n := len(w.object("GET", "/v1/customers", "")["data"].([]any)); n != 1 {
		t.Fatalf("%d customers", n)
	}
}

func TestMetadataMerges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id := w.object("POST", "/v1/customers", "metadata[a]=1&metadata[b]=2&metadata[object]=customer")["id"].(string)
	got := w.object("POST", "/v1/customers/"+id, "metadata[a]=&metadata[c]=3")["metadata"].(map[string]any)
	if len(got) != 3 || got["b"] != "2" || got["c"] != "3" || got["object"] != "customer" {
		t.Fatalf("it merged to %v", got)
	}
	if got = w.object("POST", "/v1/customers/"+id, "metadata=")["metadata"].(map[string]any); len(got) != 0 {
		t.Fatalf("an empty value leaves %v", got)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	var ids []string
	for range 12 {
		ids = append(ids, w.object("POST", "/v1/customers", "email=a@b.test")["id"].(string))
	}
	first := w.object("GET", "/v1/customers", "")
	if page := first["data"].([]any); len(page) != 10 || first["has_more"] != true || first["url"] != "/v1/customers" ||
		page[0].(map[string]any)["id"] != ids[11] {
		t.Fatalf("the first page: %v", first)
	}
	rest := w.object("GET", "/v1/customers", "starting_after="+ids[2])
	if page := rest["data"].([]any); len(page) != 2 || rest["has_more"] != false ||
		page[0].(map[string]any)["id"] != ids[1] {
		t.Fatalf("the rest: %v", rest)
	}
	back := w.object("GET", "/v1/customers", "limit=2&ending_before="+ids[0])
	if page := back["data"].([]any); len(page) != 2 || back["has_more"] != true ||
		page[1].(map[string]any)["id"] != ids[1] {
		t.Fatalf("the page before the last: %v", back)
	}
	if none := w.object("GET", "/v1/customers", "created[lt]=1"); len(none["data"].([]any)) != 0 {
		t.Fatalf("nothing is that old: %v", none)
	}
}

func TestLookupKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	make := "currency=usd&unit_amount=1&product_data[name]=x&lookup_key=pro"
	old := w.object("POST", "/v1/prices", make)["id"]
	if status, _, param, _ := w.refusal("POST", "/v1/prices", make); status != 400 || param != "lookup_key" {
		t.Fatalf("a taken key answers %d %s", status, param)
	}
	next := w.object("POST", "/v1/prices", make+"&transfer_lookup_key=true")["id"]
	found := w.object("GET", "/v1/prices", "lookup_keys[]=pro&expand[]=data.product")["data"].([]any)
	if len(found) != 1 || found[0].(map[string]any)["id"] != next ||
		found[0].(map[string]any)["product"].(map[string]any)["name"] != "x" {
		t.Fatalf("the key moved from %v to %v", old, found)
	}
}

// Every operation with declared parameters is served.
func TestEveryDeclaredOperationIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for _, name := range spec.Operations() {
		method, path, _ := strings.Cut(name, " ")
		if _, body, _ := w.raw(
			method, strings.NewReplacer("{", "", "}", "").Replace(path), "",
		); strings.Contains(body, "Unrecognized request URL") {
			t.Errorf("%s is declared and not served", name)
		}
	}
}
