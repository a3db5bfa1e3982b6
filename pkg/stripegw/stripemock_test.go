package stripegw_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// startStripeMock runs Stripe's own mock. It knows every parameter of the pinned API version and refuses others.
func startStripeMock(t *testing.T) (address string) {
	t.Helper()
	out, err := exec.Command("go", "-C", "../../tools", "tool", "-n", "stripe-mock").CombinedOutput()
	if err != nil {
		t.Fatalf("stripe-mock cannot be had from the tools module (go -C tools tool -n stripe-mock): %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	address = freeAddress(t)
	mock := exec.Command(lines[len(lines)-1], "-http-addr", address, "-https-addr", freeAddress(t))
	var said log
	mock.Stdout, mock.Stderr = &said, &said
	if err := mock.Start(); err != nil {
		t.Fatalf("stripe-mock does not start: %v", err)
	}
	ended := make(chan struct{})
	go func() { mock.Wait(); close(ended) }()
	t.Cleanup(func() { mock.Process.Kill(); <-ended })

	deadline := time.After(60 * time.Second) // it first reads 14 MB, on a machine that may be busy
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("stripe-mock ended: %s", said.String())
		case <-deadline:
			t.Fatalf("stripe-mock does not listen: %s", said.String())
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// recorder runs between the gateway and the mock. It keeps the requests and what the mock refused. It may respond
// instead of the mock after the mock has accepted a request, to lead the gateway to its rarer requests.
type recorder struct {
	replies map[string]string // "GET /v1/prices" -> body; an error's body is sent as a 404

	mu      sync.Mutex
	asked   map[string]int // "POST /v1/customers" -> how often
	refused []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	name := req.Method + " " + req.URL.Path
	if req.URL.Query().Has("starting_after") {
		name += " (next page)"
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[name]++
	if resp.StatusCode >= 400 {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		r.refused = append(r.refused, fmt.Sprintf("%s?%s: %s", name, req.URL.RawQuery, body))
		return resp, nil
	}
	reply, ok := r.replies[name]
	if !ok {
		return resp, nil
	}
	resp.Body.Close()
	w := httptest.NewRecorder()
	if strings.HasPrefix(reply, `{"error"`) {
		w.WriteHeader(http.StatusNotFound)
	}
	w.WriteString(reply)
	return w.Result(), nil
}

// mockCall is one conversation with the mock.
type mockCall struct {
	name    string
	asks    []string // all of these must be requested
	replies map[string]string
	do      func(context.Context, *stripegw.Gateway) error
}

// Everything that the gateway requests of Stripe is legal at the pinned API version. The official mock refuses what
// its description of the API does not have, and it refuses none of these requests.
func TestStripeMockRefusesNothing(t *testing.T) {
	t.Parallel()
	address := startStripeMock(t)
	// First, that the mock is as strict as we think. Otherwise the rest would prove nothing.
	t.Run("ControlIsRefused", func(t *testing.T) {
		for _, form := range []string{
			"colour=red", "url=https://shop.example/&enabled_events[0]=no.such.event", "url=https://shop.example/",
		} {
			req, _ := http.NewRequestWithContext(
				t.Context(), "POST", "http://"+address+"/v1/webhook_endpoints", strings.NewReader(form),
			)
			req.Header.Set("Authorization", "Bearer sk_test_123")
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s was answered %d", form, resp.StatusCode)
			}
		}
	})
	counts := metric.New("test")
	t.Cleanup(func() { allOperationsKnown(t, counts) }) // after the subtests
	for _, c := range slices.Concat(sellingCalls(), chargingCalls(), changingCalls(), setupCalls(), customerOfCalls()) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{asked: map[string]int{}, replies: c.replies}
			g, err := stripegw.New(
				stripegw.Options{
					Key: "sk_test_123", BaseURL: "http://" + address, HTTPClient: &http.Client{Transport: r},
					Metrics: counts,
				},
			)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.do(t.Context(), g); err != nil {
				t.Error(err)
			}
			for _, refusal := range r.refused {
				t.Error(refusal)
			}
			for _, name := range c.asks {
				if r.asked[name] == 0 {
					t.Errorf("%s was not asked, only %v", name, r.asked)
				}
			}
		})
	}
}

// allOperationsKnown fails the test if a request was counted as another operation than those that the metrics list.
func allOperationsKnown(t *testing.T, counts *metric.Metrics) {
	t.Helper()
	page := scrape(counts)
	const name = `pointsync_stripe_request_duration_seconds_count{operation="`
	if n := strings.Count(page, name); n < 30 || strings.Contains(page, name+"other") {
		t.Errorf("%d operations were counted: a request is not in the list of pkg/metric, or few are", n)
	}
}

// scrape returns the metrics in Prometheus's text.
func scrape(counts *metric.Metrics) string {
	registry := prometheus.NewRegistry()
	registry.MustRegister(counts)
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/", nil))
	return page.Body.String()
}
