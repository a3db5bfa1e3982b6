// Package token owns the access tokens that clients hold: minting, parsing, signing keys and the public key set. It
// also makes the receipts of spends. It is the only package that knows JWT. It does not know the database or HTTP.
//
// A token mirrors one version of an account, which its claim `ver` names. It is a hint about when to ask Stripe, and
// never decides what may be spent. Tokens are signed with Ed25519 and live for minutes. No one can revoke a token, so
// nothing that must end at once may depend on one.
package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pointsync/pointsync/pkg/billing"
)

// TTL is how long an access token lives.
const TTL = 15 * time.Minute

// accessType is the header `typ` of an access token.
const accessType = "JWT"

// leeway is the largest accepted difference between the clocks of two of our servers.
const leeway = 5 * time.Second

// maxLength bounds the tokens that are parsed at all. Our own tokens have about 700 bytes.
const maxLength = 4096

// Claims are the content of a token.
type Claims struct {
	Account      billing.AccountID
	Login        billing.SessionID
	ID           string
	IssuedAt     time.Time
	ExpiresAt    time.Time
	Version      int64
	Subscription *Subscription // nil if there never was one
	Points       billing.Points
}

// Subscription is the claim of that name. Its window is nil if there is none.
type Subscription struct {
	Plan     string
	Status   billing.SubscriptionStatus
	Window   *billing.Window
	Features []string // of the plan; none if the token was made outside the window
}

// InWindow reports whether t is inside the window that the token carries.
func (c Claims) InWindow(t time.Time) bool {
	return c.Subscription != nil && c.Subscription.Window.Contains(t)
}

// wire is the JSON of the claims.
type wire struct {
	jwt.RegisteredClaims
	SID          string            `json:"sid"`
	Ver          int64             `json:"ver"`
	Subscription *wireSubscription `json:"subscription"`
	Points       int64             `json:"points"`
}

type wireSubscription struct {
	Plan   string                     `json:"plan"`
	Status billing.SubscriptionStatus `json:"status"`
	From   *jwt.NumericDate           `json:"from"`
	Until  *jwt.NumericDate           `json:"until"`

	Features []string `json:"features"`
}

// Issuer mints and parses the tokens of one deployment.
type Issuer struct {
	keys     Keys
	issuer   string
	audience string
	now      func() time.Time
	features func(plan string) []string
	memory   *memory
}

// NewIssuer returns an issuer that signs with the first of keys and accepts all of them. Its tokens know no features.
func NewIssuer(keys Keys, issuer, audience string, now func() time.Time) *Issuer {
	none := func(string) []string { return nil }
	return &Issuer{
		keys: keys, issuer: issuer, audience: audience, now: now, features: none, memory: newMemory(),
	}
}

// WithFeatures returns the same issuer, whose tokens have the features that f returns for a plan.
func (i *Issuer) WithFeatures(f func(plan string) []string) *Issuer {
	with := *i
	with.features = f
	return &with
}

// Mint returns a token that mirrors the account, for one login.
func (i *Issuer) Mint(a billing.Account, login billing.SessionID) (string, Claims, error) {
	now := i.now().UTC().Truncate(time.Second)
	return i.mint(a, login, now, now.Add(TTL))
}

// MintInstead returns a token for the holder of the given one. It expires when the given one does, because the login
// has ended.
func (i *Issuer) MintInstead(a billing.Account, held Claims) (string, Claims, error) {
	return i.mint(a, held.Login, i.now().UTC().Truncate(time.Second), held.ExpiresAt)
}

func (i *Issuer) mint(a billing.Account, login billing.SessionID, now, until time.Time) (string, Claims, error) {
	c := Claims{
		Account: a.ID, Login: login, ID: billing.NewTokenID(now), IssuedAt: now, ExpiresAt: until,
		Version: a.Version, Points: a.Available,
	}
	if s := a.Subscription; s != nil {
		c.Subscription = &Subscription{Plan: s.Plan, Status: s.Status, Window: s.Window}
		if s.Window.Contains(now) {
			c.Subscription.Features = i.features(s.Plan)
		}
	}
	w := i.toWire(c)
	signed, err := i.sign(w, accessType)
	if err != nil {
		return "", Claims{}, err
	}
	i.memory.add(signed, fromWire(w), now)
	return signed, c, nil
}

// Parse checks a token and returns its content. Callers share what the result points at, so they must not change it.
// Errors: EUnauthorized, with a message that says why.
func (i *Issuer) Parse(raw string) (Claims, error) {
	if len(raw) > maxLength {
		return Claims{}, refuse(nil, "The access token is too long to be one of ours.")
	}
	now := i.now()
	if c, ok := i.memory.get(raw, now); ok {
		return c, nil
	}
	c, err := i.parse(raw)
	if err == nil {
		i.memory.add(raw, c, now)
	}
	return c, err
}

