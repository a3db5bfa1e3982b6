package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

// refusal is a request that must not be served.
type refusal struct {
	name    string
	method  string
	path    string
	body    any
	header  []string
	status  int
	problem string
	pointer string // a pointer that must be among errors[]; "" for none
}

// TestRefusals proves that what the contract does not allow is refused and has no effect. Each refusal is the
// documented problem, and states where the request is wrong. (The client checks for every response that it is a
// complete problem+json with its request id, and never a 500.)
func TestRefusals(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		c.buy("pack_100")
		for _, list := range [][]refusal{
			badBodies(), badAmounts(), badKeys(), badQueries(), badTokens(w, c), badHolds(), badTopUps(),
			badPurchases(), badChanges(), badCredentials(), badStreams(),
		} {
			for _, r := range list {
				t.Run(r.name, func(t *testing.T) { r.holds(t, c.other()) })
			}
		}
		if got := c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available"); got != 100 {
			t.Errorf("a refused request had an effect: %d points", got)
		}
		if got := c.call(http.StatusOK, http.MethodGet, "/orders", nil).list("orders"); len(got) != 1 {
			t.Errorf("a refused request had an effect: %d orders", len(got))
		}
	})
}

func (r refusal) holds(t *testing.T, c *client) {
	c.t = t
	a := c.call(r.status, r.method, r.path, r.body, r.header...)
	if got := a.text("type"); got != "/problems/"+r.problem {
		t.Errorf("type %s, want %s: %s", got, r.problem, a.raw)
	}
	var pointers []string
	for _, e := range a.list("errors") {
		pointers = append(pointers, answer{json: e.(map[string]any)}.text("pointer"))
	}
	if r.pointer != "" && !slices.Contains(pointers, r.pointer) {
		t.Errorf("errors at %q, want %q: %s", pointers, r.pointer, a.raw)
	}
	if (len(pointers) > 0) && r.problem != "validation" {
		t.Errorf("errors[] is validation's alone: %s", a.raw)
	}
}

func invalidSpend(name string, body any, pointer string, header ...string) refusal {
	return refusal{name, http.MethodPost, "/points/spend", body, header, http.StatusBadRequest, "validation", pointer}
}

func badBodies() []refusal {
	deep := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)
	return append([]refusal{
		invalidSpend("unknown member", `{"amount":1,"price":1}`, ""),
		invalidSpend("member in other case", `{"Amount":1}`, "/amount"),
		invalidSpend("member in other case too", `{"amount":1,"Amount":99}`, ""),
		invalidSpend("duplicate member", `{"amount":1,"amount":99}`, ""),
		invalidSpend("duplicate member below", `{"amount":1,"metadata":{"a":"1","a":"2"}}`, ""),
		invalidSpend("trailing garbage", `{"amount":1}x`, ""),
		invalidSpend("two values", `{"amount":1}{"amount":1}`, ""),
		invalidSpend("null", `null`, ""),
		invalidSpend("empty", ``, ""),
		invalidSpend("array", `[{"amount":1}]`, ""),
		invalidSpend("text", `"amount"`, ""),
		invalidSpend("cut off", `{"amount":1`, ""),
		invalidSpend("no member", `{}`, "/amount"),
		invalidSpend("NUL escaped", `{"amount":1,"description":"a\u0000b"}`, "/description"),
		invalidSpend("NUL in a name", `{"amount":1,"metadata":{"a\u0000":"b"}}`, ""),
		invalidSpend("NUL raw", "{\"amount\":1,\"description\":\"a\x00b\"}", ""),
		invalidSpend("not UTF-8", "{\"amount\":1,\"description\":\"\xff\"}", ""),
		invalidSpend("half a surrogate", `{"amount":1,"description":"\ud800"}`, ""),
		invalidSpend("byte order mark", "\ufeff{\"amount\":1}", ""),
		invalidSpend("comment", `{"amount":1/**/}`, ""),
		invalidSpend("description of another type", `{"amount":1,"description":7}`, "/description"),
		invalidSpend("description null", `{"amount":1,"description":null}`, "/description"),
		invalidSpend(
			"description too long", map[string]any{"amount": 1, "description": strings.Repeat("ä", 501)},
			"/description",
		),
		invalidSpend("metadata of another type", `{"amount":1,"metadata":[]}`, "/metadata"),
		invalidSpend("metadata value of another type", `{"amount":1,"metadata":{"a":1}}`, "/metadata/a"),
		invalidSpend("metadata nested", `{"amount":1,"metadata":{"a":{"b":"c"}}}`, "/metadata/a"),
		invalidSpend(
			"metadata value too long",
			map[string]any{"amount": 1, "metadata": map[string]string{"a": strings.Repeat("x", 501)}}, "/metadata/a",
		),
		invalidSpend("metadata with too many", map[string]any{"amount": 1, "metadata": many(21)}, "/metadata"),
		invalidSpend(
			"metadata under a long name",
			map[string]any{"amount": 1, "metadata": map[string]string{strings.Repeat("ä", 41): "v"}}, "/metadata",
		),
		invalidSpend(
			"metadata under a name as long as a body",
			map[string]any{"amount": 1, "metadata": map[string]string{strings.Repeat("k", 60_000): "v"}}, "/metadata",
		),
		invalidSpend("metadata under no name", `{"amount":1,"metadata":{"":"v"}}`, "/metadata"),
		invalidSpend("metadata null", `{"amount":1,"metadata":null}`, "/metadata"),
		invalidSpend("deep", deep[:60_000], ""),
		{
			"form", http.MethodPost, "/points/spend", `amount=1`,
			[]string{"Content-Type", "-", "Content-Type", "application/x-www-form-urlencoded"}, 415,
			"unsupported-media-type", "",
		},
		{
			"no type", http.MethodPost, "/points/spend", `{"amount":1}`, []string{"Content-Type", "-"}, 415,
			"unsupported-media-type", "",
		},
		{
			"type of text", http.MethodPost, "/points/spend", `{"amount":1}`,
			[]string{"Content-Type", "-", "Content-Type", "text/plain"}, 415, "unsupported-media-type", "",
		},
		{
			"too large", http.MethodPost, "/points/spend",
			`{"amount":1,"description":"` + strings.Repeat("x", 70_000) + `"}`, nil, 413, "payload-too-large", "",
		},
		{"body where there is none", http.MethodGet, "/orders", `{"a":1}`, nil, 400, "validation", ""},
	}, badAddresses()...)
}

