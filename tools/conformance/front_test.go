package conformance

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// front is a sandbox that looks like Stripe's mock. It uses TLS, has the mock's name, and has an object for every id
// that the SDK's tests make up.
type front struct {
	port  string
	seeds *seeder
	next  http.Handler

	mu      sync.Mutex // guards the following fields
	answers []exchange
}

func newFront(t *testing.T) *front {
	t.Helper()
	box, err := sandbox.New(sandbox.Options{Start: time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{seeds: &seeder{next: box.Handler()}, next: box.Handler()}
	server := httptest.NewUnstartedServer(f)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(func() {
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	_, f.port, err = net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ServeHTTP replaces made-up ids with real ones, and records the response.
func (f *front) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock() // one seed at a time
	f.seeds.begin(r, form)
	query := f.replaced(r.URL.Query())
	form = f.replaced(form)
	segments := strings.Split(r.URL.Path, "/")
	for i, segment := range segments {
		if i > 2 { // after /v1/noun
			segments[i] = f.seeds.real("", segment)
		}
	}
	f.mu.Unlock()

	asked := r.Clone(r.Context())
	asked.URL.Path, asked.URL.RawPath, asked.URL.RawQuery = strings.Join(segments, "/"), "", query.Encode()
	encoded := form.Encode()
	asked.Body, asked.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
	kept := httptest.NewRecorder()
	f.next.ServeHTTP(kept, asked)
	f.mu.Lock()
	f.answers = append(
		f.answers, exchange{r.Method, r.URL.Path + " as " + asked.URL.Path, kept.Code, bytes.Clone(kept.Body.Bytes())},
	)
	f.mu.Unlock()
	for name, values := range kept.Header() {
		out.Header()[name] = values
	}
	out.Header().Set("Stripe-Mock-Version", "master")
	out.WriteHeader(kept.Code)
	out.Write(kept.Body.Bytes()) // if this fails, the client has left
}

// replaced replaces the values in the order of their names. A refund's payment_intent is that of its charge, so the
// charge must come first.
func (f *front) replaced(values url.Values) url.Values {
	fresh := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, each := range values[name] {
			fresh.Add(name, f.seeds.real(name, each))
		}
	}
	return fresh
}

func (f *front) all() []exchange {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.answers
}

// madeUp matches ids in the SDK's tests that represent an existing object.
var madeUp = regexp.MustCompile(`^(?:([a-z]+)(?:_test)?_(?:123|abc|ABC|xyz|x{4,})|gold|25OFF|Z4OV52SU)$`)
