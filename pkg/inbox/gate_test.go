package inbox_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// gate is a proxy between us and the sandbox. It counts fetches, fails as networks do, and holds back replies.
type gate struct {
	next    http.Handler
	fetches atomic.Int64
	fault   atomic.Pointer[http.HandlerFunc]
	ids     atomic.Pointer[[]string] // the ids that impersonate renames
}

func (g *gate) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/subscriptions" && r.Method == http.MethodGet {
		g.fetches.Add(1)
	}
	if f := g.fault.Load(); f != nil {
		(*f)(out, r)
		return
	}
	if !g.impersonate(out, r) {
		g.next.ServeHTTP(out, r)
	}
}

// fail sets the reply to every request. nil lets requests pass.
func (g *gate) fail(f http.HandlerFunc) {
	if f == nil {
		g.fault.Store(nil)
		return
	}
	g.fault.Store(&f)
}

// refuses replies as Stripe does when it is down.
func refuses(out http.ResponseWriter, _ *http.Request) {
	out.WriteHeader(http.StatusServiceUnavailable)
}

// hold holds back the replies to requests that come from now on, until let is called. arrived gets a signal for each.
func (g *gate) hold() (arrived <-chan struct{}, let func()) {
	came, released := make(chan struct{}, 100), make(chan struct{})
	g.fail(func(out http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		g.next.ServeHTTP(answer, r)
		came <- struct{}{}
		select {
		case <-released:
		case <-r.Context().Done():
		}
		pass(out, answer, answer.Body.String())
	})
	return came, func() { close(released) }
}
