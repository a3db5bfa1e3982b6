package outbox

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/trace"
)

const (
	// attemptTimeout is how long an endpoint may take to answer, as the scheme recommends.
	attemptTimeout = 15 * time.Second
	// maxAnswer is how many bytes of an answer are read and thrown away, so that the connection can be used again.
	maxAnswer   = 64 << 10
	maxErrorLen = 300
	// minPause and maxPause limit what a Retry-After can ask for. The first keeps "0" from asking for a storm, and the
	// second keeps a mistake from silencing an endpoint for days.
	minPause = time.Second
	maxPause = time.Hour
)

// answer is the result of one attempt.
type answer struct {
	status     int64  // 0 if there was none
	err        string // "" if the endpoint accepted
	retryAfter string // the header
}

// pause returns how long the endpoint asks to be sent nothing, or 0 if it does not ask.
func (a answer) pause(now time.Time) time.Duration {
	if a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable {
		return 0
	}
	seconds, err := strconv.ParseUint(a.retryAfter, 10, 32)
	if err == nil || errors.Is(err, strconv.ErrRange) { // ErrRange: the number is the largest
		return min(max(time.Duration(seconds)*time.Second, minPause), maxPause)
	}
	at, err := http.ParseTime(a.retryAfter)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), minPause), maxPause)
}

// newClient returns a client that sends to endpoints. It follows no redirect, because the signature is for one address
// alone, and it uses no proxy. local lets it connect to this machine and to private networks.
func newClient(local bool) *http.Client {
	dialer := &net.Dialer{Timeout: attemptTimeout}
	if !local {
		// Checked at the connection itself, because a name may lead elsewhere than when the endpoint was added.
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			if host, _, err := net.SplitHostPort(address); err != nil || isLocal(host) {
				return errors.New("its name leads to this machine or a private network")
			}
			return nil
		}
	}
	return &http.Client{
		Timeout: attemptTimeout,
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			ForceAttemptHTTP2:   true,
			TLSHandshakeTimeout: attemptTimeout,
			IdleConnTimeout:     time.Minute,
			MaxIdleConnsPerHost: atOnce, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// send makes one attempt.
func send(ctx context.Context, client *http.Client, w billing.Webhook, d billing.Delivery, now time.Time) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, strings.NewReader(d.Body))
	if err != nil {
		return answer{err: plain(err)}
	}
	signature, err := sign(w, d, now)
	if err != nil {
		return answer{err: plain(err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pointsync")
	req.Header.Set(standardwebhooks.HeaderWebhookID, string(d.ID))
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	ctx, span := trace.Start(ctx, "POST", trace.Client)
	trace.Inject(ctx, req.Header) // the endpoint is the operator's, and its spans may belong to the same trace
	resp, err := client.Do(req)
	if span.On() {
		endSpan(span, w, resp, err)
	}
	if err != nil {
		return answer{err: plain(err)}
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // the status alone decides
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer{
			int64(resp.StatusCode), "the endpoint responded " + strconv.Itoa(resp.StatusCode),
			strings.TrimSpace(resp.Header.Get("Retry-After")),
		}
	}
	return answer{status: int64(resp.StatusCode)}
}

// endSpan ends the span of an attempt. It names the webhook and not its address, in which an operator may have put a
// secret.
func endSpan(span trace.Span, w billing.Webhook, resp *http.Response, err error) {
	span.Text("http.request.method", http.MethodPost)
	span.Text("pointsync.webhook.id", string(w.ID))
	if resp != nil {
		span.Number("http.response.status_code", int64(resp.StatusCode))
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			span.Fail(strconv.Itoa(resp.StatusCode))
		}
	}
	span.End(err)
}

// sign signs with the secret, and also with each old one until its time.
func sign(w billing.Webhook, d billing.Delivery, now time.Time) (string, error) {
	secrets := []billing.SigningSecret{w.Secret}
	for _, old := range w.OldSecretsAt(now) {
		secrets = append(secrets, old.Secret)
	}
	var signatures []string
	for _, s := range secrets {
		signer, err := standardwebhooks.NewWebhook(s.Reveal())
		if err != nil {
			return "", errors.New("a secret of this webhook is not base64") // the cause might repeat it
		}
		signature, err := signer.Sign(string(d.ID), now, []byte(d.Body))
		if err != nil {
			return "", err
		}
		signatures = append(signatures, signature)
	}
	return strings.Join(signatures, " "), nil
}

// plain returns what went wrong, without the address, in which an operator may have put a secret.
func plain(err error) string {
	var of *url.Error
	if errors.As(err, &of) {
		if of.Timeout() {
			return "the endpoint did not respond in time"
		}
		err = of.Err
	}
	return billing.Storable(err.Error(), maxErrorLen)
}
