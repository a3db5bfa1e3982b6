package inbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that the contents of an event are never trusted, however well it is signed. Whatever an event says, the rows
// are those of a sync with the true state. If it names another account, that account is not even read.
func TestLyingEvents(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.draft()
		open, pack := w.sell(a, "pro_monthly"), w.sell(a, "pack_100")
		w.insert(a, open, pack)
		w.pay(pack)
		b, _ := w.buyer()
		w.start(w.t)
		w.ring("evt_truth", a.CustomerID)
		w.waitIdle()
		truth := w.dump(a.ID)
		intent := w.Ask(http.MethodGet, "/v1/checkout/sessions/"+string(pack.CheckoutID), nil)["payment_intent"]

		subscription := fmt.Sprintf(
			`"customer":%q,"current_period_start":1,"current_period_end":9999999999,"items":{"data":[{"price":{"metadata":{"pointsync_item":"pro_monthly"}}}]}`,
			a.CustomerID,
		)
		for n, lie := range []struct{ kind, object string }{
			{
				"customer.subscription.created",
				`{"object":"subscription","id":"sub_lie","status":"active",` + subscription + `}`,
			},
			{
				"customer.subscription.deleted",
				`{"object":"subscription","id":"sub_lie","status":"canceled",` + subscription + `}`,
			},
			{
				"invoice.paid",
				fmt.Sprintf(
					`{"object":"invoice","id":"in_lie","customer":%q,"status":"paid","paid":true,"amount_paid":190000,"billing_reason":"subscription_create","subscription":"sub_lie","lines":{"data":[{"id":"il_1","amount":190000,"quantity":1000,"price":{"metadata":{"pointsync_item":"pro_monthly"}}}]}}`,
					a.CustomerID,
				),
			},
			{
				"checkout.session.completed",
				fmt.Sprintf(
					`{"object":"checkout.session","id":%q,"customer":%q,"status":"complete","payment_status":"paid","amount_total":1900,"metadata":{"pointsync_order":%q}}`,
					open.CheckoutID, a.CustomerID, open.ID,
				),
			},
			{
				"checkout.session.expired",
				fmt.Sprintf(
					`{"object":"checkout.session","id":%q,"customer":%q,"status":"expired"}`, open.CheckoutID,
					a.CustomerID,
				),
			},
			{
				"charge.refunded",
				fmt.Sprintf(
					`{"object":"charge","id":"ch_lie","customer":%q,"amount":500,"amount_refunded":500,"refunded":true,"payment_intent":%q}`,
					a.CustomerID, intent,
				),
			},
			{"customer.deleted", fmt.Sprintf(`{"object":"customer","id":%q,"deleted":true}`, a.CustomerID)},
			{
				"checkout.session.completed",
				fmt.Sprintf(
					`{"object":"checkout.session","id":"cs_of_b","customer":%q,"payment_status":"paid","metadata":{"pointsync_account":%q}}`,
					a.CustomerID, b.ID,
				),
			},
		} {
			id := fmt.Sprint("evt_lie_", n)
			must(w.t, w.deliver(eventOf(id, lie.kind, lie.object)))
			w.waitIdle()
			if e := w.event(id); e.Status != billing.InboxProcessed || e.AccountID != a.ID {
				w.t.Errorf("%s: %+v", lie.kind, e)
			}
			if rows := w.dump(a.ID); rows != truth {
				w.t.Fatalf("%s changed the rows:\n%s\nwhich were:\n%s", lie.kind, rows, truth)
			}
		}
		if got := w.account(b.ID); got.Sync.TicketIssued != 0 || got.Available != 0 {
			w.t.Errorf("the account that an event spoke of was synced: %+v", got.Sync)
		}
		must(
			w.t,
			w.deliver(
				eventOf(
					"evt_b", "invoice.paid",
					fmt.Sprintf(
						`{"object":"invoice","id":"in_lie","customer":%q,"amount_paid":1900,"metadata":{"pointsync_account":%q}}`,
						b.CustomerID, a.ID,
					),
				),
			),
		)
		w.waitIdle()
		if got := w.account(b.ID); got.Available != 100 { // its own purchase, which a sync finds
			w.t.Errorf("%d points", got.Available)
		}
	})
}

