package jobs

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/pointsync/pointsync/pkg/trace"
)

// TraceIn makes each run of an enqueued job a span of t. Call it before Start.
func (r *Runner) TraceIn(t *trace.Tracer) { r.tracer = t }

// origin is what a job's metadata have: the trace in which it was enqueued.
type origin struct {
	Traceparent string `json:"traceparent"`
}

// metadata returns those of a job that is enqueued now, or nil if there is no trace.
func metadata(ctx context.Context) []byte {
	from := trace.Carry(ctx)
	if from == "" {
		return nil
	}
	text, _ := json.Marshal(origin{from}) // a text always has a form in JSON
	return text
}

// startInsert begins the span of an insertion.
func startInsert(ctx context.Context, kind, queue string) (context.Context, trace.Span) {
	ctx, span := trace.Start(ctx, "enqueue", trace.Producer)
	if span.On() {
		describe(span, "send", kind, queue)
	}
	return ctx, span
}

// describe names a span as OpenTelemetry names those of queues.
func describe(span trace.Span, operation, kind, queue string) {
	span.Name(operation + " " + kind)
	span.Text("messaging.system", "river")
	span.Text("messaging.operation.name", operation)
	span.Text("messaging.operation.type", operation)
	span.Text("messaging.destination.name", queue)
	span.Text("pointsync.job.kind", kind)
}

// traced makes each run of a job a span of the trace in which it was enqueued. Looks have none: most find nothing. What
// they enqueue begins a trace.
type traced struct {
	river.MiddlewareDefaults
	tracer *trace.Tracer
}

// Work does the job within its span.
func (m *traced) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	if m.tracer == nil || job.Queue == looks {
		return work(ctx)
	}
	var from origin
	_ = json.Unmarshal(job.Metadata, &from) // others may have written them; then a trace begins here
	ctx, span := m.tracer.Begin(ctx, "process", trace.Consumer, from.Traceparent)
	describe(span, "process", job.Kind, job.Queue)
	span.Number("messaging.message.id", job.ID)
	span.Number("pointsync.job.attempt", int64(job.Attempt))
	err := work(ctx)
	var again *river.JobSnoozeError
	if errors.As(err, &again) {
		span.End(nil)
	} else {
		span.End(err)
	}
	return err
}
