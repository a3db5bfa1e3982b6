package sandbox_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a session sells at the discounted price, no matter who brought the discount. A coupon is
// redeemed once, when the session is paid.

const codes = "&allow_promotion_codes=true"

func (w *world) times(coupon string) any {
	w.t.Helper()
	return w.object("GET", "/v1/coupons/"+coupon, "")["times_redeemed"]
}

func (w *world) session(id string) map[string]any {
	w.t.Helper()
	return w.object(
		"GET", "/v1/checkout/sessions/"+id,
		"expand[]=total_details.breakdown&expand[]=line_items.data.discounts&expand[]=payment_intent&expand[]=invoice",
	)
}

func TestMerchantsDiscount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	coupon := w.coupon("percent_off=20")
	code := w.promotion("code=FALL&coupon=" + coupon)["id"].(string)
	made := w.checkout("payment", w.price(999, ""), "&discounts[0][promotion_code]="+code)
	id := made["id"].(string)
	if made["amount_subtotal"] != 999.0 || made["amount_total"] != 799.0 || w.times(coupon) != 0.0 {
		t.Fatalf("%v %v", made["amount_subtotal"], made["amount_total"])
	}
	w.object("POST", "/v1/payment_pages/"+id+"/confirm", "payment_method=pm_card_visa&expected_amount=799")
	paid := w.session(id)
	details := paid["total_details"].(map[string]any)
	whole := details["breakdown"].(map[string]any)["discounts"].([]any)[0].(map[string]any)
	line := paid["line_items"].(map[string]any)["data"].([]any)[0].(map[string]any)
	if details["amount_discount"] != 200.0 || whole["amount"] != 200.0 || line["amount_discount"] != 200.0 ||
		line["amount_total"] != 799.0 || len(line["discounts"].([]any)) != 1 {
		t.Fatalf("%v %v", details, line)
	}
	if d := whole["discount"].(map[string]any); d["promotion_code"] != code || d["checkout_session"] != id {
		t.Fatalf("%v", d)
	}
	if paid["payment_intent"].(map[string]any)["amount_received"] != 799.0 || w.times(coupon) != 1.0 || w.object(
		"GET", "/v1/promotion_codes/"+code, "",
	)["times_redeemed"] != 1.0 {
		t.Fatal("it was not redeemed once, for 7.99")
	}
}

func TestDiscountedSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	coupon := w.coupon("percent_off=30&duration=repeating&duration_in_months=2")
	id := w.checkout("subscription", w.price(1000, "month"), "&discounts[0][coupon]="+coupon)["id"].(string)
	paid := w.object("POST", "/v1/payment_pages/"+id+"/confirm", "payment_method=pm_card_visa")
	subscription := paid["subscription"].(string)
	if shown := w.session(id); paid["amount_total"] != 700.0 ||
		shown["invoice"].(map[string]any)["amount_paid"] != 700.0 ||
		shown["invoice"].(map[string]any)["subtotal"] != 1000.0 {
		t.Fatalf("%v", shown["invoice"])
	}
	if d := w.subscription(subscription)["discount"].(map[string]any); d["subscription"] != subscription ||
		d["coupon"].(map[string]any)["id"] != coupon {
		t.Fatalf("%v", d)
	}
	w.months(2)
	requireBills(t, w.bills(subscription), 700, 700, 1000)
}

// A session for a subscription shows the customer's running discount.
func TestSessionOfDiscountedCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	holder := w.customer("email=a@b.test&coupon=" + w.coupon("percent_off=10&duration=forever"))
	session := w.checkout("subscription", w.price(1000, "month"), "&customer="+holder)
	paid := w.object("POST", "/v1/payment_pages/"+session["id"].(string)+"/confirm", "payment_method=pm_card_visa")
	if session["amount_total"] != 900.0 ||
		w.session(paid["id"].(string))["invoice"].(map[string]any)["amount_paid"] != 900.0 {
		t.Fatalf("it shows %v", session["amount_total"])
	}
	if once := w.checkout("payment", w.price(1000, ""), "&customer="+holder); once["amount_total"] != 1000.0 {
		t.Fatalf("a single purchase: %v", once["amount_total"])
	}
}