func many(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[strings.Repeat("k", i+1)] = "v"
	}
	return m
}

func badAddresses() []refusal {
	return []refusal{
		{"unknown address", http.MethodGet, "/nothing", nil, nil, 404, "not-found", ""},
		{"unknown address below", http.MethodGet, "/points/spend/1", nil, nil, 404, "not-found", ""},
		{"trailing slash", http.MethodGet, "/points/", nil, nil, 404, "not-found", ""},
		{"escaped slash", http.MethodGet, "/points%2Fentries", nil, nil, 404, "not-found", ""},
		{"wrong method", http.MethodGet, "/points/spend", nil, nil, 405, "method-not-allowed", ""},
		{"method nobody has", "BREW", "/points", nil, nil, 405, "method-not-allowed", ""},
		{"delete", http.MethodDelete, "/session", nil, nil, 405, "method-not-allowed", ""},
	}
}

func badAmounts() (list []refusal) {
	for _, amount := range []string{
		"0", "-1", "1.5", `"1"`, "1e30", "9223372036854775808", "9223372036854775807", "8796093022209",
		"-9223372036854775808", "true", "null", "{}", "[1]",
	} {
		list = append(list, invalidSpend("amount "+amount, `{"amount":`+amount+`}`, "/amount"))
	}
	for _, amount := range []string{"1.0", "1e0", "01", "+1", "0x1", "NaN", "١"} {
		list = append(list, invalidSpend("amount "+amount, `{"amount":`+amount+`}`, ""))
	}
	return list
}

func badKeys() []refusal {
	const one = `{"amount":1}`
	return []refusal{
		invalidSpend("key empty", one, "Idempotency-Key", "Idempotency-Key", ""),
		invalidSpend("key twice", one, "Idempotency-Key", "Idempotency-Key", "a", "Idempotency-Key", "a"),
		invalidSpend("key too long", one, "Idempotency-Key", "Idempotency-Key", strings.Repeat("k", 256)),
		invalidSpend("key with a space", one, "Idempotency-Key", "Idempotency-Key", "a b"),
		invalidSpend("key with a tab", one, "Idempotency-Key", "Idempotency-Key", "a\tb"),
		invalidSpend("key not ASCII", one, "Idempotency-Key", "Idempotency-Key", "schlüssel"),
		{
			"key of an order empty", http.MethodPost, "/checkout", `{"item":"pack_100"}`,
			[]string{"Idempotency-Key", ""}, 400, "validation", "Idempotency-Key",
		},
	}
}

