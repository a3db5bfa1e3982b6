package housetest

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a test waits for a signal that must come.
const patience = 30 * time.Second

// Held holds back requests about one customer, or Stripe's replies to them, until Release is called.
type Held struct {
	before  bool          // Stripe has not seen the request yet
	arrived chan struct{} // one signal for each held request
	release chan struct{}
}

// Hold holds back the replies about a customer from now on. Stripe has given them already: a slow network, not a slow
// Stripe.
func (g *Gate) Hold(customer string) *Held { return g.hold(customer, false) }

// Delay holds back the requests about a customer from now on. Stripe has not seen them.
func (g *Gate) Delay(customer string) *Held { return g.hold(customer, true) }

func (g *Gate) hold(customer string, before bool) *Held {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := &Held{before: before, arrived: make(chan struct{}, 100), release: make(chan struct{})}
	g.held[customer] = h
	return h
}

// Gather holds back the requests that match until n of them have come, and lets all other requests pass.
func (g *Gate) Gather(n int, match func(*http.Request) bool) {
	var come atomic.Int64
	all := make(chan struct{})
	g.Intercept(func(out http.ResponseWriter, r *http.Request) {
		if match(r) {
			if come.Add(1) == int64(n) {
				close(all)
			}
			select {
			case <-all:
			case <-r.Context().Done():
			}
		}
		g.Stripe.ServeHTTP(out, r)
	})
}

// Pass lets later requests about a customer through. Those that are held stay held.
func (g *Gate) Pass(customer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.held, customer)
}

// Wait waits until n requests are held.
func (h *Held) Wait(t testing.TB, n int) {
	t.Helper()
	deadline := time.After(patience)
	for range n {
		select {
		case <-h.arrived:
		case <-deadline:
			t.Fatal("the requests that were to be held never came")
		}
	}
}

// Release lets go what is held.
func (h *Held) Release() { close(h.release) }

func (h *Held) serve(out http.ResponseWriter, r *http.Request, stripe http.Handler) {
	if h.before {
		h.keep(r)
		stripe.ServeHTTP(out, r)
		return
	}
	reply := httptest.NewRecorder()
	stripe.ServeHTTP(reply, r)
	h.keep(r)
	for name, values := range reply.Header() {
		out.Header()[name] = values
	}
	out.WriteHeader(reply.Code)
	_, _ = out.Write(reply.Body.Bytes()) // fails if the caller has left
}

func (h *Held) keep(r *http.Request) {
	h.arrived <- struct{}{}
	select {
	case <-h.release:
	case <-r.Context().Done():
	}
}
