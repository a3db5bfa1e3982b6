package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/pointsync/pointsync/api"
)

// requestLines is the log of `dev`: it prints each request of the API in a line for people. `serve` writes the same
// records as JSON. Other records are warnings and faults, and go on to the handler below.
type requestLines struct {
	slog.Handler
	out   io.Writer
	mu    *sync.Mutex
	quiet bool // no lines about requests
}

// newDevLog returns a log that prints requests to out, unless quiet, and warnings to warnings.
func newDevLog(out, warnings io.Writer, quiet bool) *slog.Logger {
	below := slog.NewTextHandler(warnings, &slog.HandlerOptions{Level: slog.LevelWarn})
	return slog.New(requestLines{Handler: below, out: out, mu: &sync.Mutex{}, quiet: quiet})
}

// Enabled reports whether a record of this level can be printed.
func (r requestLines) Enabled(ctx context.Context, level slog.Level) bool {
	return !r.quiet && level == slog.LevelInfo || r.Handler.Enabled(ctx, level)
}

// Handle prints a request, or passes a warning on. Other records of slog.LevelInfo are dropped.
func (r requestLines) Handle(ctx context.Context, record slog.Record) error {
	if r.Handler.Enabled(ctx, record.Level) {
		return r.Handler.Handle(ctx, record)
	}
	if record.Message != api.RequestLogged {
		return nil
	}
	line := requestLine(record)
	if line == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := io.WriteString(r.out, line)
	return err
}

// WithAttrs keeps the lines.
func (r requestLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	r.Handler = r.Handler.WithAttrs(attrs)
	return r
}

// WithGroup keeps the lines.
func (r requestLines) WithGroup(name string) slog.Handler {
	r.Handler = r.Handler.WithGroup(name)
	return r
}

// unprinted are the operations of the contract that are pages, or that programs ask again and again.
var unprinted = map[string]bool{
	"getHealth": true, "getReadiness": true, "getMetrics": true, "getOpenAPI": true, "getDocs": true,
	"getProblem": true, "getGuide": true, "getLLMsText": true,
}

// requestLine returns what `dev` prints about a request, or "" if it prints nothing: pages and their files, health
// checks and successful preflights are not calls of the API.
func requestLine(record slog.Record) string {
	of := map[string]slog.Value{}
	record.Attrs(func(a slog.Attr) bool {
		of[a.Key] = a.Value
		return true
	})
	text := func(key string) string {
		if v, ok := of[key]; ok {
			return v.String()
		}
		return ""
	}
	status, operation, route := of["status"].Int64(), text("operation"), text("route")
	switch {
	case unprinted[operation]:
		return ""
	case operation == "" && status < http.StatusBadRequest, text("path") == "/favicon.ico":
		return ""
	case route == "":
		route = text("path")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-6s %-32s %d", record.Time.Format("15:04:05"), text("method"), route, status)
	for _, more := range []string{text("problem"), text("account")} {
		if more != "" {
			b.WriteString(" " + more)
		}
	}
	fmt.Fprintf(&b, " %d ms\n", of["ms"].Int64())
	return b.String()
}
