// Package tracetest receives traces in tests, as an OpenTelemetry collector does: by OTLP over HTTP. It refuses to know
// what the spans mean.
package tracetest

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pointsync/pointsync/pkg/trace"
)

// Span is a span that was received.
type Span struct {
	Name, Kind        string
	Trace, ID, Parent string            // in hexadecimal digits; Parent is "" at the root
	Attributes        map[string]string // each value as text
	Links             []string          // the ids of the spans that it links to
	Failed            bool
	Raw               string // all of it, to look for what must not be there
}

// Receiver takes spans.
type Receiver struct {
	URL string

	mu       sync.Mutex
	spans    []Span
	requests int
}

// New returns a receiver that ends with the test.
func New(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := r.take(req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// Tracer returns a tracer that exports to the receiver.
func (r *Receiver) Tracer(t testing.TB) *trace.Tracer {
	t.Helper()
	tracer, err := trace.New(t.Context(), "test", otlptracehttp.WithEndpointURL(r.URL+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// Spans returns the spans until now.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Span(nil), r.spans...)
}

// Requests returns how many requests came, whatever they held.
func (r *Receiver) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

func (r *Receiver) take(req *http.Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	var in io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(req.Body)
		if err != nil {
			return err
		}
		in = plain
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var batch collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &batch); err != nil {
		return err
	}
	for _, of := range batch.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, spanOf(s, of.Resource.Attributes))
			}
		}
	}
	return nil
}

// spanOf reads a span. Its attributes are also those of the process.
func spanOf(s *traces.Span, process []*common.KeyValue) Span {
	out := Span{
		Name: s.Name, Kind: s.Kind.String(), Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId),
		Parent: hex.EncodeToString(s.ParentSpanId), Attributes: map[string]string{},
		Failed: s.Status.GetCode() == traces.Status_STATUS_CODE_ERROR, Raw: s.String(),
	}
	for _, a := range append(process, s.Attributes...) {
		value := a.Value.GetStringValue()
		if n, ok := a.Value.Value.(*common.AnyValue_IntValue); ok {
			value = strconv.FormatInt(n.IntValue, 10)
		}
		out.Attributes[a.Key] = value
	}
	for _, l := range s.Links {
		out.Links = append(out.Links, hex.EncodeToString(l.SpanId))
	}
	return out
}
