package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The standard variables that say whether there are traces. OpenTelemetry reads the others itself: where to send them,
// with which headers, how many of them.
const (
	endpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	protocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	tracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	exporter       = "OTEL_TRACES_EXPORTER"
	disabled       = "OTEL_SDK_DISABLED"
)

// FromEnvironment returns a Tracer as the standard variables describe it, or nil if they name no endpoint or switch
// traces off. An error names the variable, and not its value.
func FromEnvironment(ctx context.Context, version string, log *slog.Logger) (*Tracer, error) {
	if os.Getenv(endpoint) == "" && os.Getenv(tracesEndpoint) == "" ||
		strings.EqualFold(os.Getenv(disabled), "true") || os.Getenv(exporter) == "none" {
		return nil, nil
	}
	if err := checkEnvironment(); err != nil {
		return nil, err
	}
	otel.SetErrorHandler(&complaints{log: log})
	return New(ctx, version)
}

// New returns a Tracer. What to does not say, the standard variables do.
func New(ctx context.Context, version string, to ...otlptracehttp.Option) (*Tracer, error) {
	out, err := otlptracehttp.New(ctx, to...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "pointsync"), attribute.String("service.version", version),
		),
		resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return &Tracer{sdktrace.NewTracerProvider(sdktrace.WithBatcher(out), sdktrace.WithResource(about))}, nil
}

// checkEnvironment refuses what OpenTelemetry would replace by a default.
func checkEnvironment() error {
	for _, name := range []string{endpoint, tracesEndpoint} {
		address := os.Getenv(name)
		if u, err := url.Parse(address); address != "" &&
			(err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%s must be an address such as http://127.0.0.1:4318", name)
		}
	}
	for _, name := range []string{protocol, tracesProtocol} {
		if p := os.Getenv(name); p != "" && p != "http/protobuf" {
			return fmt.Errorf("%s must be http/protobuf: nothing else is spoken", name)
		}
	}
	if e := os.Getenv(exporter); e != "" && e != "otlp" {
		return fmt.Errorf("%s must be otlp or none", exporter)
	}
	return nil
}

// complaintEvery is the least time between two lines about traces that could not be exported.
const complaintEvery = int64(time.Minute)

// complaints logs what OpenTelemetry could not do. A receiver that is down fails every few seconds.
type complaints struct {
	log  *slog.Logger
	last atomic.Int64
}

// Handle logs an error, at most once a minute.
func (c *complaints) Handle(err error) {
	now, last := time.Now().UnixNano(), c.last.Load()
	if now-last >= complaintEvery && c.last.CompareAndSwap(last, now) {
		c.log.Warn("traces could not be exported", "error", err)
	}
}
