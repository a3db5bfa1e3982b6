package api_test

import (
	"net/http"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// FuzzSpendBody proves that no body of a spend makes the server fail, and that the contract allows every request that
// is served: the client checks both.
func FuzzSpendBody(f *testing.F) {
	for _, list := range [][]refusal{badBodies(), badAmounts()} {
		for _, r := range list {
			if body, ok := r.body.(string); ok && len(body) < 1000 {
				f.Add(body)
			}
		}
	}
	f.Add(`{"amount":1}`)
	f.Add(`{"amount":1,"description":"","metadata":{}}`)
	f.Add("\t{ \"amount\" : 8796093022208 }\n")
	f.Add(`{"amount":1,"metadata":{"":"","ä":"\ud83d\ude00"}}`)
	w := newWorld(f, storetest.URL(f, store.Postgres))
	c := w.user(f)
	f.Fuzz(func(t *testing.T, body string) {
		device := c.other()
		device.t = t
		a, err := device.do(http.MethodPost, "/points/spend", body)
		must(t, err)
		switch a.status {
		case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusRequestEntityTooLarge:
		default:
			t.Errorf("%q was answered %d %s", body, a.status, a.raw)
		}
	})
}

// FuzzWebhookBody proves that no body, even one that Stripe signed, and no signature makes the server fail.
func FuzzWebhookBody(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", "[]", event("evt_1", "cus_1"), event("evt_\x00", "cus_\x00"), event("evt_2", ""),
		`{"id":"evt_3","object":"event","type":"charge.dispute.created","data":{"object":{"object":"dispute","id":""}}}`,
		`{"id":"evt_4","object":"event","type":"refund.created","data":{"object":{"object":"refund","id":"re_1","customer":{"id":"cus_1"}}}}`,
		`{"id":"evt_5","object":"event","type":"a","created":9223372036854775807,"data":null}`,
		`{"id":"evt_6","object":"event","type":"a","livemode":true,"data":{"object":"text"}}`,
	} {
		f.Add(body, "", true)
	}
	f.Add(event("evt_7", "cus_1"), "t=1,v1=00", false)
	f.Add(event("evt_8", "cus_1"), "t=,v1=,v1=", false)
	w := newWorld(f, storetest.URL(f, store.Postgres))
	f.Fuzz(func(t *testing.T, body, header string, signed bool) {
		if signed {
			header = sign(body, w.secret, w.Now())
		}
		if !printable(header) {
			return // no client can send it
		}
		stripe := &client{t: t, w: w}
		a, err := stripe.do(http.MethodPost, "/webhook", body, "Stripe-Signature", header)
		must(t, err)
		switch a.status {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		case http.StatusOK:
			if !signed {
				t.Errorf("%q passed as a signature", header)
			}
		default:
			t.Errorf("%q was answered %d %s", body, a.status, a.raw)
		}
	})
}

// printable reports whether a text can be a header's value.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
