package housetest

import (
	"io"
	"net/http"
	"sync"
)

// Gate is a proxy between the gateways and the sandbox. It counts requests. When a test says so, it fails as networks
// do, or responds in the sandbox's place.
type Gate struct {
	Stripe http.Handler // the sandbox

	mu     sync.Mutex
	asked  map[string]int   // by method and path
	held   map[string]*Held // by the customer whose lists are held
	answer http.HandlerFunc // responds in Stripe's place; nil if requests pass
	over   chan struct{}    // closed when answer is replaced
}

func newGate(stripe http.Handler) *Gate {
	return &Gate{Stripe: stripe, asked: map[string]int{}, held: map[string]*Held{}, over: make(chan struct{})}
}

// ServeHTTP counts a request. Then it passes the request on, holds it back, or fails.
func (g *Gate) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.asked[r.Method+" "+r.URL.Path]++
	answer, held := g.answer, g.held[r.URL.Query().Get("customer")]
	g.mu.Unlock()
	switch {
	case answer != nil:
		answer(out, r)
	case held != nil:
		held.serve(out, r, g.Stripe)
	default:
		g.Stripe.ServeHTTP(out, r)
	}
}

// Asked returns how many requests came so far, such as "GET /v1/subscriptions".
func (g *Gate) Asked(request string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked[request]
}

// Intercept makes answer respond to every request from now on. It can pass some of them on to g.Stripe.
func (g *Gate) Intercept(answer http.HandlerFunc) { g.replace(answer, make(chan struct{})) }

// Open ends what Intercept, Refuse, Drop, Hang or Gather began.
func (g *Gate) Open() { g.replace(nil, make(chan struct{})) }

// Refuse fails every request as Stripe does when it is down.
func (g *Gate) Refuse() {
	g.Intercept(func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusServiceUnavailable) })
}

// Drop ends the connection of every request.
func (g *Gate) Drop() {
	g.Intercept(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Hang never responds. A request ends when its caller leaves, or when the gate does something else: a job that hangs
// must not delay the end of a test.
func (g *Gate) Hang() {
	over := make(chan struct{})
	g.replace(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the caller has left
		select {
		case <-r.Context().Done():
		case <-over:
		}
		panic(http.ErrAbortHandler)
	}, over)
}

// replace changes who responds. over is closed as soon as that changes again.
func (g *Gate) replace(answer http.HandlerFunc, over chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.over)
	g.answer, g.over = answer, over
}
