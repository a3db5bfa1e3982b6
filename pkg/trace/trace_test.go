package trace_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/trace"
	"github.com/pointsync/pointsync/pkg/trace/tracetest"
)

// TestOff proves that nothing is exported unless the environment names an endpoint and switches nothing off. A nil
// Tracer and a context without a span cost no memory, believe no header and change no log line.
func TestOff(t *testing.T) {
	receiver := tracetest.New(t)
	for _, off := range []map[string]string{
		{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.URL, "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": receiver.URL, "OTEL_TRACES_EXPORTER": "none"},
	} {
		for name, value := range off {
			t.Setenv(name, value)
		}
		if tracer, err := trace.FromEnvironment(t.Context(), "test", slog.Default()); err != nil || tracer != nil {
			t.Errorf("%v: %v", off, err)
		}
	}
	var tracer *trace.Tracer
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ctx, span := tracer.Request(r, "GET")
	if span.On() || trace.Carry(ctx) != "" || tracer.Close(t.Context()) != nil {
		t.Error("a nil Tracer makes a span")
	}
	if n := testing.AllocsPerRun(100, func() { step(ctx) }); n != 0 {
		t.Errorf("a step that is not traced allocates %v times", n)
	}
	var out bytes.Buffer
	slog.New(trace.Logs(slog.NewJSONHandler(&out, nil))).InfoContext(ctx, "hello")
	if strings.Contains(out.String(), "trace_id") || receiver.Requests() != 0 {
		t.Errorf("%d requests, and the line is %s", receiver.Requests(), out.String())
	}
}

// step is a step as rooms have them.
func step(ctx context.Context) {
	ctx, span := trace.Start(ctx, "step", trace.Internal)
	span.Text("pointsync.sync.cause", "spend")
	span.Number("pointsync.job.attempt", 1)
	_ = span.Within(ctx)
	span.End(nil)
}

// BenchmarkOff measures a step that is not traced.
func BenchmarkOff(b *testing.B) {
	type key struct{ n int }
	ctx := b.Context()
	for i := range 10 { // as deep as that of a statement
		ctx = context.WithValue(ctx, key{i}, i)
	}
	for b.Loop() {
		step(ctx)
	}
}

// TestMistakes proves that a setting that OpenTelemetry would ignore is refused by name.
func TestMistakes(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "ftp://x",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
		"OTEL_TRACES_EXPORTER": "zipkin",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
			t.Setenv(name, value)
			_, err := trace.FromEnvironment(t.Context(), "test", slog.Default())
			if err == nil || !strings.HasPrefix(err.Error(), name+" must be ") || strings.Contains(err.Error(), value) {
				t.Errorf("%s: %v", value, err)
			}
		})
	}
}

// TestSpans proves what a span exports: where it belongs, that it failed and why, but never the text of an error. A
// trace continues from the text of Carry and from a header, and log lines have its ids. What the caller did not sample
// is not exported, and neither is what follows from it.
func TestSpans(t *testing.T) {
	t.Parallel()
	receiver := tracetest.New(t)
	tracer := receiver.Tracer(t)
	ctx, root := tracer.Begin(t.Context(), "root", trace.Server, "")
	_, child := trace.Start(ctx, "child", trace.Client)
	child.End(errors.New("ada@example.com has no points"))
	from := trace.Carry(ctx)
	_, later := tracer.Begin(context.Background(), "later", trace.Consumer, from)
	later.Link(from)
	later.Link("nonsense")
	later.End(nil)
	h := http.Header{}
	trace.Inject(ctx, h)
	var out bytes.Buffer
	log := slog.New(trace.Logs(slog.NewJSONHandler(&out, nil))).With("a", 1).WithGroup("g")
	log.InfoContext(ctx, "hello")
	root.End(nil)
	unsampled, none := tracer.Begin(t.Context(), "no", trace.Server, strings.TrimSuffix(from, "01")+"00")
	carried := trace.Carry(unsampled)
	if _, below := trace.Start(unsampled, "no", trace.Internal); none.On() || below.On() ||
		!strings.HasSuffix(carried, "-00") {
		t.Errorf("what was not sampled: %v, carried %s", none.On(), carried)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := map[string]tracetest.Span{}
	for _, s := range receiver.Spans() {
		spans[s.Name] = s
	}
	r, c, l := spans["root"], spans["child"], spans["later"]
	if len(spans) != 3 || r.Parent != "" || c.Parent != r.ID || l.Parent != r.ID || l.Trace != r.Trace {
		t.Errorf("the tree is %v", spans)
	}
	if len(l.Links) != 1 || l.Links[0] != r.ID || h.Get("Traceparent") != from || !strings.Contains(from, r.ID) {
		t.Errorf("the links are %v, and the header is %v", l.Links, h)
	}
	if !c.Failed || c.Attributes["error.type"] != "internal" || strings.Contains(c.Raw, "ada@") || r.Failed {
		t.Errorf("the failed step is %v", c)
	}
	if said := out.String(); !strings.Contains(said, r.Trace) || !strings.Contains(said, r.ID) {
		t.Errorf("the line is %s, the trace %s", said, r.Trace)
	}
}
