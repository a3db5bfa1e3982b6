package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that a sandbox with several couriers sends that many deliveries at once and no more. Each event is
// delivered once, and attempts are counted.
func TestSeveralCouriers(t *testing.T) {
	t.Parallel()
	const couriers = 3
	w := newWorld(t, sandbox.Options{Couriers: couriers})
	var mu sync.Mutex
	underWay, most := 0, 0
	together := make(chan struct{})
	r := w.receiver("customer.created", func(int) int {
		mu.Lock()
		if underWay++; underWay > most {
			most = underWay
		}
		if underWay == couriers {
			select {
			case <-together:
			default:
				close(together)
			}
		}
		mu.Unlock()
		select {
		case <-together:
		case <-t.Context().Done():
		}
		mu.Lock()
		underWay--
		mu.Unlock()
		return 200
	})
	const events = 3 * couriers
	for range events {
		w.object("POST", "/v1/customers", "")
	}
	w.flush()
	if got := len(r.all()); got != events || most != couriers {
		t.Fatalf("%d of %d events were delivered, %d at once", got, events, most)
	}
	tally := w.object("GET", "/_sandbox/deliveries", "")["since_start"].(map[string]any)
	if tally["tried"] != float64(events) || tally["delivered"] != float64(events) {
		t.Fatalf("counted are %v", tally)
	}
}

// BenchmarkDeliveries delivers the events of a month of renewals of 1,000 customers. Every tenth event is held back
// until the next one. The endpoint takes 2 ms for each event.
func BenchmarkDeliveries(b *testing.B) {
	for _, couriers := range []int{1, 16} {
		b.Run(fmt.Sprintf("Couriers%d", couriers), func(b *testing.B) {
			w := newBenchOf(
				b, sandbox.Options{Couriers: couriers, Start: time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)},
			)
			var taken atomic.Int64
			endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				<-time.After(2 * time.Millisecond)
				taken.Add(1)
			}))
			b.Cleanup(endpoint.Close)
			price := w.form(
				"/v1/prices", "currency=usd&unit_amount=900&recurring[interval]=month&product_data[name]=Plan",
			)
			for range 1000 {
				holder := w.form(
					"/v1/customers",
					"payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
				)
				w.form("/v1/subscriptions", "customer="+holder+"&items[0][price]="+price)
			}
			w.form("/v1/webhook_endpoints", "enabled_events[]=*&url="+url.QueryEscape(endpoint.URL))
			w.post("/_sandbox/faults", "application/json", `{"kind": "webhook_reorder", "share": 0.1, "seed": 1}`)
			for b.Loop() {
				w.post("/_sandbox/clock", "application/json", `{"advance_seconds": 2678400}`)
				w.post("/_sandbox/webhooks/flush", "application/json", `{}`)
			}
			b.ReportMetric(float64(taken.Load())/b.Elapsed().Seconds(), "events/s")
		})
	}
}
