package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	// fetchFloor is the least time between two fetches of an issuer's keys. A token with an unknown key causes a fetch,
	// and anyone can write such tokens.
	fetchFloor = 10 * time.Second
	// keysLife is how long keys are used before they are fetched again. So a key that the issuer withdrew ends.
	keysLife = time.Hour
	// keysLastLife is how long keys are used if the issuer does not respond.
	keysLastLife = 24 * time.Hour
	fetchTimeout = 5 * time.Second // of each of the two requests
	// maxDocument limits what is read of a response.
	maxDocument = 256 << 10
	minRSABits  = 2048
)

// issuer is one issuer and its keys, as they were last fetched.
type issuer struct {
	Settings
	client *http.Client
	now    func() time.Time

	mu        sync.Mutex
	keys      []jose.JSONWebKey
	fetchedAt time.Time
	triedAt   time.Time
	err       error         // of the last try
	fetching  chan struct{} // closed when the fetch under way has ended; nil if there is none
}

// keysFor returns the issuer's keys that may have signed a token with this header. It fetches them if they are old, or
// if none fits: then the issuer may have a new one. Errors: EUnauthorized, EIssuerUnavailable.
func (i *issuer) keysFor(ctx context.Context, h header) ([]crypto.PublicKey, error) {
	for {
		keys, wait, err := i.look(h)
		if wait == nil {
			return keys, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look returns keys or an error, or a channel to wait for before looking again.
func (i *issuer) look(h header) (keys []crypto.PublicKey, wait <-chan struct{}, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	keys = fitting(i.keys, h)
	age := now.Sub(i.fetchedAt)
	if len(keys) > 0 && age < keysLife {
		return keys, nil, nil
	}
	next := i.triedAt.Add(fetchFloor)
	if i.fetching == nil && !now.Before(next) {
		i.fetching, i.triedAt = make(chan struct{}), now
		go i.fetch()
	}
	switch {
	case len(keys) > 0 && age < keysLastLife && i.err != nil: // no one waits for an issuer that did not respond before
		return keys, nil, nil
	case i.fetching != nil:
		return nil, i.fetching, nil
	case i.err == nil:
		return nil, nil, refused(nil, "its issuer has no such key")
	}
	unavailable := billing.Wrap(i.err, billing.EIssuerUnavailable, "The token's issuer does not respond. Try again.")
	unavailable.RetryAfter = next.Sub(now)
	return nil, nil, unavailable
}

// fetch replaces the keys. No caller's cancellation ends it, because others wait for it too.
func (i *issuer) fetch() {
	keys, err := i.download(oidc.ClientContext(context.Background(), i.client))
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err = err; err == nil {
		i.keys, i.fetchedAt = keys, i.now()
	}
	close(i.fetching)
	i.fetching = nil
}

// download asks the issuer where its keys are, unless the operator said so, and reads them.
func (i *issuer) download(ctx context.Context) ([]jose.JSONWebKey, error) {
	address := i.JWKSURL
	if address == "" {
		provider, err := oidc.NewProvider(ctx, i.Issuer)
		if err != nil {
			return nil, failure("discover", err)
		}
		var found struct {
			JWKSURL string `json:"jwks_uri"`
		}
		if err := provider.Claims(&found); err != nil {
			return nil, failure("discover", err)
		}
		if err := checkAddress(found.JWKSURL); err != nil {
			return nil, failure("jwks_uri", err)
		}
		address = found.JWKSURL
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, failure("keys", err)
	}
	resp, err := i.client.Do(req)
	if err != nil {
		return nil, failure("keys", err)
	}
	defer resp.Body.Close()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if resp.StatusCode != http.StatusOK {
		return nil, failure("keys", errors.New(resp.Status))
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		return nil, failure("keys", err)
	}
	return usable(set.Keys)
}

// failure limits a cause, which may quote the issuer's whole response, to what a log line takes.
func failure(step string, err error) error {
	return fmt.Errorf("oidc: %s: %s", step, billing.Storable(err.Error(), 300))
}

// usable returns the public keys that may sign. A key of a kind that is not known here is no reason to refuse the
// others.
func usable(raw []json.RawMessage) ([]jose.JSONWebKey, error) {
	var keys []jose.JSONWebKey
	for _, text := range raw {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(text) != nil || (k.Use != "" && k.Use != "sig") {
			continue
		}
		switch key := k.Key.(type) {
		case *rsa.PublicKey:
			if key.N.BitLen() < minRSABits {
				continue
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
		default: // a private key or a shared secret that should never have been published
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("oidc: keys: the issuer publishes none that can be used")
	}
	return keys, nil
}

// fitting returns the keys that a header may mean. A header without a key's id may mean any.
func fitting(keys []jose.JSONWebKey, h header) []crypto.PublicKey {
	var all []crypto.PublicKey
	for _, k := range keys {
		if (h.KeyID == "" || k.KeyID == h.KeyID) && (k.Algorithm == "" || k.Algorithm == h.Algorithm) {
			all = append(all, k.Key)
		}
	}
	return all
}

// limitedTransport limits what is read of each response.
type limitedTransport struct{ http.RoundTripper }

// RoundTrip sends a request.
func (l limitedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxDocument), resp.Body}
	}
	return resp, err
}
