package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove how much a discount takes off a bill, for how long, and that its start and end are announced.

// bills returns the totals of a subscription's invoices, oldest first.
func (w *world) bills(subscription string) []int64 {
	w.t.Helper()
	var totals []int64
	for _, each := range w.object("GET", "/v1/invoices", "limit=100&subscription="+subscription)["data"].([]any) {
		totals = append([]int64{int64(each.(map[string]any)["total"].(float64))}, totals...)
	}
	return totals
}

// begun starts a monthly subscription at 10.00 with a card that succeeds.
func (w *world) begun(customerMore, more string) (subscription, customer string) {
	w.t.Helper()
	customer = w.customer(
		"payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa" + customerMore,
	)
	return w.object(
		"POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price(1000, "month")+more,
	)["id"].(string), customer
}

func (w *world) months(n int) {
	w.t.Helper()
	for range n {
		w.advance(31*24*time.Hour + 2*time.Hour)
	}
}

func requireBills(t *testing.T, got []int64, want ...int64) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("billed %v, want %v", got, want)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		coupon string
		bills  []int64
		runs   bool // whether the discount still runs after all the bills
	}{
		"Once":      {"percent_off=25&duration=once", []int64{750, 1000, 1000, 1000}, false},
		"Repeating": {"percent_off=25&duration=repeating&duration_in_months=3", []int64{750, 750, 750, 1000}, false},
		"Forever":   {"amount_off=400&currency=usd&duration=forever", []int64{600, 600, 600, 600}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			id, _ := w.begun("", "&coupon="+w.coupon(c.coupon))
			if next := w.object(
				"GET", "/v1/invoices/upcoming", "subscription="+id,
			); next["total"] != float64(c.bills[1]) {
				t.Fatalf("the next one comes to %v, want %v", next["total"], c.bills[1])
			}
			w.months(2)
			if next := w.object(
				"GET", "/v1/invoices/upcoming", "subscription="+id,
			); next["total"] != float64(c.bills[3]) {
				t.Fatalf("the last one comes to %v, want %v", next["total"], c.bills[3])
			}
			w.months(1)
			requireBills(t, w.bills(id), c.bills...)
			requireOrder(
				t, types(w.events()), "coupon.created", "customer.subscription.created", "customer.discount.created",
				"invoice.created", "invoice.paid",
			)
			if runs := w.subscription(id)["discount"] != nil; runs != c.runs {
				t.Fatalf("it runs: %v", runs)
			}
			if !c.runs {
				requireOrder(
					t, types(w.events()), "customer.discount.created", "customer.subscription.updated",
					"customer.discount.deleted", "customer.subscription.updated",
				)
			}
		})
	}
}

// A discount for one invoice waits for an invoice that costs something. The invoice of a trial does not use it up.
func TestOnceOutlivesTrial(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, _ := w.begun("", "&trial_period_days=14&coupon="+w.coupon("percent_off=50"))
	w.months(1)
	w.months(1)
	requireBills(t, w.bills(id), 0, 500, 1000)
}

// The first paid invoice uses up a discount for one invoice. All other drafts that had it lose it.
func TestOnceAmongDrafts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	holder := w.customer("coupon=" + w.coupon("percent_off=50"))
	var drafts []map[string]any
	for range 2 {
		draft := w.object(
			"POST", "/v1/invoices", "customer="+holder+"&pending_invoice_items_behavior=exclude&currency=usd",
		)
		w.object(
			"POST", "/v1/invoiceitems", "amount=900&currency=usd&customer="+holder+"&invoice="+draft["id"].(string),
		)
		drafts = append(drafts, draft)
	}
	for i, want := range []float64{450, 900} {
		if total := w.object("POST", "/v1/invoices/"+drafts[i]["id"].(string)+"/finalize", "")["total"]; total != want {
			t.Fatalf("invoice %d comes to %v, want %v", i, total, want)
		}
	}
	if w.object("GET", "/v1/customers/"+holder, "")["discount"] != nil {
		t.Fatal("the customer still has it")
	}
}

