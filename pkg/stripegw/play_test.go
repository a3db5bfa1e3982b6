package stripegw_test

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/stripegw"
)

// script is a Stripe with prepared responses, which records its requests. A response is a body, or "403 code param"
// for a refusal with that code, or "-", and of that parameter. An object without a response is missing.
type script struct {
	answers map[string]string // by "GET /v1/path"; "GET /v1/path since" is for a list from a time on
	always  string            // unless it is empty, the response to everything
	mu      sync.Mutex
	asked   []string // "GET /v1/path a=1&b=2 key"
}

func newScript(
	t *testing.T, answers map[string]string, change ...func(*stripegw.Options),
) (*stripegw.Gateway, *script) {
	t.Helper()
	s := &script{answers: answers}
	return newGateway(t, s.ServeHTTP, append(change, func(o *stripegw.Options) { o.MaxRetries = -1 })...), s
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	form := "form does not parse"
	if err := r.ParseForm(); err == nil {
		form, _ = url.QueryUnescape(r.Form.Encode())
	}
	call := r.Method + " " + r.URL.Path
	s.mu.Lock()
	key := r.Header.Get("Idempotency-Key")
	if r.Method == http.MethodGet {
		key = ""
	}
	s.asked = append(
		s.asked,
		strings.TrimSpace(
			strings.Join(slices.DeleteFunc([]string{call, form, key}, func(s string) bool { return s == "" }), " "),
		),
	)
	body, known := s.answers[call+" since"]
	if !known || !r.Form.Has("created[gte]") {
		body, known = s.answers[call]
	}
	if s.always != "" {
		body, known = s.always, true
	}
	s.mu.Unlock()
	first, rest, _ := strings.Cut(body, " ")
	code, param, _ := strings.Cut(strings.TrimPrefix(rest, "-"), " ")
	status, err := strconv.Atoi(first)
	switch {
	case !known:
		refuse(w, http.StatusNotFound, "invalid_request_error", "resource_missing", "id", "No such object")
	case err == nil:
		refuse(w, status, "invalid_request_error", code, param, "private words")
	default:
		answer(w, http.StatusOK, body)
	}
}

// calls returns the requests since the last call.
func (s *script) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func ptr[T any](v T) *T { return &v }
