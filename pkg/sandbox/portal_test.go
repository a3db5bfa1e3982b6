package sandbox_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// portal makes a configuration, and a session with it for a customer. It returns both.
func (w *world) portal(customer, features, session string) (configuration, made map[string]any) {
	w.t.Helper()
	configuration = w.object("POST", "/v1/billing_portal/configurations", "business_profile[headline]=Hello"+features)
	made = w.object(
		"POST", "/v1/billing_portal/sessions",
		"return_url=https://shop.test/me&customer="+customer+"&configuration="+configuration["id"].(string)+session,
	)
	return configuration, made
}

const (
	mayCancel = "&features[subscription_cancel][enabled]=true"
	mayPay    = "&features[payment_method_update][enabled]=true"
	mayChange = "&features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=price"
)

// allows returns the parameters that let plans change to a price.
func allows(price map[string]any) string {
	return mayChange + "&features[subscription_update][products][0][product]=" + price["product"].(string) +
		"&features[subscription_update][products][0][prices][]=" + price["id"].(string)
}

// This test proves that the portal shows and does what its configuration offers. It refuses the rest, even if a form is
// forged.
func TestPortalOffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	low := w.price(1000, "month")
	id, customer := w.subscribed(low, "pm_card_visa")
	listed := w.object("GET", "/v1/prices/"+w.price(2000, "month"), "")
	other := w.price(3000, "month")
	forms := map[string]url.Values{
		"card":   {"action": {"card"}, "card_number": {"4242424242424242"}, "exp": {"12/34"}, "cvc": {"123"}},
		"change": {"action": {"change"}, "subscription": {id}, "price": {other}},
		"cancel": {"action": {"cancel"}, "subscription": {id}},
		"resume": {"action": {"resume"}, "subscription": {id}},
	}
	_, bare := w.portal(customer, "&features[customer_update][enabled]=false", "")
	page := bare["url"].(string)
	_, body, _ := w.browse("GET", page, nil)
	for _, part := range []string{`name="action"`, "Invoices", other} {
		if strings.Contains(body, part) {
			t.Errorf("a portal that offers nothing has %s", part)
		}
	}
	if !strings.Contains(body, "Hello") {
		t.Error("the headline is missing")
	}
	for name, form := range forms {
		if status, body, _ := w.browse("POST", page, form); status != 400 || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s is done by a portal that does not offer it: %d", name, status)
		}
	}
	features := mayPay + mayCancel + "&features[invoice_history][enabled]=true" + allows(listed)
	_, full := w.portal(customer, features, "")
	_, body, _ = w.browse("GET", full["url"].(string), nil)
	for _, part := range []string{
		`value="card"`, `value="change"`, `value="cancel"`, "Invoices", listed["id"].(string),
	} {
		if !strings.Contains(body, part) {
			t.Errorf("a portal that offers all lacks %s", part)
		}
	}
	if strings.Contains(body, other) {
		t.Error("a price that is not listed is offered")
	}
	if status, _, _ := w.browse(
		"POST", full["url"].(string), forms["change"],
	); status != 400 || priceOf(w.subscription(id)) != low {
		t.Errorf("the plan changes to a price that is not listed: %d", status)
	}
}

func TestPortalCancelsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	_, made := w.portal(customer, mayCancel+
		"&features[subscription_cancel][mode]=immediately&features[subscription_cancel][cancellation_reason][enabled]=true"+
		"&features[subscription_cancel][cancellation_reason][options][]=unused", "")
	page := made["url"].(string)
	if _, body, _ := w.browse("GET", page, nil); !strings.Contains(body, "Cancel now") || !strings.Contains(
		body, "use the service enough",
	) {
		t.Fatal("neither the button nor the reason is there")
	}
	form := url.Values{"action": {"cancel"}, "subscription": {id}, "reason": {"too_expensive"}}
	if status, _, _ := w.browse("POST", page, form); status != 400 {
		t.Fatalf("a reason that is not offered: %d", status)
	}
	form.Set("reason", "unused")
	if status, body, _ := w.browse("POST", page, form); status != 200 || !strings.Contains(
		body, "Your plan has ended.",
	) {
		t.Fatalf("%d %s", status, body)
	}
	if got := w.subscription(id); got["status"] != "canceled" ||
		got["cancellation_details"].(map[string]any)["feedback"] != "unused" {
		t.Fatalf("it is %v, %v", got["status"], got["cancellation_details"])
	}
}

