package sandbox_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// found searches and returns the descriptions, or another field, of what is found, newest first.
func (w *world) found(noun, query, mark string) []string {
	w.t.Helper()
	page := w.object("GET", "/v1/"+noun+"/search", url.Values{"query": {query}}.Encode())
	if page["object"] != "search_result" || page["url"] != "/v1/"+noun+"/search" || page["has_more"] != false ||
		page["next_page"] != nil {
		w.t.Fatalf("no search result: %v", page)
	}
	marks := []string{}
	for _, each := range page["data"].([]any) {
		marks = append(marks, fmt.Sprint(each.(map[string]any)[mark]))
	}
	return marks
}

// This test proves what each operator of Stripe's query language finds, and how clauses are joined.
func TestSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for _, form := range []string{
		"name=Ada&email=ada@lovelace.test&metadata[team]=Analysts",
		"name=Grace&email=grace@navy.test&phone=555",
		"name=Ada Grace&metadata[team]=navy&metadata[say]=a \"b\"",
	} {
		w.object("POST", "/v1/customers", form)
	}
	gone := w.object("POST", "/v1/customers", "name=Ada")["id"].(string)
	w.object("DELETE", "/v1/customers/"+gone, "")
	created := int64(w.object("GET", "/v1/customers", "")["data"].([]any)[0].(map[string]any)["created"].(float64))
	for query, want := range map[string]string{
		`name:"Ada"`:   "Ada",
		`name:'ada'`:   "Ada",
		`name~"ada"`:   "Ada Grace,Ada",
		`email~"LACE"`: "Ada",
		`-name:"Ada"`:  "Ada Grace,Grace",
		`name~"ada" AND -metadata["team"]:"analysts"`:         "Ada Grace",
		`name~"ada" metadata["team"]:"analysts"`:              "Ada",
		`name:"Ada" or name:"Grace"`:                          "Grace,Ada",
		`metadata['team']:'navy'`:                             "Ada Grace",
		`metadata["say"]:"a \"b\""`:                           "Ada Grace",
		`metadata["team"]:null`:                               "Grace",
		`-metadata["team"]:null`:                              "Ada Grace,Ada",
		`email:null`:                                          "Ada Grace",
		`-phone:null`:                                         "Grace",
		fmt.Sprintf("created>%d", created-60):                 "Ada Grace,Grace,Ada",
		fmt.Sprintf("created<%d", created-60):                 "",
		fmt.Sprintf("created>=%d AND name:'Ada'", created-60): "Ada",
		fmt.Sprintf("created<='%d'", created+60):              "Ada Grace,Grace,Ada",
		`name:"nobody"`:                                       "",
	} {
		if got := strings.Join(w.found("customers", query, "name"), ","); got != want {
			t.Errorf("%s finds %q, want %q", query, got, want)
		}
	}
}

// This test proves that each resource can be searched by the fields that Stripe documents for it.
func TestSearchResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	price := w.price(1000, "month")
	w.object("POST", "/v1/prices/"+price, "lookup_key=gold")
	subscription, customer := w.subscribed(price, "pm_card_visa")
	w.object("POST", "/v1/subscriptions/"+subscription, "metadata[order]=6735")
	w.object("POST", "/v1/payment_intents", "amount=300&currency=eur")
	for noun, queries := range map[string][]string{
		"charges": {`amount>999 AND currency:"USD"`, `payment_method_details.card.last4:4242`, `payment_method_details.card.brand:"visa" AND payment_method_details.card.exp_month:1`,
			`status:"succeeded" AND refunded:"false" AND disputed:false`,
			`customer:"` + customer + `" AND billing_details.address.postal_code:null`},
		"invoices": {
			`total>=1000 AND status:"paid"`, `subscription:"` + subscription + `" AND currency:usd`, `-number:null`,
		},
		"payment_intents": {`status:"succeeded"`, `-currency:"eur"`, `amount:1000 AND customer:"` + customer + `"`},
		"prices":          {`active:"true" AND lookup_key:"gold"`, `type:"recurring" AND currency:"usd"`},
		"products":        {`name~"thin" AND active:'true'`, `shippable:null AND url:null AND description:null`},
		"subscriptions":   {`status:"active" AND metadata["order"]:"6735"`, `canceled_at:null`},
	} {
		for _, query := range queries {
			if got := w.found(noun, query, "object"); len(got) != 1 {
				t.Errorf("%s: %s finds %v", noun, query, got)
			}
		}
	}
	w.object("DELETE", "/v1/subscriptions/"+subscription, "")
	if got := w.found("subscriptions", "canceled_at>0", "status"); !slices.Equal(got, []string{"canceled"}) {
		t.Errorf("the canceled one is not found: %v", got)
	}
}

func TestSearchPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for i := range 5 {
		w.object("POST", "/v1/customers", fmt.Sprintf("name=c%d&phone=1", i))
	}
	names, page := []string{}, ""
	for {
		got := w.object(
			"GET", "/v1/customers/search",
			"query=phone:'1'&limit=2&expand[]=total_count&expand[]=data.subscriptions"+page,
		)
		if got["total_count"] != 5.0 {
			t.Fatalf("total_count is %v", got["total_count"])
		}
		for _, each := range got["data"].([]any) {
			names = append(names, each.(map[string]any)["name"].(string))
			if each.(map[string]any)["subscriptions"] == nil {
				t.Fatal("an object on the page is not expanded")
			}
		}
		if len(names) == 2 { // objects made between two pages do not shift the pages
			w.object("POST", "/v1/customers", "name=late&phone=1")
			w.object("DELETE", "/v1/customers/"+got["data"].([]any)[0].(map[string]any)["id"].(string), "")
		}
		if got["has_more"] == false {
			break
		}
		page = "&page=" + got["next_page"].(string)
	}
	if want := "c4,c3,c2,c1,c0"; strings.Join(names, ",") != want {
		t.Fatalf("got %v, want %s", names, want)
	}
}

// This test proves that a query that makes no sense is refused, even if nothing would be found.
func TestSearchRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for query, want := range map[string]string{
		``:                                  "query",
		`   `:                               "unable to parse",
		`name`:                              "unable to parse",
		`name:`:                             "unable to parse",
		`:"x"`:                              "unable to parse",
		`name:"x`:                           "unable to parse",
		`name:"x" AND`:                      "unable to parse",
		`(name:"x")`:                        "unable to parse",
		`metadata[key]:"x"`:                 "unable to parse",
		`name:"x" AND name:"y" OR name:"z"`: "AND and OR cannot be combined",
		`name:"x" name:"y" OR name:"z"`:     "AND and OR cannot be combined",
		`nose:"x"`:                          "unsupported search field",
		`name["x"]:"x"`:                     "unsupported search field",
		`metadata:"x"`:                      "by key",
		`metadata["a"]~"xyz"`:               "operator `:` only",
		`name>"x"`:                          "does not support the operator",
		`created~"123"`:                     "does not support the operator",
		`name~"xy"`:                         "at least 3",
		`created>"soon"`:                    "whole number",
		`created>null`:                      "null is compared",
		strings.Repeat(`name:"x" `, 21):     "too many clauses",
		`name:"` + strings.Repeat("x", 5000) + `"`: "at most 5000",
	} {
		status, _, param, message := w.refusal("GET", "/v1/customers/search", url.Values{"query": {query}}.Encode())
		if status != 400 || param != "query" || !strings.Contains(message, want) {
			t.Errorf("%.40s: %d %s %s", query, status, param, message)
		}
	}
	for form, param := range map[string]string{
		"": "query", "query=name:'x'&limit=101": "limit", "query=name:'x'&page=x": "page",
		"query=name:'x'&expand[]=count": "expand",
	} {
		if status, _, got, message := w.refusal("GET", "/v1/customers/search", form); status != 400 || got != param {
			t.Errorf("%s: %d %s %s", form, status, got, message)
		}
	}
}
