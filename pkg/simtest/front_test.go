package simtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// front is between the servers and the local Stripe. It can refuse, delay, and tell the wrong time.
type front struct {
	*httptest.Server
	fault atomic.Pointer[func(http.ResponseWriter, *http.Request) (done bool)]
	now   func() time.Time
	skew  atomic.Int64 // nanoseconds by which the servers' clock is ahead of Stripe's
}

func newFront(t testing.TB, stripe string, now func() time.Time) *front {
	t.Helper()
	target, err := url.Parse(stripe)
	if err != nil {
		t.Fatal(err)
	}
	proxy, f := httputil.NewSingleHostReverseProxy(target), &front{now: now}
	f.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_sandbox/clock" {
			told := now().Add(time.Duration(f.skew.Load()))
			fmt.Fprintf(rw, `{"now": %q}`, told.Format(time.RFC3339Nano))
			return
		}
		if fault := f.fault.Load(); fault == nil || !(*fault)(rw, r) {
			proxy.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(func() { f.CloseClientConnections(); f.Close() })
	return f
}

// refuse makes Stripe refuse each request whose path begins so.
func (f *front) refuse(status int, path string) {
	fault := func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, path) {
			return false
		}
		rw.Header().Set("Date", f.now().UTC().Format(http.TimeFormat))
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		fmt.Fprint(rw, `{"error": {"type": "invalid_request_error", "message": "Refused by the test."}}`)
		return true
	}
	f.fault.Store(&fault)
}

// delay makes Stripe slow.
func (f *front) delay(by time.Duration) {
	fault := func(http.ResponseWriter, *http.Request) bool {
		<-time.After(by)
		return false
	}
	f.fault.Store(&fault)
}

// recover ends all faults.
func (f *front) recover() {
	f.fault.Store(nil)
	f.skew.Store(0)
}