func badQueries() (list []refusal) {
	for query, pointer := range map[string]string{
		"limit=0": "limit", "limit=101": "limit", "limit=x": "limit", "limit=": "limit", "limit=1.5": "limit",
		"limit=99999999999999999999": "limit",
		"cursor=x":                   "cursor", "cursor=": "cursor", "cursor=ent_%00": "cursor",
		"cursor=ent_01jd000000000000000000000%27": "cursor",
	} {
		list = append(list, refusal{
			"entries " + query, http.MethodGet, "/points/entries?" + query, nil, nil, 400, "validation", pointer,
		},
			refusal{"orders " + query, http.MethodGet, "/orders?" + query, nil, nil, 400, "validation", pointer})
	}
	return append(list,
		refusal{"order id", http.MethodGet, "/checkout/1", nil, nil, 400, "validation", "order_id"},
		refusal{
			"order id hostile", http.MethodGet, "/checkout/ord_'%20OR%201=1", nil, nil, 400, "validation", "order_id",
		},
		refusal{
			"order id of nobody", http.MethodGet, "/checkout/ord_01jd0000000000000000000000", nil, nil, 404,
			"not-found", "",
		})
}

func badHolds() (list []refusal) {
	for _, c := range []struct{ name, body, pointer string }{
		{"hold of nothing", `{"amount":0}`, "/amount"},
		{"hold without amount", `{}`, "/amount"},
		{"hold of a part of a point", `{"amount":1.5}`, "/amount"},
		{"hold of more than there can be", `{"amount":8796093022209}`, "/amount"},
		{"hold for no time", `{"amount":1,"ttl_seconds":0}`, "/ttl_seconds"},
		{"hold for too long", `{"amount":1,"ttl_seconds":604801}`, "/ttl_seconds"},
		{"hold for a text", `{"amount":1,"ttl_seconds":"900"}`, "/ttl_seconds"},
		{"hold with an end of the client's", `{"amount":1,"expires_at":"2030-01-01T00:00:00Z"}`, ""},
		{"hold for null", `{"amount":1,"ttl_seconds":null}`, "/ttl_seconds"},
		{
			"hold with metadata under a long name", `{"amount":1,"metadata":{"` + strings.Repeat("k", 41) + `":"v"}}`,
			"/metadata",
		},
		{"hold with metadata nested", `{"amount":1,"metadata":{"a":{}}}`, "/metadata/a"},
	} {
		list = append(
			list, refusal{c.name, http.MethodPost, "/points/holds", c.body, nil, 400, "validation", c.pointer},
		)
	}
	const nobodys = "/points/holds/hld_01jd0000000000000000000000"
	return append(list,
		refusal{
			"hold with an empty key", http.MethodPost, "/points/holds", `{"amount":1}`, []string{"Idempotency-Key", ""},
			400, "validation", "Idempotency-Key",
		},
		refusal{"hold id", http.MethodGet, "/points/holds/1", nil, nil, 400, "validation", "hold_id"},
		refusal{
			"hold id of an order", http.MethodPost, "/points/holds/ord_01jd0000000000000000000000/release", nil, nil,
			400, "validation", "hold_id",
		},
		refusal{"hold of nobody", http.MethodGet, nobodys, nil, nil, 404, "not-found", ""},
		refusal{"capture of nobody's", http.MethodPost, nobodys + "/capture", `{}`, nil, 404, "not-found", ""},
		refusal{
			"capture of nothing", http.MethodPost, nobodys + "/capture", `{"amount":0}`, nil, 400, "validation",
			"/amount",
		},
		refusal{
			"capture of less than nothing", http.MethodPost, nobodys + "/capture", `{"amount":-1}`, nil, 400,
			"validation", "/amount",
		},
		refusal{"release of nobody's", http.MethodPost, nobodys + "/release", nil, nil, 404, "not-found", ""},
		refusal{"release with a body", http.MethodPost, nobodys + "/release", `{"a":1}`, nil, 400, "validation", ""},
		refusal{
			"holds past the last page", http.MethodGet, "/points/holds?limit=101", nil, nil, 400, "validation", "limit",
		},
		refusal{
			"hold by a method it does not take", http.MethodDelete, nobodys, nil, nil, 405, "method-not-allowed", "",
		},
	)
}

