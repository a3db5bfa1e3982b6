package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

const (
	checkInterval = 50 * time.Millisecond // between two looks at a server's readiness
	checkPatience = time.Second
	// leaveDelay is how long the servers are told to wait: longer than the balancer can take to notice.
	leaveDelay = "2s"
)

// balancer spreads requests over servers in turn, as load balancers do. It skips a server whose /readyz does not return
// 200, and tries the next one if a server does not listen. It passes on every other failure, and records it.
type balancer struct {
	*httptest.Server
	passing http.RoundTripper

	mu       sync.Mutex
	targets  []string
	ready    map[string]bool
	next     int
	failures []failure
	passed   int // requests that a server replied to
}

// failure is a request that a server received but did not reply to, or replied to with a 5xx.
type failure struct {
	target string
	at     time.Time
	text   string
}

func newBalancer(t testing.TB, servers []*server) *balancer {
	t.Helper()
	b := &balancer{
		ready: map[string]bool{},
		passing: &http.Transport{
			MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: checkPatience}).DialContext,
		},
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "balanced"}) },
		Transport: b,
		ErrorHandler: func(out http.ResponseWriter, _ *http.Request, _ error) {
			out.WriteHeader(http.StatusBadGateway) // the failure has been recorded already
		},
	}
	b.Server = httptest.NewServer(proxy)
	ctx, cancel := context.WithCancel(context.Background())
	var checks sync.WaitGroup
	for _, s := range servers {
		b.targets = append(b.targets, s.addr)
		checks.Go(func() { b.check(ctx, s.addr) })
	}
	t.Cleanup(func() { cancel(); checks.Wait(); b.CloseClientConnections(); b.Close() })
	return b
}

// check polls one server's readiness.
func (b *balancer) check(ctx context.Context, target string) {
	client := &http.Client{Timeout: checkPatience, Transport: &http.Transport{DisableKeepAlives: true}}
	look := time.NewTicker(checkInterval)
	defer look.Stop()
	for {
		resp, err := client.Get("http://" + target + "/readyz")
		if err == nil {
			resp.Body.Close()
		}
		b.mu.Lock()
		b.ready[target] = err == nil && resp.StatusCode == http.StatusOK
		b.mu.Unlock()
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// isReady reports whether the balancer sends requests to a server.
func (b *balancer) isReady(target string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[target]
}

func (b *balancer) pick() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.targets {
		b.next++
		if target := b.targets[b.next%len(b.targets)]; b.ready[target] {
			return target
		}
	}
	return ""
}

// RoundTrip sends a request to the next server that is ready. It tries another one only if that server does not listen:
// then the request cannot have had an effect.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	for range 2 * len(b.targets) {
		target := b.pick()
		if target == "" {
			return nil, b.fail("", "no server is ready")
		}
		out := r.Clone(r.Context())
		out.URL.Host, out.Host = target, target
		// A body that the transport cannot rewind, so that the transport never retries by itself.
		out.Body = io.NopCloser(bytes.NewReader(body))
		resp, err := b.passing.RoundTrip(out)
		var dial *net.OpError
		switch {
		case errors.As(err, &dial) && dial.Op == "dial":
			continue
		case err != nil && r.Context().Err() != nil:
			return nil, err // the caller has left
		case err != nil:
			return nil, b.fail(target, err.Error())
		case resp.StatusCode >= http.StatusInternalServerError:
			_ = b.fail(target, resp.Status)
		}
		b.mu.Lock()
		b.passed++
		b.mu.Unlock()
		return resp, nil
	}
	return nil, b.fail("", "nobody listens")
}

func (b *balancer) fail(target, text string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = append(b.failures, failure{target, time.Now(), text})
	return fmt.Errorf("%s: %s", target, text)
}

// takeFailures returns the failures since the last call.
func (b *balancer) takeFailures() []failure {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.failures
	b.failures = nil
	return taken
}
