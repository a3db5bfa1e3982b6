package housetest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Held holds back requests for Stripe's lists of one customer, or the replies to them, until Release is called.
type Held struct {
	before  bool          // Stripe has not seen the request yet
	arrived chan struct{} // one signal for each held request
	release chan struct{}
}

// Hold holds back the replies with Stripe's lists of one customer from now on: those to requests that name it in the
// query parameter customer. Stripe has given them already: a slow network, not a slow Stripe. It panics if customer is
// empty.
func (g *Gate) Hold(customer string) *Held { return g.hold(customer, false) }

// Delay holds back the requests for Stripe's lists of one customer from now on, as Hold does with the replies. Stripe
// has not seen them.
func (g *Gate) Delay(customer string) *Held { return g.hold(customer, true) }

func (g *Gate) hold(customer string, before bool) *Held {
	if customer == "" {
		panic("housetest: no customer whose lists are to be held")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	h := &Held{before: before, arrived: make(chan struct{}, 100), release: make(chan struct{})}
	g.held[customer] = h
	return h
}

// Gather holds back the requests that match until n of them have come, or until the gate does something else. It lets
// all other requests pass. A request whose caller leaves ends without a response.
func (g *Gate) Gather(n int, match func(*http.Request) bool) {
	var come atomic.Int64
	all, over := make(chan struct{}), make(chan struct{})
	g.replace(func(out http.ResponseWriter, r *http.Request) {
		if match(r) {
			body, err := io.ReadAll(r.Body) // only then does the server notice that the caller has left
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			if come.Add(1) == int64(n) {
				close(all)
			}
			select {
			case <-all:
			case <-over:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		g.Stripe.ServeHTTP(out, r)
	}, over)
}

// Pass lets later requests for Stripe's lists of one customer through. Those that are held stay held.
func (g *Gate) Pass(customer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.held, customer)
}

// Wait waits until n requests are held.
func (h *Held) Wait(t testing.TB, n int) {
	t.Helper()
	for range n {
		storetest.Next(t, h.arrived)
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