func badTopUps() (list []refusal) {
	for _, c := range []struct{ name, body, pointer string }{
		{"top-up of a plan", `{"enabled":true,"pack":"pro_monthly","threshold":10,"monthly_limit":1}`, "/pack"},
		{"top-up of nothing", `{"enabled":true,"threshold":10,"monthly_limit":1}`, "/pack"},
		{"top-up without a limit", `{"enabled":true,"pack":"pack_100","threshold":10}`, "/monthly_limit"},
		{
			"top-up with no limit", `{"enabled":true,"pack":"pack_100","threshold":10,"monthly_limit":0}`,
			"/monthly_limit",
		},
		{
			"top-up with too high a limit", `{"enabled":true,"pack":"pack_100","threshold":10,"monthly_limit":101}`,
			"/monthly_limit",
		},
		{"top-up below nothing", `{"enabled":true,"pack":"pack_100","threshold":0,"monthly_limit":1}`, "/threshold"},
		{
			"top-up of too many", `{"enabled":true,"pack":"pack_100","quantity":11,"threshold":10,"monthly_limit":1}`,
			"/quantity",
		},
		{
			"top-up of null", `{"enabled":true,"pack":"pack_100","quantity":null,"threshold":10,"monthly_limit":1}`,
			"/quantity",
		},
		{
			"top-up at a price of the client's",
			`{"enabled":true,"pack":"pack_100","threshold":10,"monthly_limit":1,"amount":1}`, "",
		},
		{
			"top-up with a card of the client's",
			`{"enabled":true,"pack":"pack_100","threshold":10,"monthly_limit":1,"payment_method":"pm_1"}`, "",
		},
	} {
		list = append(
			list, refusal{c.name, http.MethodPut, "/points/top-up", c.body, nil, 400, "validation", c.pointer},
		)
	}
	return append(list,
		refusal{
			"top-up without a saved card", http.MethodPut, "/points/top-up",
			`{"enabled":true,"pack":"pack_100","threshold":10,"monthly_limit":1}`, nil, 409, "conflict", "",
		},
		refusal{
			"top-up by a method it does not take", http.MethodPost, "/points/top-up", `{}`, nil, 405,
			"method-not-allowed", "",
		},
		refusal{
			"top-up of nobody", http.MethodGet, "/points/top-up", nil, []string{"Authorization", "-"}, 401,
			"unauthorized", "",
		},
	)
}

func badTokens(w *world, c *client) (list []refusal) {
	mint := func(keys token.Keys, issuer, audience string) string {
		i := token.NewIssuer(keys, issuer, audience, w.Now)
		raw, _, err := i.Mint(billing.Account{ID: billing.AccountID(c.claims().text("sub"))}, "ses_1")
		must(w.t, err)
		return raw
	}
	others, err := token.ParseKeys(token.GenerateKey("test")) // another key under our name
	must(w.t, err)
	parts := strings.Split(c.token, ".")
	for name, value := range map[string]string{
		"missing":              "-",
		"empty":                "Bearer ",
		"basic":                "Basic dXNlcjpwYXNz",
		"garbled":              "Bearer x.y.z",
		"unsigned":             "Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + parts[1] + ".",
		"signature cut":        "Bearer " + c.token[:len(c.token)-2],
		"another's claims":     "Bearer " + parts[0] + ".e30." + parts[2],
		"of another server":    "Bearer " + mint(others, "pointsync", "pointsync"),
		"of another issuer":    "Bearer " + mint(w.keys, "somebody", "pointsync"),
		"for another audience": "Bearer " + mint(w.keys, "pointsync", "somebody"),
		"far too long":         "Bearer " + strings.Repeat("a", 9000),
	} {
		header := []string{"Authorization", "-"}
		if value != "-" {
			header = append(header, "Authorization", value)
		}
		list = append(
			list,
			refusal{"token " + name, http.MethodPost, "/points/spend", `{"amount":1}`, header, 401, "unauthorized", ""},
		)
	}
	return append(
		list,
		refusal{
			"bad token before bad body", http.MethodPost, "/points/spend", `nothing`, []string{"Authorization", "-"},
			401, "unauthorized", "",
		},
	)
}