// poison are bodies that Stripe never sends. All are signed.
var poison = map[string]string{
	"Empty":            ``,
	"Null":             `null`,
	"Array":            `[]`,
	"NotJSON":          `{"id":`,
	"Text":             `"event"`,
	"NoID":             `{"object":"event","type":"x"}`,
	"NumberAsID":       `{"object":"event","id":7,"type":"x"}`,
	"HugeID":           `{"object":"event","id":"` + huge + `","type":"x"}`,
	"NoData":           `{"object":"event","id":"evt_p1","type":"x"}`,
	"DataIsNull":       `{"object":"event","id":"evt_p2","type":"x","data":null}`,
	"DataIsArray":      `{"object":"event","id":"evt_p3","type":"x","data":[1]}`,
	"ObjectIsArray":    eventOf("evt_p4", "x", `[{"customer":"cus_1"}]`),
	"ObjectIsText":     eventOf("evt_p5", "x", `"cus_1"`),
	"CustomerIsNumber": eventOf("evt_p6", "x", `{"object":"charge","id":"ch_1","customer":7}`),
	"CustomerIsArray":  eventOf("evt_p7", "x", `{"object":"charge","id":"ch_1","customer":["cus_1"]}`),
	"CustomerIsEmpty":  eventOf("evt_p8", "x", `{"object":"charge","id":"ch_1","customer":{}}`),
	"CustomerIsHuge":   eventOf("evt_p9", "x", `{"object":"charge","id":"ch_1","customer":"`+huge+`"}`),
	"CustomerWithNUL":  eventOf("evt_p10", "x", `{"object":"charge","id":"ch_1","customer":"cus_\u0000"}`),
	"NULs": strings.ReplaceAll(
		eventOf("evt_p11~", "x~", `{"object":"charge~","id":"ch~"}`), "~", `\u0000`,
	),
	"NULInVersion":      strings.Replace(eventOf("evt_p12", "x", `{}`), "2023-10-16", `\u0000`, 1),
	"HugeVersion":       strings.Replace(eventOf("evt_p13", "x", `{}`), "2023-10-16", huge, 1),
	"LoneSurrogate":     eventOf("evt_p14", `x\ud800`, `{"object":"charge","id":"\udfff","customer":"\ud800"}`),
	"NotUTF8":           eventOf("evt_p15\xff", "x\xff", "{\"object\":\"\xc3\x28\",\"id\":\"\xff\"}"),
	"CreatedFarAhead":   strings.Replace(eventOf("evt_p16", "x", `{}`), "1700000000", "999999999999999999", 1),
	"CreatedFarBack":    strings.Replace(eventOf("evt_p17", "x", `{}`), "1700000000", "-999999999999999999", 1),
	"CreatedAtTheEdge":  strings.Replace(eventOf("evt_p18", "x", `{}`), "1700000000", "9223372036854775807", 1),
	"CreatedIsText":     strings.Replace(eventOf("evt_p19", "x", `{}`), "1700000000", `"now"`, 1),
	"LivemodeIsText":    strings.Replace(eventOf("evt_p20", "x", `{}`), "false", `"no"`, 1),
	"Deep":              eventOf("evt_p21", "x", strings.Repeat(`[`, 20000)+strings.Repeat(`]`, 20000)),
	"DisputeWithoutID":  eventOf("evt_p22", "x", `{"object":"dispute"}`),
	"RefundWithNULID":   eventOf("evt_p23", "x", `{"object":"refund","id":"\u0000"}`),
	"RefundWithPath":    eventOf("evt_p24", "x", `{"object":"refund","id":"../customers?limit=1"}`),
	"RefundWithDots":    eventOf("evt_p25", "x", `{"object":"refund","id":".."}`),
	"CustomerWithoutID": eventOf("evt_p26", "x", `{"object":"customer"}`),
	"Quotes": eventOf(
		`evt_p27';DROP TABLE orders;--`, `x'`, `{"object":"charge'","id":"'","customer":"' OR 1=1 --"}`,
	),
}

var huge = strings.Repeat("x", 100_000)

// Proves that no body, however strange, gets a reply that makes Stripe send it again for days. It also leaves no
// endless job, and hinders no other event.
func TestPoison(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		w.start(w.t)
		for name, body := range poison {
			if err := w.deliver(body); err != nil && billing.CodeOf(err) != billing.EInvalid {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		w.ring("evt_good", a.CustomerID)
		w.waitIdle()
		if got := w.account(a.ID); got.Available != 100 {
			w.t.Errorf("%d points", got.Available)
		}
		if n := w.count("SELECT count(*) FROM inbox_events WHERE status <> 'ignored'"); n != 1 {
			w.t.Errorf("%d events concern somebody", n)
		}
		if n := w.count("SELECT count(*) FROM inbox_events"); n < 20 {
			w.t.Errorf("only %d events were kept: they were refused at the door, and prove little", n)
		}
	})
}