// A purchase that costs nothing needs no card. A subscription still asks for one, unless the merchant chose not to.
func TestNothingToPay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode, interval, more string
		card                 bool
	}{
		"Payment":         {"payment", "", "", false},
		"Subscription":    {"subscription", "month", "", true},
		"CardIfRequired":  {"subscription", "month", "&payment_method_collection=if_required", false},
		"KeepingCustomer": {"payment", "", "&customer_creation=always", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			id := w.checkout(
				c.mode, w.price(1000, c.interval), c.more+"&discounts[0][coupon]="+w.coupon("percent_off=100"),
			)["id"].(string)
			confirm := "/v1/payment_pages/" + id + "/confirm"
			if c.card {
				if _, code, param, _ := w.refusal(
					"POST", confirm, "email=a@b.test",
				); code != "parameter_missing" || param != "payment_method" {
					t.Fatalf("without a card: %s %s", code, param)
				}
				w.object("POST", confirm, "payment_method=pm_card_visa")
			} else {
				w.object("POST", confirm, "email=a@b.test")
			}
			paid := w.session(id)
			if paid["payment_status"] != "no_payment_required" || paid["status"] != "complete" ||
				paid["payment_intent"] != nil {
				t.Fatalf("%v %v %v", paid["payment_status"], paid["status"], paid["payment_intent"])
			}
			if c.mode == "subscription" {
				sub := w.subscription(paid["subscription"].(string))
				if sub["status"] != "active" || latest(sub)["status"] != "paid" ||
					(sub["default_payment_method"] != nil) != c.card {
					t.Fatalf("%v %v %v", sub["status"], latest(sub)["status"], sub["default_payment_method"])
				}
			}
		})
	}
}

func TestSessionDiscountRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.coupon("id=TEN&percent_off=10")
	w.coupon("id=MOST&percent_off=97")
	w.coupon("id=EURO&amount_off=100&currency=eur")
	create := "mode=payment&success_url=https://a.test&line_items[0][quantity]=1&line_items[0][price]=" +
		w.price(1000, "")
	for name, c := range map[string]struct{ form, code, param string }{
		"WithCodes": {codes + "&discounts[0][coupon]=TEN", "", "allow_promotion_codes"},
		"Two":       {"&discounts[0][coupon]=TEN&discounts[1][coupon]=TEN", "", "discounts"},
		"Empty":     {"&discounts[0][x]=1", "parameter_unknown", "discounts[0][x]"},
		"Missing":   {"&discounts[0][coupon]=NOPE", "resource_missing", "discounts[0][coupon]"},
		"Currency":  {"&discounts[0][coupon]=EURO", "", "discounts[0][coupon]"},
		"TooSmall":  {"&discounts[0][coupon]=MOST", "amount_too_small", "discounts"},
	} {
		if status, code, param, message := w.refusal(
			"POST", "/v1/checkout/sessions", create+c.form,
		); status != 400 || code != c.code || param != c.param {
			t.Errorf("%s: got %d %q %q %q", name, status, code, param, message)
		}
	}
	closed := w.checkout("payment", w.price(1000, ""), "")["id"].(string)
	if status, _, param, _ := w.refusal(
		"POST", "/v1/payment_pages/"+closed, "promotion_code=FALL",
	); status != 400 || param != "promotion_code" {
		t.Fatalf("a session that allows no codes: %d %s", status, param)
	}
}

// Two payers have the last redemption of a code on their pages. The one who pays first gets it.
func TestLastRedemption(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.promotion("code=LAST&coupon=" + w.coupon("percent_off=50&max_redemptions=1&id=ONE"))
	var ids []string
	for range 2 {
		id := w.checkout("payment", w.price(1000, ""), codes)["id"].(string)
		w.object("POST", "/v1/payment_pages/"+id, "promotion_code=last")
		ids = append(ids, id)
	}
	w.object("POST", "/v1/payment_pages/"+ids[0]+"/confirm", "payment_method=pm_card_visa")
	if status, _, _, _ := w.refusal(
		"POST", "/v1/payment_pages/"+ids[1]+"/confirm", "payment_method=pm_card_visa",
	); status != 400 {
		t.Fatalf("the second answers %d", status)
	}
	if charges := w.object("GET", "/v1/charges", "")["data"].([]any); len(charges) != 1 || w.times("ONE") != 1.0 {
		t.Fatalf("%d charges, redeemed %v times", len(charges), w.times("ONE"))
	}
	w.object("POST", "/v1/payment_pages/"+ids[1], "promotion_code=")
	if paid := w.object(
		"POST", "/v1/payment_pages/"+ids[1]+"/confirm", "payment_method=pm_card_visa",
	); paid["amount_total"] != 1000.0 {
		t.Fatalf("without the code it costs %v", paid["amount_total"])
	}
}