func badPurchases() (list []refusal) {
	for _, c := range []struct{ name, body, pointer string }{
		{"unknown item", `{"item":"pack_7"}`, "/item"},
		{"no item", `{}`, "/item"},
		{"an amount of the client's", `{"item":"pack_100","amount":1}`, ""},
		{"a price of the client's", `{"item":"price_1"}`, "/item"},
		{"two of a plan", `{"item":"pro_monthly","quantity":2}`, "/quantity"},
		{"more than a pack allows", `{"item":"pack_100","quantity":11}`, "/quantity"},
		{"none of a pack", `{"item":"pack_100","quantity":0}`, "/quantity"},
		{"null of a pack", `{"item":"pack_100","quantity":null}`, "/quantity"},
		{"success_url of null", `{"item":"pack_100","success_url":null}`, "/success_url"},
		{"minus one of a pack", `{"item":"pack_100","quantity":-1}`, "/quantity"},
		{"one and a half of a pack", `{"item":"pack_100","quantity":1.5}`, "/quantity"},
		{"unknown promotion code", `{"item":"pack_100","promotion_code":"NOSUCH"}`, "/promotion_code"},
		{"empty promotion code", `{"item":"pack_100","promotion_code":""}`, "/promotion_code"},
		{"coupon of the client's", `{"item":"pack_100","coupon":"half"}`, ""},
		{"foreign success_url", `{"item":"pack_100","success_url":"https://evil.example/paid"}`, "/success_url"},
		{"foreign cancel_url", `{"item":"pack_100","cancel_url":"https://evil.example/"}`, "/cancel_url"},
		{"success_url of script", `{"item":"pack_100","success_url":"javascript:alert(1)"}`, "/success_url"},
		{
			"success_url with user", `{"item":"pack_100","success_url":"https://shop.example@evil.example/"}`,
			"/success_url",
		},
		{"success_url with our user", `{"item":"pack_100","success_url":"https://u:p@shop.example/"}`, "/success_url"},
		{"success_url without scheme", `{"item":"pack_100","success_url":"//shop.example/"}`, "/success_url"},
		{"success_url relative", `{"item":"pack_100","success_url":"/paid"}`, "/success_url"},
		{"success_url of data", `{"item":"pack_100","success_url":"data:text/html,x"}`, "/success_url"},
		{
			"success_url too long",
			`{"item":"pack_100","success_url":"https://shop.example/` + strings.Repeat("x", 2000) + `"}`,
			"/success_url",
		},
	} {
		list = append(list, refusal{c.name, http.MethodPost, "/checkout", c.body, nil, 400, "validation", c.pointer})
	}
	return append(
		list,
		refusal{
			"foreign return_url", http.MethodPost, "/portal", `{"return_url":"https://evil.example/"}`, nil, 400,
			"validation", "/return_url",
		},
	)
}

func badCredentials() (list []refusal) {
	for _, c := range []struct{ name, email, password, pointer string }{
		{"email without at", "ada.example.com", password, "/email"},
		{"email with a name", "Ada <ada@example.com>", password, "/email"},
		{"email empty", "", password, "/email"},
		{"email too long", strings.Repeat("a", 250) + "@example.com", password, "/email"},
		{"email that reads backwards", "ada\u202e@example.com", password, "/email"},
		{"email with a letter of no width", "a\u200bda@example.com", password, "/email"},
		{"email with a hard space", "a\u00a0da@example.com", password, "/email"},
		{"two emails", "a@example.com,b@example.com", password, "/email"},
		{"password too short", "ada@example.com", "short", "/password"},
		{"password too long", "ada@example.com", strings.Repeat("p", 129), "/password"},
	} {
		list = append(
			list,
			refusal{
				c.name, http.MethodPost, "/auth/register", map[string]any{"email": c.email, "password": c.password},
				nil, 400, "validation", c.pointer,
			},
		)
	}
	return append(list,
		refusal{
			"refresh token unknown", http.MethodPost, "/auth/refresh", `{"refresh_token":"psr_x"}`, nil, 401,
			"unauthorized", "",
		},
		refusal{
			"refresh token empty", http.MethodPost, "/auth/refresh", `{"refresh_token":""}`, nil, 400, "validation",
			"/refresh_token",
		},
		refusal{
			"access token as refresh token", http.MethodPost, "/auth/refresh",
			`{"refresh_token":"eyJhbGciOiJFZERTQSJ9.e30.c2ln"}`, nil, 401, "unauthorized", "",
		})
}
