package sandbox_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove what a person can do with a browser and no JavaScript: pay, be refused, authenticate, come back,
// and manage a subscription in the portal.

// browse sends a request as a browser does, without following redirects. It also checks that every page is kept apart
// from pages of other origins.
func (w *world) browse(method, address string, form url.Values) (int, string, string) {
	w.t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	isPage := strings.HasPrefix(response.Header.Get("Content-Type"), "text/html")
	if isPage && response.StatusCode/100 != 3 {
		for _, name := range []string{"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"} {
			if got := response.Header.Get(name); got != "same-origin" {
				w.t.Errorf("%s %s: %s is %q", method, address, name, got)
			}
		}
	}
	return response.StatusCode, string(body), response.Header.Get("Location")
}

func card(number string) url.Values {
	return url.Values{
		"card_number": {number}, "exp": {"12 / 34"}, "cvc": {"123"}, "name": {"Jo"}, "email": {"jo@shop.test"},
	}
}

func TestPayOnPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	session := w.checkout("payment", w.price(1250, ""), "")
	page := session["url"].(string)
	if status, body, _ := w.browse("GET", page, nil); status != 200 || !strings.Contains(body, "$12.50") ||
		!strings.Contains(body, "https://shop.test/no") {
		t.Fatalf("%d %s", status, body)
	}
	status, _, target := w.browse("POST", page, card("4242 4242 4242 4242"))
	if want := "https://shop.test/ok?s=" + session["id"].(string); status != 303 || target != want {
		t.Fatalf("%d %s", status, target)
	}
	if status, _, again := w.browse("POST", page, card("4242424242424242")); status != 303 || again != target {
		t.Fatalf("a double submit: %d %s", status, again)
	}
	if n := len(w.object("GET", "/v1/charges", "")["data"].([]any)); n != 1 {
		t.Fatalf("%d charges", n)
	}
}

// Ten concurrent submits of one page pay once, and all of them lead to the success page.
func TestSubmitRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	page := w.checkout("payment", w.price(500, ""), "")["url"].(string)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if status, _, _ := w.browse("POST", page, card("4242424242424242")); status != 303 {
				t.Errorf("answers %d", status)
			}
		})
	}
	group.Wait()
	if n := len(w.object("GET", "/v1/charges", "")["data"].([]any)); n != 1 {
		t.Fatalf("%d charges", n)
	}
}

func TestErrorsOnPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	page := w.checkout("payment", w.price(500, ""), "")["url"].(string)
	with := func(number, field, value string) url.Values {
		form := card(number)
		form.Set(field, value)
		return form
	}
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"Declined":  {card("4000000000000002"), "Your card was declined."},
		"Funds":     {card("4000000000009995"), "insufficient funds"},
		"Luhn":      {card("4242424242424241"), "Your card number is incorrect."},
		"NotATest":  {card("4111111111111111"), "used a non test card"},
		"Month":     {with("4242424242424242", "exp", "13/34"), "expiration month is invalid"},
		"Year":      {with("4242424242424242", "exp", "12/20"), "expiration year is invalid"},
		"CVC":       {with("4242424242424242", "cvc", "12"), "security code is invalid"},
		"NoCVC":     {with("4242424242424242", "cvc", ""), "security code is invalid"},
		"NoEmail":   {with("4242424242424242", "email", ""), "Enter an email address."},
		"WrongCVC":  {card("4000000000000127"), "security code is incorrect"},
		"Processor": {card("4000000000000119"), "error occurred while processing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body, _ := w.browse("POST", page, c.form)
			if status != 402 || !strings.Contains(
				strings.ReplaceAll(body, "&#39;", "'"), c.want,
			) || strings.Contains(body, c.form.Get("card_number")) {
				t.Fatalf("%d %s", status, body)
			}
		})
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct{ name, interval string }{{"payment", ""}, {"subscription", "month"}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			session := w.checkout(mode.name, w.price(500, mode.interval), "")
			page := session["url"].(string)
			if status, body, _ := w.browse(
				"POST", page, card("4000002760003184"),
			); status != 200 || !strings.Contains(body, "challenge") {
				t.Fatalf("no question: %d %s", status, body)
			}
			if status, body, _ := w.browse(
				"POST", page, url.Values{"challenge": {"refuse"}},
			); status != 402 || !strings.Contains(body, "unable to authenticate") {
				t.Fatalf("refused: %d %s", status, body)
			}
			w.browse("POST", page, card("4000002760003184"))
			if status, _, _ := w.browse("POST", page, url.Values{"challenge": {"accept"}}); status != 303 {
				t.Fatalf("accepted: %d", status)
			}
			if w.object("GET", "/v1/checkout/sessions/"+session["id"].(string), "")["payment_status"] != "paid" {
				t.Fatal("it is not paid")
			}
			requireOrder(
				t, types(w.events()), "payment_intent.requires_action", "payment_intent.payment_failed",
				"charge.succeeded", "checkout.session.completed",
			)
		})
	}
}

func TestPageOfNoUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	session := w.checkout("payment", w.price(500, ""), "")
	w.object("POST", "/v1/checkout/sessions/"+session["id"].(string)+"/expire", "")
	if status, body, _ := w.browse(
		"POST", session["url"].(string), card("4242424242424242"),
	); status != 410 || !strings.Contains(body, "expired") {
		t.Fatalf("an expired page: %d %s", status, body)
	}
	for _, path := range []string{"/c/pay/cs_test_x", "/p/session/bps_x", "/elsewhere"} {
		if status, _, _ := w.browse("GET", w.url+path, nil); status != 404 {
			t.Fatalf("%s answers %d", path, status)
		}
	}
	if status, _, _ := w.browse("GET", w.url+"/", nil); status != 200 {
		t.Fatalf("the front page answers %d", status)
	}
}

func TestPortal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	better := w.price(2000, "month")
	portal := w.object(
		"POST", "/v1/billing_portal/sessions", "return_url=https://shop.test/me&customer="+customer,
	)["url"].(string)
	do := func(want int, form url.Values) string {
		t.Helper()
		status, body, _ := w.browse("POST", portal, form)
		if status != want {
			t.Fatalf("%v: %d %s", form, status, body)
		}
		return body
	}
	if status, body, _ := w.browse("GET", portal, nil); status != 200 || !strings.Contains(
		body, "https://shop.test/me",
	) || !strings.Contains(body, better) {
		t.Fatalf("%d %s", status, body)
	}
	do(200, url.Values{"action": {"cancel"}, "subscription": {id}})
	if w.subscription(id)["cancel_at_period_end"] != true {
		t.Fatal("it is not cancelled")
	}
	do(200, url.Values{"action": {"resume"}, "subscription": {id}})
	do(200, url.Values{"action": {"change"}, "subscription": {id}, "price": {better}})
	if sub := w.subscription(id); priceOf(sub) != better || sub["cancel_at_period_end"] != false ||
		latest(sub)["billing_reason"] != "subscription_update" {
		t.Fatalf("the plan is not changed: %v", sub)
	}
	do(402, url.Values{"action": {"card"}, "card_number": {"4000000000000002"}, "exp": {"12/34"}, "cvc": {"123"}})
	bad := card("4000000000000341")
	bad.Set("action", "card")
	do(200, bad)
	do(400, url.Values{"action": {"cancel"}, "subscription": {"sub_of_another"}})
	do(400, url.Values{"action": {"fly"}, "subscription": {id}})
	do(400, url.Values{"action": {"change"}, "subscription": {id}, "price": {"price_x"}})
}