// Ten submits of one discounted page at once start one subscription and redeem its coupon once.
func TestDiscountedSubmitRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.coupon("id=HALF&percent_off=50&max_redemptions=2")
	page := w.checkout("subscription", w.price(1000, "month"), "&discounts[0][coupon]=HALF")["url"].(string)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if status, _, _ := w.browse("POST", page, card("4242424242424242")); status != 303 {
				t.Errorf("answers %d", status)
			}
		})
	}
	group.Wait()
	subs, charges := w.object(
		"GET", "/v1/subscriptions", "",
	)["data"].([]any), w.object("GET", "/v1/charges", "")["data"].([]any)
	if len(subs) != 1 || len(charges) != 1 || charges[0].(map[string]any)["amount"] != 500.0 || w.times("HALF") != 1.0 {
		t.Fatalf("%d subscriptions, %d charges, redeemed %v times", len(subs), len(charges), w.times("HALF"))
	}
}

// A code entered after a declined attempt changes what the next attempt charges.
func TestCodeAfterDecline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mode, interval string }{{"payment", ""}, {"subscription", "month"}} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			w.promotion("code=HALF&coupon=" + w.coupon("percent_off=50"))
			session := w.checkout(c.mode, w.price(1000, c.interval), codes)
			confirm := "/v1/payment_pages/" + session["id"].(string) + "/confirm"
			if status, _, _, _ := w.refusal(
				"POST", confirm, "email=a@b.test&payment_method=pm_card_chargeCustomerFail",
			); status != 402 {
				t.Fatalf("answers %d", status)
			}
			w.object("POST", "/v1/payment_pages/"+session["id"].(string), "promotion_code=HALF")
			w.object("POST", confirm, "email=a@b.test&payment_method=pm_card_visa&expected_amount=500")
			charge := w.object("GET", "/v1/charges", "limit=1")["data"].([]any)[0].(map[string]any)
			if charge["amount"] != 500.0 || charge["status"] != "succeeded" {
				t.Fatalf("%v %v", charge["amount"], charge["status"])
			}
			if holders := len(
				w.object("GET", "/v1/customers", "")["data"].([]any),
			); c.mode == "subscription" && holders != 1 {
				t.Fatalf("%d customers", holders)
			}
		})
	}
}

// A person enters a code on the page. They see an error if it is wrong, see what it saves, and can remove it.
func TestCodeOnPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.promotion("code=FALL20&coupon=" + w.coupon("percent_off=20&name=Autumn"))
	page := w.checkout("payment", w.price(1250, ""), codes)["url"].(string)
	enter := func(want int, form url.Values, parts ...string) {
		t.Helper()
		status, body, _ := w.browse("POST", page, form)
		if status != want {
			t.Fatalf("%v: %d %s", form, status, body)
		}
		for _, part := range parts {
			if !strings.Contains(body, part) {
				t.Fatalf("%v: lacks %q: %s", form, part, body)
			}
		}
	}
	apply := func(code string) url.Values { return url.Values{"code": {"apply"}, "promotion_code": {code}} }
	enter(402, apply("WINTER"), `href="#promotion_code"`, "This code is invalid.", `value="WINTER"`, "Pay $12.50")
	enter(402, apply(" "), "Enter a promotion code.")
	enter(200, apply("fall20"), "FALL20", "20% off", "−$2.50", "$12.50", "Pay $10.00", `name="code" value="remove"`)
	enter(200, url.Values{"code": {"remove"}}, "Pay $12.50", `name="code" value="apply"`)
	enter(200, apply("FALL20"), "Pay $10.00")
	if status, _, _ := w.browse("POST", page, card("4242424242424242")); status != 303 {
		t.Fatalf("paying answers %d", status)
	}
	if charge := w.object("GET", "/v1/charges", "")["data"].([]any)[0].(map[string]any); charge["amount"] != 1000.0 {
		t.Fatalf("%v were charged", charge["amount"])
	}
}

// A page for a purchase that costs nothing asks for no card and needs one press. Another page has a field for codes
// only if the merchant allows them.
func TestPageWithoutPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	page := w.checkout(
		"payment", w.price(1250, ""), "&discounts[0][coupon]="+w.coupon("percent_off=100"),
	)["url"].(string)
	if _, body, _ := w.browse("GET", page, nil); strings.Contains(body, `name="card_number"`) || strings.Contains(
		body, `name="promotion_code"`,
	) || !strings.Contains(body, "Complete order") {
		t.Fatal(body)
	}
	if status, body, _ := w.browse("POST", page, url.Values{"email": {"jo@shop.test"}, "name": {"Jo"}}); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
}
