package stripegw_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const testKey = "sk_test_do_not_print_me"

// log collects what a gateway logs, from any goroutine.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newGateway returns a gateway to a Stripe that the test plays itself.
func newGateway(t *testing.T, play http.HandlerFunc, change ...func(*stripegw.Options)) *stripegw.Gateway {
	t.Helper()
	server := httptest.NewServer(play)
	t.Cleanup(server.Close)
	o := stripegw.Options{Key: testKey, BaseURL: server.URL, HTTPClient: server.Client()}
	for _, c := range change {
		c(&o)
	}
	g, err := stripegw.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_1")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

func refuse(w http.ResponseWriter, status int, kind, code, param, message string) {
	answer(
		w, status, fmt.Sprintf(`{"error":{"type":%q,"code":%q,"param":%q,"message":%q}}`, kind, code, param, message),
	)
}

// New accepts only valid options, and no refusal repeats the key.
func TestNew(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		o  stripegw.Options
		ok bool
	}{
		"Real":           {stripegw.Options{Key: "sk_test_x"}, true},
		"RealLive":       {stripegw.Options{Key: "sk_live_x"}, true},
		"RealLiveSpelt":  {stripegw.Options{Key: "rk_live_x", BaseURL: "https://api.stripe.com/"}, true},
		"Sandbox":        {stripegw.Options{Key: "sk_test_x", BaseURL: "http://127.0.0.1:12111"}, true},
		"NoKey":          {stripegw.Options{}, false},
		"KeyWithNewline": {stripegw.Options{Key: "sk_test_x\n"}, false},
		"PublishableKey": {stripegw.Options{Key: "pk_test_x"}, false},
		"LiveKeySandbox": {stripegw.Options{Key: "sk_live_x", BaseURL: "http://127.0.0.1:12111"}, false},
		"LiveKeyInClear": {stripegw.Options{Key: "sk_live_x", BaseURL: "http://api.stripe.com"}, false},
		"NotAnAddress":   {stripegw.Options{Key: "sk_test_x", BaseURL: "127.0.0.1:12111"}, false},
		"OtherScheme":    {stripegw.Options{Key: "sk_test_x", BaseURL: "ftp://example.com"}, false},
		"UserInTheURL":   {stripegw.Options{Key: "sk_test_x", BaseURL: "http://a:b@example.com"}, false},
		"QueryInTheURL":  {stripegw.Options{Key: "sk_test_x", BaseURL: "http://example.com?a=b"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := stripegw.New(test.o)
			if (err == nil) != test.ok {
				t.Errorf("got %v", err)
			}
			if err != nil && test.o.Key != "" && strings.Contains(err.Error(), test.o.Key) {
				t.Errorf("the key is in %q", err)
			}
		})
	}
}

// failureCases are the ways in which Stripe fails, and the resulting errors.
var failureCases = map[string]struct {
	play  http.HandlerFunc
	code  billing.Code
	after time.Duration
}{
	"InvalidKey": {func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 401, "invalid_request_error", "", "", "Invalid API Key provided: "+testKey)
	}, billing.EStripeRefused, 0},
	"BadRequest": {func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 400, "invalid_request_error", "parameter_unknown", "x", "private words")
	}, billing.EStripeRefused, 0},
	"CardDeclined": {func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 402, "card_error", "card_declined", "", "private words")
	}, billing.EStripeRefused, 0},
	"KeyReused": {func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 400, "idempotency_error", "", "", "private words")
	}, billing.EStripeRefused, 0},
	"Conflict": {func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 409, "idempotency_error", "idempotency_key_in_use", "", "private words")
	}, billing.EStripeUnavailable, 2 * time.Second},
	"RateLimited": {func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		refuse(w, 429, "invalid_request_error", "rate_limit", "", "private words")
	}, billing.EStripeUnavailable, 7 * time.Second},
	"RateLimitedForLong": {func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "999999999999")
		refuse(w, 429, "invalid_request_error", "rate_limit", "", "private words")
	}, billing.EStripeUnavailable, time.Minute},
	"Broken": {func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 500, "api_error", "", "", "private words")
	}, billing.EStripeUnavailable, 2 * time.Second},
	"ProxyPage": {func(w http.ResponseWriter, r *http.Request) {
		answer(w, 502, "<html>private words "+testKey)
	}, billing.EStripeUnavailable, 2 * time.Second},
	"CutOff": {func(w http.ResponseWriter, r *http.Request) {
		panic(http.ErrAbortHandler)
	}, billing.EStripeUnavailable, 2 * time.Second},
	"Redirect": {func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}, billing.EStripeUnavailable, 2 * time.Second},
	"EndlessAnswer": {func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, `{"id":"`+strings.Repeat("a", 17<<20))
	}, billing.EStripeUnavailable, 2 * time.Second},
}

// Each kind of response gets its code. Stripe's words stay out of the message, and the key out of everything.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, test := range failureCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logged log
			g := newGateway(t, test.play, func(o *stripegw.Options) {
				o.MaxRetries = -1
				o.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			_, err := g.CreateCustomer(t.Context(), "acc_1", "a@example.com", "")
			var e *billing.Error
			if !errors.As(err, &e) || e.Code != test.code || e.RetryAfter != test.after {
				t.Fatalf("got %v, want %s after %s", err, test.code, test.after)
			}
			if strings.Contains(e.Message, "private") {
				t.Errorf("Stripe's words are in the message %q", e.Message)
			}
			if all := err.Error() + logged.String(); strings.Contains(all, testKey) {
				t.Errorf("the key is in %q", all)
			}
		})
	}
}

