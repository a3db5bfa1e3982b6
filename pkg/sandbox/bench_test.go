package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These benchmarks show that the sandbox is cheap enough for simulations. The median time for a machine to pay a
// checkout is under 20 ms. A year of monthly renewals of 10,000 customers takes under 60 s.

// bench is a sandbox behind one HTTP connection: the client keeps a single connection to its host.
type bench struct {
	b      *testing.B
	url    string
	client *http.Client
}

func newBench(b *testing.B) *bench {
	b.Helper()
	return newBenchOf(b, sandbox.Options{Start: time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)})
}

func newBenchOf(b *testing.B, options sandbox.Options) *bench {
	b.Helper()
	s, err := sandbox.New(options)
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	b.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return &bench{b, server.URL, client}
}

// post sends a body that must be accepted and returns the object's id and subscription.
func (w *bench) post(path, kind, body string) (id, subscription string) {
	w.b.Helper()
	request, err := http.NewRequest("POST", w.url+path, strings.NewReader(body))
	if err != nil {
		w.b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer sk_test_sandbox")
	request.Header.Set("Content-Type", kind)
	response, err := w.client.Do(request)
	if err != nil {
		w.b.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.b.Fatal(err)
	}
	var out struct{ ID, Subscription, Status string }
	if err := json.Unmarshal(content, &out); err != nil || response.StatusCode != http.StatusOK {
		w.b.Fatalf("POST %s %s: %d %s", path, body, response.StatusCode, content)
	}
	return out.ID, out.Subscription
}

func (w *bench) form(path, form string) string {
	w.b.Helper()
	id, _ := w.post(path, "application/x-www-form-urlencoded", form)
	return id
}

// BenchmarkPaidCheckout makes a checkout and pays it by machine, over one connection.
func BenchmarkPaidCheckout(b *testing.B) {
	w := newBench(b)
	price := w.form("/v1/prices", "currency=usd&unit_amount=900&product_data[name]=Pack")
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		session := w.form(
			"/v1/checkout/sessions",
			"mode=payment&success_url=https://shop.test/ok&line_items[0][quantity]=1&line_items[0][price]="+price,
		)
		w.form("/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa&expected_amount=900")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
}

// BenchmarkYearOfRenewals advances customers with a monthly subscription by a year, and reports the cost of one
// renewal. The total grows with the number of customers and no faster.
func BenchmarkYearOfRenewals(b *testing.B) {
	for _, customers := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("Customers%d", customers), func(b *testing.B) {
			w := newBench(b)
			price := w.form(
				"/v1/prices", "currency=usd&unit_amount=900&recurring[interval]=month&product_data[name]=Plan",
			)
			for range customers {
				holder := w.form(
					"/v1/customers",
					"payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
				)
				w.form("/v1/subscriptions", "customer="+holder+"&items[0][price]="+price)
			}
			for b.Loop() {
				w.post("/_sandbox/clock", "application/json", `{"advance_seconds": 31536000}`)
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*customers*12), "ms/renewal")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/year")
		})
	}
}
