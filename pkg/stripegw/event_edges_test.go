package stripegw_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves what is read of a page of Stripe's list of events: only events of our types, the oldest on the page of any
// type, and whether there is more.
func TestEvents(t *testing.T) {
	t.Parallel()
	kind := stripegw.EventTypes[0]
	page := func(more bool) string {
		return list(more, fmt.Sprintf(
			`{"id":"evt_3","object":"event","type":%q,"created":7,"api_version":"2020-08-27","livemode":true,"data":{"object":{"object":"charge","id":"ch_1","customer":"cus_1"}}}`,
			kind,
		),
			`{"id":"evt_2","object":"event","type":"plan.created","data":{"object":{}}}`, fmt.Sprintf(
				`{"id":"evt_1","object":"event","type":%q}`, kind,
			), `{"id":"evt_0","object":"event","type":"plan.deleted"}`)
	}
	for _, more := range []bool{true, false} {
		g, s := newScript(t, map[string]string{"GET /v1/events": page(more)})
		got, err := g.Events(t.Context(), time.Unix(100, 5), "evt_9")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "page", got, stripegw.EventPage{Last: "evt_0", More: more, Events: []stripegw.Event{
			{
				ID:         "evt_3",
				Type:       kind,
				APIVersion: "2020-08-27",
				Livemode:   true,
				Created:    sec(7),
				ObjectType: "charge",
				ObjectID:   "ch_1",
				CustomerID: "cus_1",
			},
			{ID: "evt_1", Type: kind, Created: sec(0)},
		}})
		// one page, one call
		same(t, "asked", s.calls(), []string{"GET /v1/events created[gte]=100&limit=100&starting_after=evt_9"})
		if _, err := g.Events(t.Context(), time.Unix(100, 0), ""); err != nil {
			t.Error(err)
		}
		same(t, "asked", s.calls(), []string{"GET /v1/events created[gte]=100&limit=100"})
	}
	g, _ := newScript(t, map[string]string{"GET /v1/events": "400 resource_missing"})
	if got, err := g.Events(
		t.Context(), time.Unix(100, 0), "evt_9",
	); billing.CodeOf(err) != billing.EStripeRefused || got.Last != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Proves that ids and types of an event may have up to 255 bytes, and that a longer id of an object counts as none.
// Claims are read from an unsigned event.
func TestEventEdges(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	body := func(id, kind, object string) []byte {
		return fmt.Appendf(
			nil,
			`{"object":"event","id":%q,"type":%q,"data":{"object":{"object":"charge","id":%q,"customer":{"id":%q}}}}`,
			id, kind, object, object,
		)
	}
	for name, c := range map[string]struct {
		body   []byte
		ok     bool
		object string
	}{
		"Usual": {body("evt_1", "a.b", "ch_1"), true, "ch_1"}, "Longest": {body(long, long, long), true, long},
		"LongID": {body(long+"x", "a.b", "ch_1"), false, ""}, "LongType": {body("evt_1", long+"x", "ch_1"), false, ""},
		"LongObject": {
			body("evt_1", "a.b", long+"x"), true, "",
		}, "NoID": {body("", "a.b", "ch_1"), false, ""}, "NoType": {body("evt_1", "", "ch_1"), false, ""},
		"NoEvent": {
			[]byte(`{"object":"charge","id":"ch_1","type":"x"}`), false, "",
		}, "NoJSON": {[]byte(`{`), false, ""},
	} {
		e, ok := stripegw.Claims(c.body)
		if ok != c.ok || ok && (e.ObjectID != c.object || string(e.CustomerID) != c.object) {
			t.Errorf("%s: %+v, %v", name, e, ok)
		}
	}
}

// Proves the limits of a signature. It may be up to 300 seconds old or ahead, and no more. Its header may have up to 16
// signatures, and no more, and up to 4096 bytes, and no more.
func TestSignatureEdges(t *testing.T) {
	t.Parallel()
	const body = `{"object":"event","id":"evt_1","type":"a.b"}`
	now := time.Unix(1_700_000_000, 999)
	for age, ok := range map[int64]bool{300: true, 301: false, -300: true, -301: false, 0: true} {
		if _, err := stripegw.ParseEvent(
			[]byte(body), header("whsec_1", now.Add(-time.Duration(age)*time.Second), body), []string{"whsec_1"}, now,
		); (err == nil) != ok {
			t.Errorf("%d seconds: %v", age, err)
		}
	}
	for length, ok := range map[int]bool{4096: true, 4097: false} {
		h := header("whsec_1", now, body) + ",v0="
		h += strings.Repeat("0", length-len(h))
		if _, err := stripegw.ParseEvent([]byte(body), h, []string{"whsec_1"}, now); (err == nil) != ok {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
	for others, ok := range map[int]bool{0: true, 15: true, 16: false} {
		h := header("whsec_1", now, body) + strings.Repeat(",v1=00", others)
		if _, err := stripegw.ParseEvent([]byte(body), h, []string{"whsec_1"}, now); (err == nil) != ok {
			t.Errorf("%d more signatures: %v", others, err)
		}
	}
	if _, err := stripegw.ParseEvent(
		[]byte(body), header("whsec_1", now, body), nil, now,
	); billing.CodeOf(err) != billing.EInternal {
		t.Error(err)
	}
}