// A call that hangs ends with its context, long before the gateway's own thirty seconds. So does a call that fails
// fast and would be retried past the end of its context.
func TestContextEndsCalls(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]http.HandlerFunc{
		"Hanging": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"Failing": func(w http.ResponseWriter, r *http.Request) { refuse(w, 503, "api_error", "", "", "") },
		"Dripping": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, play, func(o *stripegw.Options) { o.MaxRetries = 100 })
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := g.Fetch(ctx, stripegw.Want{Customer: "cus_1"})
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("it went on for %s", took)
			}
			if billing.CodeOf(err) != billing.EStripeUnavailable {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What may succeed later is retried, with the same idempotency key and body. Anything else is not.
func TestRetries(t *testing.T) {
	t.Parallel()
	ok := func(w http.ResponseWriter) { answer(w, 200, `{"id":"cus_1","object":"customer"}`) }
	for name, test := range map[string]struct {
		fail func(w http.ResponseWriter)
		want int64
	}{
		"Conflict":    {func(w http.ResponseWriter) { refuse(w, 409, "api_error", "", "", "") }, 2},
		"Unavailable": {func(w http.ResponseWriter) { refuse(w, 503, "api_error", "", "", "") }, 2},
		"LockTimeout": {
			func(w http.ResponseWriter) { refuse(w, 429, "invalid_request_error", "lock_timeout", "", "") }, 2,
		},
		"Connection": {func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2},
		"ToldTo": {func(w http.ResponseWriter) {
			w.Header().Set("Stripe-Should-Retry", "true")
			refuse(w, 400, "api_error", "", "", "")
		}, 2},
		"ToldNotTo": {func(w http.ResponseWriter) {
			w.Header().Set("Stripe-Should-Retry", "false")
			refuse(w, 409, "api_error", "", "", "")
		}, 1},
		"RateLimit": {
			func(w http.ResponseWriter) { refuse(w, 429, "invalid_request_error", "rate_limit", "", "") }, 1,
		},
		"BrokenPost": {func(w http.ResponseWriter) { refuse(w, 500, "api_error", "", "", "") }, 1},
		"Refused":    {func(w http.ResponseWriter) { refuse(w, 400, "invalid_request_error", "", "", "") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Idempotency-Key") != "customer-acc_1" || r.FormValue("email") != "a@example.com" {
					t.Errorf("key %q, email %q", r.Header.Get("Idempotency-Key"), r.FormValue("email"))
				}
				if calls.Add(1) == 1 {
					test.fail(w)
					return
				}
				ok(w)
			})
			id, err := g.CreateCustomer(t.Context(), "acc_1", "a@example.com", "")
			if calls.Load() != test.want || (err == nil) != (test.want == 2) || (err == nil && id != "cus_1") {
				t.Errorf("%d calls, %q, %v; want %d calls", calls.Load(), id, err, test.want)
			}
		})
	}
}

// A refusal is still reported in full after the body of a 429 was read.
func TestRateLimitKeepsItsWords(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 429, "invalid_request_error", "rate_limit", "", "slow down")
	})
	if _, err := g.Price(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "slow down") {
		t.Errorf("got %v", err)
	}
}

// Without an id nothing is requested, because a list without a customer is everyone's.
func TestEmptyIDsAreRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was asked", r.Method, r.URL) })
	order := billing.Order{ID: "ord_1", AccountID: "acc_1", Kind: billing.KindPack, Quantity: 1}
	for name, call := range map[string]func(context.Context) error{
		"CreateCustomer": func(ctx context.Context) error {
			_, err := g.CreateCustomer(ctx, "", "a@example.com", "")
			return err
		},
		"Fetch":          func(ctx context.Context) error { _, err := g.Fetch(ctx, stripegw.Want{}); return err },
		"PortalURL":      func(ctx context.Context) error { _, err := g.PortalURL(ctx, "", ""); return err },
		"Price":          func(ctx context.Context) error { _, err := g.Price(ctx, ""); return err },
		"CustomerOf":     func(ctx context.Context) error { _, err := g.CustomerOf(ctx, "charge", ""); return err },
		"ExpireCheckout": func(ctx context.Context) error { return g.ExpireCheckout(ctx, "") },
		"DeleteCustomer": func(ctx context.Context) error { return g.DeleteCustomer(ctx, "") },
		"OpenInvoicesOf": func(ctx context.Context) error { return errorOf(g.OpenInvoicesOf(ctx, "")) },
		"CreateCheckout": func(ctx context.Context) error {
			_, err := g.CreateCheckout(ctx, stripegw.NewCheckout{Order: order, Price: "price_1"})
			return err
		},
		"CheckoutOfNoKind": func(ctx context.Context) error {
			odd := order
			odd.Kind = ""
			_, err := g.CreateCheckout(ctx, stripegw.NewCheckout{Order: odd, Price: "price_1", Customer: "cus_1"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(t.Context()); billing.CodeOf(err) != billing.EInternal {
				t.Errorf("got %v", err)
			}
		})
	}
}