func (i *Issuer) parse(raw string) (Claims, error) {
	if strings.ContainsAny(raw, "\r\n") { // base64 ignores line ends, so one token could be written in many ways
		return Claims{}, refuse(nil, "The access token is not valid.")
	}
	var w wire
	_, err := jwt.ParseWithClaims(raw, &w, i.keyFor,
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(i.issuer), jwt.WithAudience(i.audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(i.now),
		jwt.WithStrictDecoding())
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Claims{}, refuse(err, "The access token has run out. Refresh it.")
	case err != nil:
		return Claims{}, refuse(err, "The access token is not valid.")
	}
	if err := checkPayload(raw, w); err != nil {
		return Claims{}, refuse(err, "The access token is not valid.")
	}
	return fromWire(w), nil
}

// keyFor returns the key that `kid` names, after the checks of the header that the library leaves to us.
func (i *Issuer) keyFor(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, errors.New("header has crit")
	}
	if typ, _ := t.Header["typ"].(string); typ != accessType {
		return nil, errors.New("header typ is not JWT")
	}
	kid, _ := t.Header["kid"].(string)
	for _, k := range i.keys {
		if k.ID == kid {
			return k.public, nil
		}
	}
	return nil, fmt.Errorf("unknown kid")
}

// idPattern matches our ids. Another text, with a NUL or broken UTF-8 in it, would cause an error in the database.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)

// checkPayload refuses what the library accepts: a missing subject, ids that are not ours, and members that occur
// twice, because readers would use different ones of the two.
func checkPayload(raw string, w wire) error {
	for _, id := range []string{w.Subject, w.SID, w.ID} {
		if !idPattern.MatchString(id) {
			return errors.New("an id is missing or not one of ours")
		}
	}
	if w.IssuedAt == nil || w.Ver < 0 || w.Points < 0 {
		return errors.New("a claim is missing")
	}
	parts := strings.Split(raw, ".")
	for _, part := range parts[:2] {
		b, err := jwt.NewParser(jwt.WithStrictDecoding()).DecodeSegment(part)
		if err != nil {
			return err
		}
		if !billing.IsStorable(string(b)) || strings.Contains(string(b), `\u0000`) {
			return errors.New("a text that no database takes")
		}
		if err := noDoubles(json.NewDecoder(strings.NewReader(string(b)))); err != nil {
			return err
		}
	}
	return nil
}

func refuse(cause error, message string) error {
	return &billing.Error{Code: billing.EUnauthorized, Message: message, Err: cause}
}

func (i *Issuer) toWire(c Claims) wire {
	w := wire{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: i.issuer, Audience: jwt.ClaimStrings{i.audience}, Subject: string(c.Account), ID: c.ID,
			IssuedAt:  jwt.NewNumericDate(c.IssuedAt),
			NotBefore: jwt.NewNumericDate(c.IssuedAt),
			ExpiresAt: jwt.NewNumericDate(c.ExpiresAt),
		},
		SID: string(c.Login), Ver: c.Version, Points: int64(c.Points),
	}
	if s := c.Subscription; s != nil {
		// A list without members, and not null, for none.
		features := append([]string{}, s.Features...)
		w.Subscription = &wireSubscription{Plan: s.Plan, Status: s.Status, Features: features}
		if s.Window != nil {
			w.Subscription.From = jwt.NewNumericDate(s.Window.From)
			w.Subscription.Until = jwt.NewNumericDate(s.Window.Until)
		}
	}
	return w
}

func fromWire(w wire) Claims {
	c := Claims{
		Account: billing.AccountID(w.Subject), Login: billing.SessionID(w.SID), ID: w.ID, IssuedAt: w.IssuedAt.Time,
		ExpiresAt: w.ExpiresAt.Time, Version: w.Ver, Points: billing.Points(w.Points),
	}
	if s := w.Subscription; s != nil {
		c.Subscription = &Subscription{Plan: s.Plan, Status: s.Status}
		if len(s.Features) > 0 {
			c.Subscription.Features = s.Features
		}
		if s.From != nil && s.Until != nil {
			c.Subscription.Window = &billing.Window{From: s.From.Time, Until: s.Until.Time}
		}
	}
	return c
}

// noDoubles reads one JSON object and refuses a member name that occurs twice at its top level.
func noDoubles(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not an object")
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if key := name.(string); seen[strings.ToLower(key)] {
			return fmt.Errorf("%q occurs twice", key)
		} else {
			seen[strings.ToLower(key)] = true
		}
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}