// All the figures that an invoice shows about a discount add up, and they name the discount.
func TestInvoiceShowsDiscount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	holder := w.customer("")
	for _, amount := range []string{"333", "333", "335"} {
		w.object("POST", "/v1/invoiceitems", "amount="+amount+"&currency=usd&customer="+holder)
	}
	invoice := w.object("POST", "/v1/invoices", "expand[]=discounts&expand[]=total_discount_amounts.discount&pending_invoice_items_behavior=include&customer="+holder+
		"&discounts[0][coupon]="+w.coupon("percent_off=50")+"&discounts[1][coupon]="+w.coupon(
		"amount_off=100&currency=usd",
	))
	if invoice["subtotal"] != 1001.0 || invoice["total"] != 399.0 || invoice["amount_due"] != 399.0 ||
		invoice["discount"] != nil {
		t.Fatalf("%v", invoice)
	}
	var sums []float64
	for i, each := range invoice["total_discount_amounts"].([]any) {
		taken := each.(map[string]any)
		first := invoice["discounts"].([]any)[i].(map[string]any)
		if named := taken["discount"].(map[string]any); named["id"] != first["id"] ||
			named["invoice"] != invoice["id"] || named["object"] != "discount" {
			t.Fatalf("%v is not %v", named, first)
		}
		sum := 0.0
		for _, line := range invoice["lines"].(map[string]any)["data"].([]any) {
			off := line.(map[string]any)["discount_amounts"].([]any)[i].(map[string]any)
			if sum += off["amount"].(float64); off["discount"] != first["id"] {
				t.Fatalf("a line names %v", off)
			}
		}
		if sum != taken["amount"] {
			t.Fatalf("the lines say %v, the whole %v", sum, taken["amount"])
		}
		sums = append(sums, sum)
	}
	if fmt.Sprint(sums) != "[502 100]" {
		t.Fatalf("taken: %v", sums)
	}
	id := invoice["id"].(string)
	kept := invoice["discounts"].([]any)[0].(map[string]any)["id"].(string)
	if less := w.object(
		"POST", "/v1/invoices/"+id, "discounts[0][discount]="+kept,
	); less["total"] != 499.0 || less["discount"].(map[string]any)["id"] != kept {
		t.Fatalf("with one of them: %v", less["total"])
	}
	if bare := w.object("POST", "/v1/invoices/"+id, "discounts="); bare["total"] != 1001.0 {
		t.Fatalf("without: %v", bare["total"])
	}
	w.object("POST", "/v1/invoices/"+id+"/finalize", "")
	if status, code, _, _ := w.refusal(
		"POST", "/v1/invoices/"+id, "discounts[0][coupon]="+w.coupon("percent_off=1"),
	); status != 400 || code != "invoice_not_editable" {
		t.Fatalf("a finalized invoice: %d %s", status, code)
	}
}

// An amount in one currency is never taken off a bill in another.
func TestOtherMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	euros := w.coupon("amount_off=300&currency=eur&duration=forever")
	holder := w.customer("coupon=" + euros)
	w.object("POST", "/v1/invoiceitems", "amount=900&currency=usd&customer="+holder)
	if i := w.object(
		"POST", "/v1/invoices", "pending_invoice_items_behavior=include&customer="+holder,
	); i["total"] != 900.0 || i["discount"] != nil {
		t.Fatalf("it comes to %v", i["total"])
	}
	other := w.customer("")
	if status, _, param, _ := w.refusal(
		"POST", "/v1/invoices", "customer="+other+"&discounts[0][coupon]="+euros,
	); status != 400 || param != "discounts[0][coupon]" {
		t.Fatalf("by name: %d %s", status, param)
	}
	if c := w.object("GET", "/v1/coupons/"+euros, ""); c["times_redeemed"] != 1.0 {
		t.Fatalf("redeemed %v times", c["times_redeemed"])
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	holder := w.customer("")
	wanted, other := w.price(1000, ""), w.price(500, "")
	product := w.object("GET", "/v1/prices/"+wanted, "")["product"].(string)
	draft := func(coupon string) map[string]any {
		w.object("POST", "/v1/invoiceitems", "customer="+holder+"&price="+wanted)
		w.object("POST", "/v1/invoiceitems", "customer="+holder+"&price="+other)
		return w.object(
			"POST", "/v1/invoices",
			"pending_invoice_items_behavior=include&customer="+holder+"&discounts[0][coupon]="+w.coupon(coupon),
		)
	}
	if i := draft("percent_off=10&applies_to[products][0]=" + product); i["total"] != 1400.0 {
		t.Fatalf("for one product: %v", i["total"])
	}
	if i := draft("amount_off=9999&currency=usd&applies_to[products][0]=" + product); i["total"] != 500.0 {
		t.Fatalf("more than the product costs: %v", i["total"])
	}
	if i := draft("amount_off=9999&currency=usd"); i["total"] != 0.0 || i["subtotal"] != 1500.0 {
		t.Fatalf("more than all costs: %v", i["total"])
	}
}

