// Package stripegw owns the conversation with Stripe and is the only package that imports stripe-go. It asks in
// Stripe's words and returns billing's types. It does not know the database, what an order may do next, or what points
// are worth. The caller decides what a response means.
//
// These always hold:
//   - Stripe's secret key appears in no error and no log line.
//   - Every call ends with its context, including its retries.
//   - Every write carries an idempotency key.
//   - An empty id is refused here, because Stripe's list calls would read it as "everyone's".
//   - Objects always have the shape of stripe.APIVersion, no matter which version the account or an event has.
package stripegw

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
)

// callTimeout bounds one call with its retries, if the context does not end sooner.
const callTimeout = 30 * time.Second

// APIVersion is the version of Stripe's API that every call is made in, whatever version an event has.
const APIVersion = stripe.APIVersion

// Options say which Stripe to call, and with which key.
type Options struct {
	Key        string       // sk_… or rk_…
	BaseURL    string       // "" for the real Stripe
	HTTPClient *http.Client // nil for a client of our own
	Logger     *slog.Logger // nil for none; receives stripe-go's own messages at debug level
	Now        func() time.Time
	MaxRetries int64 // after the first attempt; 0 for the usual two, negative for none
	Metrics    *metric.Metrics
}

// Gateway talks to one Stripe account. It may be used by many goroutines at once.
type Gateway struct {
	backend stripe.Backend
	api     *client.API
	key     string
	now     func() time.Time
	prices  priceCache
}

// New checks the options and returns a Gateway. It does not call Stripe.
func New(o Options) (*Gateway, error) {
	base, err := checkTarget(o.Key, o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	config := stripe.BackendConfig{
		// Retries are ours (transport.go), because stripe-go sleeps between attempts without looking at the context.
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		HTTPClient:        newHTTPClient(o),
		LeveledLogger:     &quietLogger{log: o.Logger, key: o.Key},
	}
	// Each kind of backend has its own default host, so each gets the base.
	newBackend := func(kind stripe.SupportedBackend, usual string) stripe.Backend {
		c := config
		c.URL = stripe.String(usual)
		if base != "" {
			c.URL = stripe.String(base)
		}
		return stripe.GetBackendWithConfig(kind, &c)
	}
	backends := &stripe.Backends{
		API:     newBackend(stripe.APIBackend, stripe.APIURL),
		Connect: newBackend(stripe.ConnectBackend, stripe.ConnectURL),
		Uploads: newBackend(stripe.UploadsBackend, stripe.UploadsURL),
	}
	return &Gateway{backend: backends.API, api: client.New(o.Key, backends), key: o.Key, now: o.Now}, nil
}

// checkTarget refuses keys and addresses that are obviously wrong. Its errors never repeat the key.
func checkTarget(key, baseURL string) (string, error) {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the Stripe key is empty or holds characters that no key has")
	}
	if strings.HasPrefix(key, "pk_") {
		return "", errors.New(
			"the Stripe key is a publishable one (pk_…); the server needs a secret one (sk_… or rk_…)",
		)
	}
	if baseURL == "" {
		return "", nil
	}
	baseURL = strings.TrimRight(baseURL, "/")
	u, err := url.Parse(baseURL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "", fmt.Errorf("the Stripe base URL %q is not an http or https address", baseURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the Stripe base URL must not hold a user, a query or a fragment")
	case IsLiveKey(key) && baseURL != stripe.APIURL:
		return "", fmt.Errorf("a live Stripe key goes to %s only, not to %q", stripe.APIURL, baseURL)
	}
	return baseURL, nil
}

// IsLiveKey reports whether a key moves real money.
func IsLiveKey(key string) bool {
	return strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_")
}

// need refuses a call without an id. Such a call is a bug of the caller.
func need(what, id string) error {
	if id == "" {
		return billing.Errorf(billing.EInternal, "%s is missing in a call to Stripe", what)
	}
	return nil
}
