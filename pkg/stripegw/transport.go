package stripegw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/trace"
)

const (
	usualRetries    = 2
	firstPause      = 250 * time.Millisecond
	maxAnswerBytes  = 16 << 20 // a page of 100 invoices with their lines has about 3 MB
	maxRefusalBytes = 1 << 20
)

// newHTTPClient returns a client for stripe-go that retries and counts requests, and bounds responses. It does not
// follow redirects. Stripe's API sends none, so a redirect comes from something in between, which must not receive the
// key.
func newHTTPClient(o Options) *http.Client {
	var c http.Client
	if o.HTTPClient != nil {
		c = *o.HTTPClient
	}
	if c.Timeout == 0 {
		c.Timeout = callTimeout
	}
	retries := o.MaxRetries
	if retries == 0 {
		retries = usualRetries
	}
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	c.Transport = &retrier{next: &counted{next, o.Metrics, o.Now}, retries: int(max(retries, 0))}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// counted counts each attempt of a request, and how long the response took to begin. An attempt that the caller gave
// up, as when another request for the same picture failed, says nothing about Stripe and is not counted.
type counted struct {
	next    http.RoundTripper
	metrics *metric.Metrics
	now     func() time.Time
}

func (t *counted) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	_, span := trace.Start(req.Context(), "Stripe", trace.Client)
	resp, err := t.next.RoundTrip(req)
	if span.On() {
		endSpan(span, req, resp, err)
	}
	status := 0
	switch {
	case errors.Is(err, context.Canceled):
		return resp, err
	case err == nil:
		status = resp.StatusCode
	}
	took := time.Since(began)
	t.metrics.StripeRequest(req.Method, req.URL.Path, status, took)
	if resp != nil && took < soon {
		t.compareClocks(resp.Header.Get("Date"))
	}
	return resp, err
}

// soon is how fast a response must be to say what Stripe's time is now.
const soon = 2 * time.Second

// compareClocks notes how far our clock is ahead of the time that Stripe dated a response with. That time has whole
// seconds, so half a second has passed since on average.
func (t *counted) compareClocks(date string) {
	if at, err := http.ParseTime(date); err == nil {
		t.metrics.StripeClock(t.now().Sub(at.Add(time.Second / 2)))
	}
}

// endSpan ends the span of an attempt. It has the operation and not the address, in which ids are. Stripe gets no
// traceparent.
func endSpan(span trace.Span, req *http.Request, resp *http.Response, err error) {
	span.Name(metric.StripeOperation(req.Method, req.URL.Path))
	span.Text("http.request.method", req.Method)
	span.Text("server.address", req.URL.Hostname())
	if resp != nil {
		span.Number("http.response.status_code", int64(resp.StatusCode))
		span.Text("pointsync.stripe.request_id", resp.Header.Get("Request-Id"))
		if resp.StatusCode >= http.StatusBadRequest {
			span.Fail(strconv.Itoa(resp.StatusCode))
		}
	}
	span.End(err)
}

// retrier retries a request if Stripe's rules say that this is safe and useful. It gives up, and returns the last
// response, rather than wait past the end of the request's context.
type retrier struct {
	next    http.RoundTripper
	retries int
}

func (t *retrier) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		resp, err := t.next.RoundTrip(req)
		if resp != nil {
			resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswerBytes)
		}
		if attempt >= t.retries || !worthRepeating(req, resp, err) || !pause(req, attempt) {
			return resp, err
		}
		if resp != nil {
			resp.Body.Close() // losing a reusable connection costs less than reading a refusal to its end
		}
		again := req.Clone(req.Context())
		if req.GetBody != nil {
			if again.Body, err = req.GetBody(); err != nil {
				return nil, fmt.Errorf("repeat the request: %w", err)
			}
		}
		req = again
	}
}

// pause waits before the next attempt, longer each time and never twice the same. If the context would end first, it
// returns false at once. These are real seconds, because contexts know no other clock.
func pause(req *http.Request, attempt int) bool {
	wait := firstPause * time.Duration(1+attempt*attempt)
	wait += rand.N(wait / 4)
	if end, ok := req.Context().Deadline(); ok && time.Until(end) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-req.Context().Done():
		return false
	}
}

// worthRepeating reports whether to retry. It follows Stripe's advice header first, then the rules of Stripe's own
// libraries. Conflicts and lock timeouts pass. More requests do not help against a rate limit. Stripe keeps the
// response to a failed POST under its idempotency key, so repeating it brings the same failure.
// Source: https://stripe.com/docs/error-low-level and stripe-go v76, shouldRetry.
func worthRepeating(req *http.Request, resp *http.Response, err error) bool {
	write := req.Method != http.MethodGet && req.Method != http.MethodHead
	if req.Context().Err() != nil || (write && req.Header.Get("Idempotency-Key") == "") {
		return false
	}
	if err != nil {
		return true
	}
	switch advice := resp.Header.Get("Stripe-Should-Retry"); {
	case advice == "true" || advice == "false":
		return advice == "true"
	case resp.StatusCode == http.StatusConflict, resp.StatusCode == http.StatusServiceUnavailable:
		return true
	case resp.StatusCode == http.StatusTooManyRequests:
		return isLockTimeout(resp)
	}
	return resp.StatusCode >= http.StatusInternalServerError && !write
}

// isLockTimeout reads the body of a 429 and puts it back.
func isLockTimeout(resp *http.Response) bool {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusalBytes))
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil && bytes.Contains(body, []byte(`"lock_timeout"`))
}

// quietLogger turns stripe-go's messages, which go to the terminal by default, into debug records. It drops Debugf
// entirely, which a log level would not do. Debugf receives whole responses, which may contain a new endpoint's
// signing secret.
type quietLogger struct {
	log *slog.Logger
	key string
}

func (*quietLogger) Debugf(string, ...any) {}

func (q *quietLogger) Infof(format string, args ...any)  { q.write(format, args) }
func (q *quietLogger) Warnf(format string, args ...any)  { q.write(format, args) }
func (q *quietLogger) Errorf(format string, args ...any) { q.write(format, args) }

func (q *quietLogger) write(format string, args []any) {
	q.log.Debug("stripe-go: " + scrub(fmt.Sprintf(format, args...), q.key))
}

// scrub removes the key from a text that other code wrote.
func scrub(text, key string) string { return strings.ReplaceAll(text, key, "[key]") }

// scrubbed returns err, or a new error with its text and without the key, if the text contains the key.
func scrubbed(err error, key string) error {
	if text := err.Error(); strings.Contains(text, key) {
		return errors.New(scrub(text, key))
	}
	return err
}
