package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves (with -race) that 200 concurrent requests of many kinds lose no update. Each change is announced by
// one event. Five groups of 40 run at once: writers of one customer, spenders of one session, refunders of one charge,
// holders of one idempotency key, and clients who make their own customers.
func TestParallelRequests(t *testing.T) {
	t.Parallel()
	const each = 40
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("*", always(200))
	shared := w.object("POST", "/v1/customers", "email=jo@shop.test")["id"].(string)
	session := w.checkout("payment", w.price(900, ""), "")["id"].(string)
	charge := w.object(
		"POST", "/v1/payment_intents",
		"amount=4000&currency=usd&confirm=true&payment_method=pm_card_visa&payment_method_types[]=card",
	)["latest_charge"].(string)

	calls := map[string]func(n int) (path, form string, header []string){
		"update": func(n int) (string, string, []string) {
			return "/v1/customers/" + shared, fmt.Sprintf("metadata[k%d]=v", n), nil
		},
		"pay": func(int) (string, string, []string) {
			return "/v1/payment_pages/" + session + "/confirm", "payment_method=pm_card_visa", nil
		},
		"refund": func(int) (string, string, []string) { return "/v1/refunds", "amount=100&charge=" + charge, nil },
		"same key": func(int) (string, string, []string) {
			return "/v1/products", "name=Once", []string{"Idempotency-Key", "one"}
		},
		"create": func(n int) (string, string, []string) {
			return "/v1/customers", fmt.Sprintf("email=c%d@shop.test", n), nil
		},
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	statuses := map[string]map[int]int{}
	start := make(chan struct{})
	for name, call := range calls {
		statuses[name] = map[int]int{}
		for n := range each {
			group.Go(func() {
				path, form, header := call(n)
				<-start
				status, _, _ := w.raw("POST", path, form, header...)
				mu.Lock()
				statuses[name][status]++
				mu.Unlock()
			})
		}
	}
	close(start)
	group.Wait()
	w.flush()

	for name, want := range map[string]int{"update": each, "pay": 1, "refund": each, "create": each} {
		if statuses[name][http.StatusOK] != want {
			t.Errorf("%s: want %d to succeed, got %v", name, want, statuses[name])
		}
	}
	if once := statuses["same key"]; once[http.StatusOK]+once[http.StatusConflict] != each || once[http.StatusOK] == 0 {
		t.Errorf("one key: %v", once)
	}
	if kept := w.object("GET", "/v1/customers/"+shared, "")["metadata"].(map[string]any); len(kept) != each {
		t.Errorf("updates were lost: %d of %d are left", len(kept), each)
	}
	if refunded := w.object("GET", "/v1/charges/"+charge, "")["amount_refunded"]; refunded != float64(100*each) {
		t.Errorf("refunds were lost: %v", refunded)
	}
	w.requireAnnounced(r, map[string]int{
		"customer.updated": each, "customer.created": each + 1, "checkout.session.completed": 1, "charge.succeeded": 2,
		"payment_intent.succeeded": 2,
		"refund.created":           each, "charge.refunded": each, "product.created": 2,
	})
}

// requireAnnounced checks that the given number of events of each type was made and delivered.
func (w *world) requireAnnounced(r *receiver, wanted map[string]int) {
	w.t.Helper()
	counts, delivered := map[string]int{}, map[string]int{}
	for _, event := range w.events() {
		counts[event["type"].(string)]++
	}
	for _, parcel := range r.all() {
		for name := range counts {
			if strings.Contains(string(parcel.body), `"type": "`+name+`"`) {
				delivered[name]++
			}
		}
	}
	for name, want := range wanted {
		if counts[name] != want || delivered[name] != want {
			w.t.Errorf("%s: want %d, %d were made and %d delivered", name, want, counts[name], delivered[name])
		}
	}
}
