package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// spec is openapi.yaml as its readers see it, with the library's own router. It shares nothing with the checks inside
// the API.
type spec struct {
	doc    *openapi3.T
	router routers.Router
}

var openSpec = sync.OnceValues(func() (*spec, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("../openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // the router would look for the host
	router, err := legacy.NewRouter(doc)
	return &spec{doc, router}, err
})

// init makes the library treat pages and documents as text.
func init() {
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/markdown", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.PlainBodyDecoder)
}

// holdAgainstContract proves the contract in both directions: it declares the response, and a request that it does not
// declare was not served. It returns the operation's id, or "" for an address outside the contract.
func holdAgainstContract(req *http.Request, sent string, a answer) (operation string, err error) {
	s, err := openSpec()
	if err != nil {
		return "", err
	}
	if a.status >= 400 && req.Method != http.MethodHead {
		if err := s.holdProblem(a); err != nil {
			return "", err
		}
	}
	route, params, err := s.router.FindRoute(req)
	path := req.URL.EscapedPath()
	if err != nil || strings.HasSuffix(path, "/") || strings.Contains(path, "%2F") ||
		strings.Count(path, "/") != strings.Count(route.Path, "/") { // it takes /sessions for /sessions/{session_id}
		return "", nil // the router is more lenient here than we are
	}
	req.Body = io.NopCloser(strings.NewReader(sent))
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
		}}
	if a.status < 400 {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			return "", fmt.Errorf("served although the contract does not know the request: %w", err)
		}
	}
	if a.status == http.StatusMethodNotAllowed || a.status == http.StatusInternalServerError {
		return "", fmt.Errorf("no operation may answer this")
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in,
		Status:                 a.status,
		Header:                 a.header,
		Body:                   io.NopCloser(bytes.NewReader(a.raw)),
		Options:                in.Options,
	})
	if err == nil {
		err = declaredHeaders(route.Operation, a)
	}
	return route.Operation.OperationID, err
}

// holdProblem checks what all errors have in common.
func (s *spec) holdProblem(a answer) error {
	var body any
	if err := json.Unmarshal(a.raw, &body); err != nil {
		return fmt.Errorf("a problem that is not JSON: %w", err)
	}
	id := a.header.Get("X-Request-Id")
	switch {
	case a.header.Get("Content-Type") != "application/problem+json":
		return errors.New("an error that is not application/problem+json")
	case a.number("status") != a.status:
		return errors.New("the problem's status is not the answer's")
	case id == "" || a.text("request_id") != id:
		return errors.New("request_id is not the header X-Request-Id")
	case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "":
		return errors.New("503 without Retry-After")
	case a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") == "":
		return errors.New("401 without WWW-Authenticate")
	}
	return s.doc.Components.Schemas["Problem"].Value.VisitJSON(body)
}

// declaredHeaders requires that the contract declares each header of ours in the response.
func declaredHeaders(op *openapi3.Operation, a answer) error {
	for _, name := range []string{"Idempotent-Replayed", "Retry-After"} {
		if a.header.Get(name) == "" {
			continue
		}
		if r := op.Responses.Status(a.status); r == nil || r.Value.Headers[name] == nil {
			return fmt.Errorf("the header %s is not in the contract for %d", name, a.status)
		}
	}
	return nil
}

// unseen returns the operations of the contract that were not yet called with success.
func (w *world) unseen(t *testing.T) (missing []string) {
	t.Helper()
	s, err := openSpec()
	must(t, err)
	for _, item := range s.doc.Paths.Map() {
		for _, op := range item.Operations() {
			if _, ok := w.seen.Load(op.OperationID); !ok {
				missing = append(missing, op.OperationID)
			}
		}
	}
	slices.Sort(missing)
	return missing
}
