package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/pointsync/pointsync/pkg/billing"
)

// algorithms are those whose keys cannot be guessed from what an issuer publishes. With HS256, the public key itself
// would be the secret.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.EdDSA,
}

const (
	// maxToken limits a token, in bytes. The largest ID tokens have a few thousand.
	maxToken = 16 << 10
	// maxSubject limits a subject, in bytes. OpenID Connect allows 255 characters of ASCII.
	maxSubject = 255
	// skew is how far an issuer's clock may be ahead of ours.
	skew = time.Minute
)

// header is the first part of a token. Nothing has verified it.
type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
}

// refusal returns why no key need be looked for, or "".
func (h header) refusal() string {
	switch {
	case !slices.Contains(algorithms, h.Algorithm):
		return "its algorithm is not one of " + strings.Join(algorithms, ", ")
	case h.Type != "" && !strings.EqualFold(h.Type, "JWT"): // at+jwt, logout+jwt: signed by the same keys
		return "it is another kind of token"
	}
	return ""
}

// claims are what this room reads of a token. Their names are compared letter by letter: encoding/json would take
// "Email_Verified" for "email_verified", and some issuers let users choose claims.
type claims struct {
	Issuer        string         `json:"iss"`
	Subject       string         `json:"sub"`
	Audience      audience       `json:"aud"`
	Party         string         `json:"azp"` // the client that the token was issued to
	IssuedAt      float64        `json:"iat"`
	Nonce         string         `json:"nonce"`
	Email         string         `json:"email"`
	EmailVerified any            `json:"email_verified"`
	Events        any            `json:"events"` // of a logout token
	Others        map[string]any `json:",embed"`

	digest string // of all that the token says; its signature may have several forms, which are not part of it
}

// audience is one name or a list of names.
type audience []string

// UnmarshalJSONFrom reads either form.
func (a *audience) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '"' {
		*a = []string{""}
		return json.UnmarshalDecode(d, &(*a)[0])
	}
	return json.UnmarshalDecode(d, (*[]string)(a))
}

// read decodes a token of three parts. It verifies nothing.
func read(raw string) (h header, c claims, err error) {
	parts := strings.Split(raw, ".")
	if len(raw) > maxToken || len(parts) != 3 {
		return h, c, errors.New("oidc: not three parts, or too long")
	}
	for i, into := range []any{&h, &c} {
		text, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return h, c, fmt.Errorf("oidc: part %d: %w", i+1, err)
		}
		c.digest = fmt.Sprintf("%x", sha256.Sum256(text))
	}
	return h, c, nil
}

// refusal returns why a token with a good signature is not accepted, or "".
func (s Settings) refusal(c claims, nonce string, now time.Time) string {
	switch {
	case c.Subject == "" || len(c.Subject) > maxSubject || !billing.IsStorable(c.Subject):
		return "its subject is missing or not usable"
	case c.age(now) < -skew:
		return "it was issued in the future"
	case nonce != "" && c.Nonce != nonce:
		return "its nonce is another one"
	case c.Events != nil:
		return "it is another kind of token"
	}
	if why := s.refuseAudience(c); why != "" {
		return why
	}
	for name, want := range s.Require {
		if c.claim(name) != want {
			return "its claim " + name + " is not what is required here"
		}
	}
	return ""
}

// outdated reports whether a token was issued too long ago, whatever its own end is.
func (s Settings) outdated(c claims, now time.Time) bool { return c.age(now) > s.maxAge() }

// age returns how long ago a token was issued.
func (c claims) age(now time.Time) time.Duration { return now.Sub(time.Unix(int64(c.IssuedAt), 0)) }

// refuseAudience returns why a token is not meant for the operator's clients, or "".
func (s Settings) refuseAudience(c claims) string {
	isOurs := func(name string) bool { return slices.Contains(s.Audiences, name) }
	switch {
	case len(s.Audiences) == 0 && len(c.Audience) > 0, len(s.Audiences) > 0 && !slices.ContainsFunc(c.Audience, isOurs):
		return "it is for another audience"
	}
	parties := s.AuthorizedParties
	if len(parties) == 0 {
		parties = s.Audiences
	}
	// OpenID Connect Core 3.1.3.7: with several audiences, azp says which client the token was issued to.
	needed := len(s.AuthorizedParties) > 0 || len(c.Audience) > 1
	if (needed || c.Party != "") && !slices.Contains(parties, c.Party) {
		return "it was issued to another client (azp)"
	}
	return ""
}

// claim returns a claim that is a text or a bool, or nil.
func (c claims) claim(name string) any {
	switch v := c.Others[name].(type) {
	case string, bool:
		return v
	}
	return nil
}

// believed returns the token's address if the person may be found by it, or "". Some issuers send the bool as a text.
func (s Settings) believed(c claims) string {
	if s.LinkEmail && (c.EmailVerified == true || c.EmailVerified == "true") {
		return c.Email
	}
	return ""
}