// This test proves that a configuration is checked completely before any of it is stored.
func TestPortalConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	once, monthly := w.object("GET", "/v1/prices/"+w.price(500, ""), ""), w.object(
		"GET", "/v1/prices/"+w.price(600, "month"), "",
	)
	made := w.object("POST", "/v1/billing_portal/configurations", "business_profile[headline]=x"+allows(monthly))
	path := "/v1/billing_portal/configurations/" + made["id"].(string)
	update := made["features"].(map[string]any)["subscription_update"].(map[string]any)
	if update["enabled"] != true || update["products"] != nil {
		t.Fatalf("it begins as %v", update)
	}
	shown := w.object(
		"GET", path, "expand[]=features.subscription_update.products",
	)["features"].(map[string]any)["subscription_update"].(map[string]any)["products"].([]any)
	if len(shown) != 1 || shown[0].(map[string]any)["product"] != monthly["product"] {
		t.Fatalf("its products are %v", shown)
	}
	products := "features[subscription_update][products]"
	for form, param := range map[string]string{
		strings.TrimPrefix(allows(once), "&"):                            products + "[0][prices][0]",
		products + "[0][product]=prod_x&" + products + "[0][prices][]=y": products + "[0][product]",
		"features[subscription_pause][enabled]=true":                     "features[subscription_pause][enabled]",
		"default_return_url=shop":                                        "default_return_url",
		"business_profile[terms_of_service_url]=javascript:alert(1)":     "business_profile[terms_of_service_url]",
	} {
		if status, _, got, message := w.refusal("POST", path, form+"&metadata[a]=b"); status != 400 || got != param {
			t.Errorf("%s: %d %s %s", form, status, got, message)
		}
	}
	if left := w.object("GET", path, "")["metadata"].(map[string]any); len(left) != 0 {
		t.Errorf("a refused change left %v", left)
	}
	w.object("POST", path, "active=false")
	customer := w.object("POST", "/v1/customers", "")["id"].(string)
	if _, _, param, _ := w.refusal(
		"POST", "/v1/billing_portal/sessions", "customer="+customer+"&configuration="+made["id"].(string),
	); param != "configuration" {
		t.Error("an inactive configuration opens a portal")
	}
	standard := w.object(
		"GET", "/v1/billing_portal/configurations", "is_default=true",
	)["data"].([]any)[0].(map[string]any)["id"].(string)
	if status, _, _, _ := w.refusal(
		"POST", "/v1/billing_portal/configurations/"+standard, "active=false",
	); status != 400 {
		t.Error("the default is deactivated")
	}
}

func TestPortalLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	_, customer := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	configuration, _ := w.portal(customer, "&login_page[enabled]=true"+mayCancel, "")
	page := configuration["login_page"].(map[string]any)["url"].(string)
	if status, body, _ := w.browse("GET", page, nil); status != 200 || !strings.Contains(body, `name="email"`) {
		t.Fatalf("%d %s", status, body)
	}
	if status, body, _ := w.browse(
		"POST", page, url.Values{"email": {"nobody@shop.test"}},
	); status != 400 || !strings.Contains(body, "No customer has") {
		t.Fatalf("a stranger: %d %s", status, body)
	}
	status, _, target := w.browse("POST", page, url.Values{"email": {" JO@shop.test"}})
	if status != 303 || !strings.Contains(target, "/p/session/bps_") {
		t.Fatalf("%d %s", status, target)
	}
	if status, body, _ := w.browse("GET", target, nil); status != 200 || !strings.Contains(body, "jo@shop.test") {
		t.Fatalf("it leads to %d %s", status, body)
	}
	closed := w.object(
		"POST", "/v1/billing_portal/configurations/"+configuration["id"].(string), "login_page[enabled]=false",
	)
	if status, _, _ := w.browse("GET", page, nil); status != 404 ||
		closed["login_page"].(map[string]any)["url"] != nil {
		t.Fatalf("a closed login page: %d", status)
	}
}
