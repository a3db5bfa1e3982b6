package reconcile_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// picture is how many lists a fetch requests if no order is open: subscriptions, invoices, charges.
const picture = 3

// patience is how long a test waits for a signal that must come.
const patience = 30 * time.Second

// gate is a proxy between the syncer and the sandbox. It counts requests, fails as networks do, and holds back replies.
type gate struct {
	next  http.Handler
	asked atomic.Int64 // lists of subscriptions: one for each fetch
	fault atomic.Pointer[http.HandlerFunc]
	held  sync.Map // customer -> *hold
	late  sync.Map // the same, for requests that have not reached Stripe
}

func (g *gate) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/subscriptions" && r.Method == http.MethodGet {
		g.asked.Add(1)
	}
	if f := g.fault.Load(); f != nil {
		(*f)(out, r)
		return
	}
	if h, ok := g.late.Load(r.URL.Query().Get("customer")); ok {
		h.(*hold).keep(r)
	}
	h, ok := g.held.Load(r.URL.Query().Get("customer"))
	if !ok {
		g.next.ServeHTTP(out, r)
		return
	}
	answer := httptest.NewRecorder()
	g.next.ServeHTTP(answer, r)
	h.(*hold).keep(r)
	for name, values := range answer.Header() {
		out.Header()[name] = values
	}
	out.WriteHeader(answer.Code)
	_, _ = out.Write(answer.Body.Bytes()) // if this fails, the caller has left
}

// fail sets how every request fails. nil lets requests pass.
func (g *gate) fail(f http.HandlerFunc) {
	if f == nil {
		g.fault.Store(nil)
		return
	}
	g.fault.Store(&f)
}

// hangs never replies.
func hangs(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // without this the server does not notice that the caller has left
	<-r.Context().Done()
}

// refuses replies as Stripe does when it is down.
func refuses(out http.ResponseWriter, _ *http.Request) {
	out.WriteHeader(http.StatusServiceUnavailable)
}

// hold holds back replies that Stripe has already given: a slow network, not a slow Stripe.
type hold struct {
	arrived chan string // receives the name of the list, once for each reply
	release chan struct{}
}

// hold holds back the replies to one customer's lists until let is called on it.
func (g *gate) hold(customer string) *hold {
	h := &hold{arrived: make(chan string, 100), release: make(chan struct{})}
	g.held.Store(customer, h)
	return h
}

// delay holds back the requests for one customer's lists until let is called on it. Stripe has not seen them yet.
func (g *gate) delay(customer string) *hold {
	h := &hold{arrived: make(chan string, 100), release: make(chan struct{})}
	g.late.Store(customer, h)
	return h
}

// hurry lets later requests through at once. Delayed requests stay delayed.
func (g *gate) hurry(customer string) { g.late.Delete(customer) }

// pass lets the replies to later requests through. Held replies stay held.
func (g *gate) pass(customer string) { g.held.Delete(customer) }

func (h *hold) keep(r *http.Request) {
	h.arrived <- strings.TrimPrefix(r.URL.Path, "/v1/")
	select {
	case <-h.release:
	case <-r.Context().Done():
	}
}

// wait waits until n replies are held.
func (h *hold) wait(t testing.TB, n int) {
	t.Helper()
	deadline := time.After(patience)
	for range n {
		select {
		case <-h.arrived:
		case <-deadline:
			t.Fatal("the answers that were to be held never came")
		}
	}
}

func (h *hold) let() { close(h.release) }
