package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that every attempt to deliver an event is logged, with its result and the time of the next one. The
// newest attempt comes first, and no more than 500 are kept.
func TestAttemptLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("customer.created", func(n int) int { return map[bool]int{true: 500, false: 200}[n == 1] })
	w.object("POST", "/v1/customers", "")
	w.flush()
	attempts := func() []map[string]any {
		var found []map[string]any
		for _, each := range w.object("GET", "/_sandbox/deliveries", "")["data"].([]any) {
			found = append(found, each.(map[string]any))
		}
		return found
	}
	event := w.events()[0]["id"]
	failed := attempts()[0]
	if failed["event"] != event || failed["type"] != "customer.created" || failed["endpoint"] != r.endpoint["id"] ||
		failed["url"] != r.URL || failed["attempt"] != 1.0 ||
		failed["status"] != 500.0 || failed["delivered"] != false ||
		failed["next_attempt"] != failed["at"].(float64)+5 ||
		failed["error"] != "The endpoint answered 500 Internal Server Error." {
		t.Fatalf("the failure is %v", failed)
	}
	w.advance(10 * time.Second)
	w.flush()
	if good := attempts()[0]; good["attempt"] != 2.0 || good["status"] != 200.0 || good["delivered"] != true ||
		good["next_attempt"] != nil || good["error"] != nil || good["duration_ms"] == nil {
		t.Fatalf("the success is %v", good)
	}
	r.Close()
	w.object("POST", "/v1/customers", "")
	w.flush()
	if lost := attempts()[0]; lost["status"] != nil || lost["delivered"] != false || !strings.Contains(
		lost["error"].(string), "connect",
	) {
		t.Fatalf("nobody listened: %v", lost)
	}
	// The other events go to an endpoint that responds, because a courier rests after each attempt without a response.
	w.object("DELETE", "/v1/webhook_endpoints/"+r.endpoint["id"].(string), "")
	w.receiver("customer.created", func(int) int { return 200 })
	for range 500 {
		w.object("POST", "/v1/customers", "")
	}
	w.flush()
	kept, newest := attempts(), w.events()[501]["id"]
	of := func(id any) func(map[string]any) bool {
		return func(tried map[string]any) bool { return tried["event"] == id }
	}
	if len(kept) != 500 || !slices.ContainsFunc(kept, of(newest)) || slices.ContainsFunc(kept, of(event)) {
		t.Fatalf("%d are kept, and not the newest", len(kept))
	}
}

// This test proves that a rolled secret signs next to its successor until it expires, and never again. The new secret
// is shown once. Stripe's own code accepts the signatures of each.
func TestRollSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{Start: time.Now()})
	r := w.receiver("*", always(200))
	path := "webhook_endpoints/" + r.endpoint["id"].(string) + "/roll"
	roll := func(seconds int) string {
		return w.control(200, "POST", path, fmt.Sprintf(`{"expires_in_seconds":%d}`, seconds))["secret"].(string)
	}
	requireSigned := func(by, notBy []string) {
		t.Helper()
		w.object("POST", "/v1/customers", "")
		w.flush()
		last := r.all()[len(r.all())-1]
		verify := func(secret string) error {
			_, err := webhook.ConstructEventWithTolerance(last.body, last.signature, secret, 48*time.Hour)
			return err
		}
		for _, secret := range by {
			if err := verify(secret); err != nil {
				t.Errorf("a valid secret does not verify: %v", err)
			}
		}
		for _, secret := range notBy {
			if verify(secret) == nil {
				t.Error("a secret whose time is over verifies")
			}
		}
		if n := strings.Count(last.signature, "v1="); n != len(by) {
			t.Errorf("%d signatures for %d secrets", n, len(by))
		}
	}
	first := r.endpoint["secret"].(string)
	second := roll(3600)
	requireSigned([]string{first, second}, nil)
	third := roll(7200)
	requireSigned([]string{first, second, third}, nil)
	w.advance(time.Hour)
	requireSigned([]string{second, third}, []string{first})
	w.advance(time.Hour)
	requireSigned([]string{third}, []string{first, second})
	fourth := roll(0)
	requireSigned([]string{fourth}, []string{third})
	if shown := w.object("GET", "/v1/webhook_endpoints/"+r.endpoint["id"].(string), ""); shown["secret"] != nil {
		t.Fatal("the secret is shown again")
	}
	w.control(404, "POST", "webhook_endpoints/we_x/roll", "")
	w.control(400, "POST", path, `{"expires_in_seconds":-1}`)
	w.control(400, "POST", path, `{"expires_in_seconds":86401}`)
	for range 9 {
		roll(86400)
	}
	w.control(400, "POST", path, `{"expires_in_seconds":60}`)
	w.advance(day)
	requireSigned([]string{roll(0)}, nil)
}
