// Package oidc owns the question whose ID token this is. It verifies tokens of the OpenID Connect issuers that the
// operator configured, and returns the identity that a token proves.
//
// It refuses to know accounts, sessions and the database.
//
// Only an issuer's own key proves a token, and only a key that signs: no shared secret, no unsigned token. No issuer is
// asked before a token that names it arrives, and a token that names no configured issuer makes no request. However
// many tokens arrive, an issuer is asked at most once in fetchFloor. An issuer that does not respond concerns only its
// own tokens.
package oidc

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Issuers are the issuers whose tokens are accepted.
type Issuers struct {
	byName map[string]*issuer
	now    func() time.Time
}

// New returns the issuers of checked settings. now is the real time, by which issuers date their tokens.
func New(settings []Settings, now func() time.Time) *Issuers {
	all := &Issuers{byName: make(map[string]*issuer, len(settings)), now: now}
	client := &http.Client{
		Transport:     limitedTransport{http.DefaultTransport},
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
	}
	for _, s := range settings {
		all.byName[s.Issuer] = &issuer{Settings: s, client: client, now: now}
	}
	return all
}

// Now returns the time by which the ages of tokens are judged. It is not the product's, which a test may have moved.
func (i *Issuers) Now() time.Time { return i.now() }

// Token is an ID token that was verified.
type Token struct {
	billing.Identity // that it proves
	// Once names the token if it opens one login only, whatever form its signature has. It is "" for a token without a
	// nonce, which an app may show again as long as it is accepted.
	Once   string
	EndsAt time.Time // from then on it is refused in any case, also if max_age is raised in the meantime
}

// ErrExpired is the cause of EUnauthorized for a token that its issuer signed, and that is too old by now.
var ErrExpired = errors.New("oidc: the token has expired")

// Verify checks an ID token and returns what it proves. nonce is what the caller sent to the issuer when it asked for
// the token, or "" if it sent none. Errors: EUnauthorized, EIssuerUnavailable.
func (all *Issuers) Verify(ctx context.Context, raw, nonce string) (Token, error) {
	head, c, err := read(raw)
	if err != nil {
		return Token{}, refused(err, "it is not a signed JWT")
	}
	i, ok := all.byName[c.Issuer]
	if !ok {
		return Token{}, refused(nil, "its issuer is not configured here")
	}
	if why := head.refusal(); why != "" {
		return Token{}, refused(nil, why)
	}
	keys, err := i.keysFor(ctx, head)
	if err != nil {
		return Token{}, err
	}
	// The audience is checked below: go-oidc compares one, and an issuer may have several, or none.
	verifier := oidc.NewVerifier(i.Issuer, &oidc.StaticKeySet{PublicKeys: keys}, &oidc.Config{
		SupportedSigningAlgs: algorithms, SkipClientIDCheck: true, Now: all.now,
	})
	token, err := verifier.Verify(ctx, raw)
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return Token{}, refused(ErrExpired, "it has expired") // go-oidc verified the signature before
	case err != nil:
		return Token{}, refused(err, "its signature or its times are not valid")
	case token.Issuer != c.Issuer || token.Subject != c.Subject:
		return Token{}, refused(nil, "it says two things about its issuer or its subject")
	}
	if why := i.refusal(c, nonce, all.now()); why != "" {
		return Token{}, refused(nil, why)
	}
	if i.outdated(c, all.now()) {
		why := "it was issued more than " + i.maxAge().String() + " ago: get a new one"
		return Token{}, refused(ErrExpired, why)
	}
	return i.proof(c, token.Expiry), nil
}

// proof returns what an accepted token proves. Its end is that of the longest max_age that there may be: a token that
// is forgotten at the end of a shorter one would open a second login once the operator raises it.
func (s Settings) proof(c claims, expiry time.Time) Token {
	t := Token{
		Identity: billing.Identity{Issuer: c.Issuer, Subject: c.Subject, Email: s.believed(c)},
		EndsAt:   time.Unix(int64(c.IssuedAt), 0).Add(maxMaxAge),
	}
	if expiry.Before(t.EndsAt) {
		t.EndsAt = expiry
	}
	if c.Nonce != "" {
		t.Once = c.digest
	}
	return t
}

func refused(cause error, why string) error {
	return billing.Wrap(cause, billing.EUnauthorized, "The ID token is refused: %s.", why)
}
