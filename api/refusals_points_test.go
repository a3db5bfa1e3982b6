package api_test

import (
	"net/http"
	"strings"
)

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
