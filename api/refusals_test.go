package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
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
		invalidSpend("member in other case", `{"Amount":1}`, ""),
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
