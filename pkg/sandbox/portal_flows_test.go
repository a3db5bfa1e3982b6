package sandbox_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that a flow opens the portal at its one action and shows nothing else. It does the action, and then
// goes where the flow was told to.
func TestPortalFlows(t *testing.T) {
	t.Parallel()
	redirect := "&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=https://shop.test/done"
	thanks := "&flow_data[after_completion][type]=hosted_confirmation&flow_data[after_completion][hosted_confirmation][custom_message]=See%20you"
	card := url.Values{"action": {"card"}, "card_number": {"5555555555554444"}, "exp": {"12/34"}, "cvc": {"123"}}
	for name, c := range map[string]struct {
		kind, after string
		form        url.Values
		has, lacks  string
		then        string // the next page, or the address that it redirects to
		holds       func(sub map[string]any) bool
	}{
		"CardRedirects": {
			"payment_method_update", redirect, card, "Update your card", "Invoices", "https://shop.test/done", nil,
		},
		"CancelRedirects": {
			"subscription_cancel", redirect, url.Values{"action": {"cancel"}}, "Cancel your plan", "Change plan to",
			"https://shop.test/done", ending,
		},
		"CancelThanks": {
			"subscription_cancel", thanks, url.Values{"action": {"cancel"}}, `value="cancel"`, `name="card_number"`,
			"See you", ending,
		},
		"CancelGoesHome": {
			"subscription_cancel", "", url.Values{"action": {"cancel"}}, `value="cancel"`, `name="card_number"`,
			"Invoices", ending,
		},
		"Change": {
			"subscription_update", redirect, url.Values{"action": {"change"}}, "Change plan to", `value="cancel"`,
			"https://shop.test/done", changed,
		},
		"Confirm": {
			"subscription_update_confirm", thanks, url.Values{"action": {"confirm"}}, "New plan: <strong>Thing, $20.00",
			`value="change"`, "See you", changed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			id, customer := w.subscribed(w.price(1000, "month"), "pm_card_visa")
			better := w.price(2000, "month")
			flow := "&flow_data[type]=" + c.kind + c.after
			if c.kind != "payment_method_update" {
				flow += "&flow_data[" + c.kind + "][subscription]=" + id
				c.form.Set("subscription", id)
			}
			if c.kind == "subscription_update_confirm" {
				item := itemOf(w.subscription(id))["id"].(string)
				flow += "&flow_data[" + c.kind + "][items][0][id]=" + item + "&flow_data[" + c.kind +
					"][items][0][price]=" + better
			}
			if c.kind == "subscription_update" {
				c.form.Set("price", better)
			}
			made := w.object(
				"POST", "/v1/billing_portal/sessions", "return_url=https://shop.test/me&customer="+customer+flow,
			)
			if made["flow"].(map[string]any)["type"] != c.kind {
				t.Fatalf("its flow is %v", made["flow"])
			}
			page := made["url"].(string)
			if status, body, _ := w.browse("GET", page, nil); status != 200 || !strings.Contains(body, c.has) ||
				strings.Contains(body, c.lacks) {
				t.Fatalf("it opens with %d %s", status, body)
			}
			status, body, target := w.browse("POST", page, c.form)
			if target != c.then && (status != 200 || !strings.Contains(body, c.then)) {
				t.Fatalf("then comes %d %s %s", status, target, body)
			}
			if c.holds != nil && !c.holds(w.subscription(id)) {
				t.Fatalf("it is not done: %v", w.subscription(id))
			}
		})
	}
}

func itemOf(sub map[string]any) map[string]any {
	return sub["items"].(map[string]any)["data"].([]any)[0].(map[string]any)
}

func ending(sub map[string]any) bool { return sub["cancel_at_period_end"] == true }

func changed(sub map[string]any) bool {
	return latest(sub)["billing_reason"] == "subscription_update" &&
		itemOf(sub)["price"].(map[string]any)["unit_amount"] == 2000.0
}

// This test proves that a flow that cannot succeed is refused when it is requested, and not later on the page.
func TestPortalFlowRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	item := itemOf(w.subscription(id))["id"].(string)
	another, _ := w.subscribed(w.price(1100, "month"), "pm_card_visa")
	over := w.object(
		"POST", "/v1/subscriptions",
		"default_payment_method=pm_card_visa&customer="+customer+"&items[0][price]="+w.price(1200, "month"),
	)["id"].(string)
	w.object("DELETE", "/v1/subscriptions/"+over, "")
	once := w.price(500, "")
	bare, _ := w.portal(customer, "&features[customer_update][enabled]=false", "")
	confirm := "flow_data[type]=subscription_update_confirm&flow_data[subscription_update_confirm][subscription]=" +
		id + "&flow_data[subscription_update_confirm][items]"
	cancel := "flow_data[type]=subscription_cancel&flow_data[subscription_cancel]"
	for form, param := range map[string]string{
		"flow_data[type]=subscription_cancel": "flow_data[subscription_cancel]",
		cancel + "[subscription]=" + another:  "flow_data[subscription_cancel][subscription]",
		cancel + "[subscription]=" + over:     "flow_data[subscription_cancel][subscription]",
		confirm + "[0][id]=si_x":              "flow_data[subscription_update_confirm][items][0][id]",
		confirm + "[0][id]=" + item + "&" + "flow_data[subscription_update_confirm][items][0][price]=" +
			once: "flow_data[subscription_update_confirm][items][0][price]",
		confirm + "[0][id]=" + item + "&" +
			"flow_data[subscription_update_confirm][items][0][quantity]=0": "flow_data[subscription_update_confirm][items][0][quantity]",
		"flow_data[type]=payment_method_update&configuration=" +
			bare["id"].(string): "flow_data[type]",
		"flow_data[type]=payment_method_update&flow_data[after_completion][type]=redirect":                                                     "flow_data[after_completion][redirect][return_url]",
		"flow_data[type]=payment_method_update&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=x": "flow_data[after_completion][redirect][return_url]",
	} {
		if status, _, got, message := w.refusal(
			"POST", "/v1/billing_portal/sessions", "customer="+customer+"&"+form,
		); status != 400 || got != param {
			t.Errorf("%s: %d %s %s", form, status, got, message)
		}
	}
	w.object("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=true")
	if status, _, _, message := w.refusal(
		"POST", "/v1/billing_portal/sessions", "customer="+customer+"&"+cancel+"[subscription]="+id,
	); status != 400 || !strings.Contains(message, "already") {
		t.Errorf("it is canceled twice: %d %s", status, message)
	}
}
