// Package trace owns the traces that a process exports, and is the only package that knows OpenTelemetry. A trace is a
// tree of spans: a request, the statements and the calls of Stripe that it makes, the jobs that it enqueues.
//
// A span is begun by Start, below the span in the context. So a room that traces a step needs no tracer: without a span
// in the context, Start does nothing. Only what begins a trace, a request or a job, needs a Tracer, and a nil one
// begins none. No span has an email, an address, a parameter of SQL, or an id of a customer's
// at Stripe.
package trace

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/pointsync/pointsync/pkg/billing"
)

// scope names this program as the one that made the spans.
const scope = "github.com/pointsync/pointsync"

// Kind is what a span is to the process on the other side, if there is one.
type Kind int

// The kinds of spans.
const (
	Internal Kind = Kind(oteltrace.SpanKindInternal)
	Server   Kind = Kind(oteltrace.SpanKindServer)
	Client   Kind = Kind(oteltrace.SpanKindClient)
	Producer Kind = Kind(oteltrace.SpanKindProducer)
	Consumer Kind = Kind(oteltrace.SpanKindConsumer)
)

// Tracer begins traces. A nil Tracer begins none.
type Tracer struct{ provider *sdktrace.TracerProvider }

// Close exports what is left. The spans that end afterwards are lost.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Begin begins a span whose parent is another process's or an earlier one's: a traceparent of W3C, or "" for a new
// trace. It is also a new trace if the text is malformed.
func (t *Tracer) Begin(ctx context.Context, name string, kind Kind, parent string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	return begin(contextOf(ctx, parent), t.provider, name, kind)
}

// Request begins the span of a request, below the span that its header traceparent names.
func (t *Tracer) Request(r *http.Request, name string) (context.Context, Span) {
	if t == nil {
		return r.Context(), Span{}
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return begin(ctx, t.provider, name, Server)
}

// Start begins a span below the one in the context, or none if there is none that is exported.
func Start(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	parent := oteltrace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Span{}
	}
	return begin(ctx, parent.TracerProvider(), name, kind)
}

func begin(ctx context.Context, p oteltrace.TracerProvider, name string, kind Kind) (context.Context, Span) {
	ctx, span := p.Tracer(scope).Start(ctx, name, oteltrace.WithSpanKind(oteltrace.SpanKind(kind)))
	if !span.IsRecording() { // it was not sampled, and the context says so to what follows
		return ctx, Span{}
	}
	return ctx, Span{span}
}

// Span is a step that is under way. The zero Span is none, and its methods do nothing.
type Span struct{ span oteltrace.Span }

// On reports whether the span is exported.
func (s Span) On() bool { return s.span != nil }

// Within returns a context in which spans begin below this one.
func (s Span) Within(ctx context.Context) context.Context {
	if s.span == nil {
		return ctx
	}
	return oteltrace.ContextWithSpan(ctx, s.span)
}

// Name changes the name, for a span whose work is known only at its end.
func (s Span) Name(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// Text sets an attribute, unless it is empty.
func (s Span) Text(key, value string) {
	if s.span != nil && value != "" {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// Number sets an attribute.
func (s Span) Number(key string, value int64) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int64(key, value))
	}
}

// Link says that the span was caused by others too. origins are what Carry returned there; "" adds nothing.
func (s Span) Link(origins ...string) {
	if s.span == nil {
		return
	}
	for _, origin := range origins {
		if of := oteltrace.SpanContextFromContext(contextOf(context.Background(), origin)); of.IsValid() {
			s.span.AddLink(oteltrace.Link{SpanContext: of})
		}
	}
}

// Fail marks the span as failed for a reason of few values. The text of an error never gets into a span: it may name a
// customer.
func (s Span) Fail(why string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String("error.type", why))
		s.span.SetStatus(codes.Error, "")
	}
}

// End ends the span. If err is not nil, the span has failed with its code.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.Fail(reasonOf(err))
	}
	s.span.End()
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return string(billing.CodeOf(err))
}

const traceparent = "traceparent"

// Carry returns the span of the context as a text to be stored, which Begin and Link take, or "" if there is none.
func Carry(ctx context.Context) string {
	if !oteltrace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	header := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, header)
	return header[traceparent]
}

// Inject adds the span of the context to the headers of a request to another process.
func Inject(ctx context.Context, h http.Header) {
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
}

// contextOf returns a context whose spans begin below the one that a text names.
func contextOf(ctx context.Context, origin string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: origin})
}