// A subscription's own discount takes precedence over its customer's, also while both run. Without it the customer's
// applies.
func TestOwnDiscountBeatsCustomers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	mild, strong := w.coupon("percent_off=10&duration=forever"), w.coupon("percent_off=40&duration=forever")
	id, holder := w.begun("&coupon="+mild, "")
	w.object("POST", "/v1/subscriptions/"+id, "coupon="+strong)
	if next := w.object("GET", "/v1/invoices/upcoming", "subscription="+id); next["total"] != 600.0 {
		t.Fatalf("the next one comes to %v", next["total"])
	}
	w.months(1)
	removed := w.object("DELETE", "/v1/subscriptions/"+id+"/discount", "")
	if removed["deleted"] != true || removed["subscription"] != id ||
		removed["coupon"].(map[string]any)["id"] != strong {
		t.Fatalf("removed: %v", removed)
	}
	w.object("DELETE", "/v1/coupons/"+mild, "") // running discounts outlive their coupon
	w.months(1)
	w.object("POST", "/v1/customers/"+holder, "coupon="+strong)
	w.months(1)
	if gone := w.object("DELETE", "/v1/customers/"+holder+"/discount", ""); gone["customer"] != holder {
		t.Fatalf("removed: %v", gone)
	}
	w.months(1)
	requireBills(t, w.bills(id), 900, 600, 900, 600, 1000)
	requireOrder(t, types(w.events()), "customer.created", "customer.discount.created", "customer.subscription.created", "customer.discount.created",
		"customer.discount.deleted", "customer.discount.updated", "customer.discount.deleted")
	if status, code, _, _ := w.refusal(
		"DELETE", "/v1/customers/"+holder+"/discount", "",
	); status != 404 || code != "resource_missing" {
		t.Fatalf("there is none: %d %s", status, code)
	}
	if c := w.object("GET", "/v1/coupons/"+strong, ""); c["times_redeemed"] != 2.0 {
		t.Fatalf("redeemed %v times", c["times_redeemed"])
	}
}

// A free purchase needs no card, neither at the start nor at any renewal.
func TestAllOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	holder := w.customer("")
	sub := w.object(
		"POST", "/v1/subscriptions",
		"expand[]=latest_invoice&customer="+holder+"&items[0][price]="+w.price(1000, "month")+"&coupon="+w.coupon(
			"percent_off=100&duration=forever",
		),
	)
	if first := latest(sub); sub["status"] != "active" || first["status"] != "paid" || first["total"] != 0.0 ||
		first["subtotal"] != 1000.0 || first["charge"] != nil {
		t.Fatalf("%v %v", sub["status"], first)
	}
	w.months(1)
	requireBills(t, w.bills(sub["id"].(string)), 0, 0)
	if status := w.subscription(sub["id"].(string))["status"]; status != "active" {
		t.Fatalf("it is %v", status)
	}
}

// A change of plan gives back what was paid, not the list price, and charges what will be billed.
func TestProrationsAreNet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		coupon      string
		want, again float64
	}{
		"Forever": {"percent_off=50&duration=forever", 500, 500}, // 1000 less 500, then 1500 less 1000
		"Once":    {"percent_off=50&duration=once", 1500, 1000},  // 2000 less 500, then 3000 less 2000
		"Free":    {"percent_off=100&duration=forever", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			id, _ := w.begun("", "&coupon="+w.coupon(c.coupon))
			changed := w.change(id, w.price(2000, "month"), "&proration_behavior=always_invoice")
			if total := latest(changed)["total"]; !near(total, c.want) {
				t.Fatalf("the change costs %v, want %v", total, c.want)
			}
			again := w.change(id, w.price(3000, "month"), "&proration_behavior=always_invoice")
			if total := latest(again)["total"]; !near(total, c.again) {
				t.Fatalf("the second change costs %v, want %v", total, c.again)
			}
		})
	}
}

// On a test clock, a discount ends by that clock.
func TestDiscountOnTestClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	start := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	clock := w.object("POST", "/v1/test_helpers/test_clocks", fmt.Sprint("frozen_time=", start.Unix()))["id"].(string)
	holder := w.customer(
		"test_clock=" + clock + "&coupon=" + w.coupon("percent_off=5&duration=repeating&duration_in_months=1"),
	)
	end := time.Date(2030, 2, 28, 0, 0, 0, 0, time.UTC).Unix()
	if d := w.object("GET", "/v1/customers/"+holder, "")["discount"].(map[string]any); d["end"] != float64(end) {
		t.Fatalf("it ends %v, want %v", d["end"], end)
	}
	w.object("POST", "/v1/test_helpers/test_clocks/"+clock+"/advance", fmt.Sprint("frozen_time=", end))
	if w.object("GET", "/v1/customers/"+holder, "")["discount"] != nil {
		t.Fatal("it is still there")
	}
	requireOrder(t, types(w.events()), "customer.discount.created", "customer.updated", "customer.discount.deleted")
}
