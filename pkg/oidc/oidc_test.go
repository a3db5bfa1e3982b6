package oidc_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/oidc/issuertest"
)

// app is the audience of the tokens in these tests.
const app = "app-1"

// accept returns the issuers that accept one, with changes of its settings.
func accept(now func() time.Time, i *issuertest.Issuer, change ...func(*oidc.Settings)) *oidc.Issuers {
	s := oidc.Settings{Issuer: i.URL, Audiences: []string{app}}
	for _, f := range change {
		f(&s)
	}
	return oidc.New([]oidc.Settings{s}, now)
}

// refuse fails unless a token is refused with a reason that contains a word.
func refuse(t *testing.T, all *oidc.Issuers, token, nonce, word string) {
	t.Helper()
	who, err := all.Verify(t.Context(), token, nonce)
	if billing.CodeOf(err) != billing.EUnauthorized || !strings.Contains(err.Error(), word) {
		t.Errorf("got %+v, %v; want a refusal that says %q", who, err, word)
	}
}

// TestVerify proves that a good token proves its issuer and its subject, with either kind of key.
func TestVerify(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256"} {
		i := issuertest.New(t, "/tenant", alg)
		all := accept(time.Now, i)
		who, err := all.Verify(t.Context(), i.Token("ada", app, map[string]any{"nonce": "n1"}), "n1")
		if want := (billing.Identity{Issuer: i.URL, Subject: "ada"}); err != nil || who.Identity != want {
			t.Errorf("%s: got %+v, %v", alg, who, err)
		}
		if _, err := all.Verify(t.Context(), i.Token("ada", app, nil), ""); err != nil || i.Fetches.Load() != 1 {
			t.Errorf("%s: %v; the keys were fetched %d times", alg, err, i.Fetches.Load())
		}
	}
}

// TestRefused proves that each part of a token is checked: any one wrong part refuses it.
func TestRefused(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	all := accept(time.Now, i)
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		claims map[string]any
		word   string
	}{
		"another issuer":            {map[string]any{"iss": "https://login.example.com"}, "not configured"},
		"another audience":          {map[string]any{"aud": "app-2"}, "audience"},
		"no audience":               {map[string]any{"aud": nil}, "audience"},
		"several, of no party":      {map[string]any{"aud": []string{app, "app-2"}}, "azp"},
		"several, another's":        {map[string]any{"aud": []string{app, "app-2"}, "azp": "app-2"}, "azp"},
		"one, but another's":        {map[string]any{"azp": "app-2"}, "azp"},
		"expired":                   {map[string]any{"exp": now - 1}, "expired"},
		"without an end":            {map[string]any{"exp": nil}, "expired"},
		"too old":                   {map[string]any{"iat": now - 3700}, "ago"},
		"without a time":            {map[string]any{"iat": nil}, "ago"},
		"in the future":             {map[string]any{"iat": now + 300}, "future"},
		"not valid yet":             {map[string]any{"nbf": now + 600}, "times"},
		"without a subject":         {map[string]any{"sub": nil}, "subject"},
		"an empty subject":          {map[string]any{"sub": ""}, "subject"},
		"a long subject":            {map[string]any{"sub": strings.Repeat("a", 256)}, "subject"},
		"a subject with a NUL":      {map[string]any{"sub": "a\x00"}, "subject"},
		"two subjects":              {map[string]any{"\u017fub": "eve"}, "two things"},
		"a logout":                  {map[string]any{"events": map[string]any{}}, "another kind"},
		"a subject that is no text": {map[string]any{"sub": 7}, "not a signed JWT"},
	} {
		t.Run(name, func(t *testing.T) { refuse(t, all, i.Token("ada", app, c.claims), "", c.word) })
	}
	refuse(t, all, i.Token("ada", app, map[string]any{"nonce": "n1"}), "n2", "nonce")
	refuse(t, all, i.Token("ada", app, nil), "n2", "nonce")
}

// TestForged proves that only a key of the token's own issuer signs for it.
func TestForged(t *testing.T) {
	t.Parallel()
	i, other := issuertest.New(t, "", "RS256"), issuertest.New(t, "", "RS256")
	all := oidc.New([]oidc.Settings{
		{Issuer: i.URL, Audiences: []string{app}}, {Issuer: other.URL, Audiences: []string{app}},
	}, time.Now)
	claims := i.Claims("ada", app, nil)
	good := i.Token("ada", app, nil)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"` + i.KeyID + `"}`))
	for name, token := range map[string]string{
		"unsigned":              none + "." + parts[1] + ".",
		"signed by none":        none + "." + parts[1] + "." + parts[2],
		"HS256, the public key": oidctest.SignIDToken(public(t, i), i.KeyID, "HS256", claims),
		"another issuer's key":  oidctest.SignIDToken(other.Key, other.KeyID, "RS256", claims),
		"a key of the same id":  oidctest.SignIDToken(other.Key, i.KeyID, "RS256", claims),
		"another algorithm":     oidctest.SignIDToken(i.Key, i.KeyID, "PS256", claims),
		"changed claims":        parts[0] + "." + strings.Split(i.Token("eve", app, nil), ".")[1] + "." + parts[2],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"two parts":             parts[0] + "." + parts[1],
		"as JSON":               fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":"c2ln"}`, parts[0], parts[1]),
		"with a space":          parts[0] + ". " + parts[1] + "." + parts[2],
		"huge":                  good + strings.Repeat("a", 16<<10),
		"empty":                 "",
	} {
		t.Run(name, func(t *testing.T) { refuse(t, all, token, "", "refused") })
	}
	if _, err := all.Verify(t.Context(), good, ""); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// public returns an issuer's public key as a text that anyone can fetch.
func public(t *testing.T, i *issuertest.Issuer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// TestAnotherKind proves that an access or logout token of the same issuer is not taken for an ID token.
func TestAnotherKind(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	all := accept(time.Now, i)
	for typ, accepted := range map[string]bool{"at+jwt": false, "logout+jwt": false, "JWT": true, "jwt": true} {
		token := i.TypedToken(typ, i.Claims("ada", app, nil))
		if _, err := all.Verify(t.Context(), token, ""); (err == nil) != accepted {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// TestEmail proves that an address counts only if the issuer has verified it and the operator believes this issuer.
func TestEmail(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	believed := func(s *oidc.Settings) { s.LinkEmail = true }
	for name, c := range map[string]struct {
		verified any
		believed bool
		want     string
	}{
		"verified":                  {true, true, "ada@example.com"},
		"verified, as a text":       {"true", true, "ada@example.com"},
		"not verified":              {false, true, ""},
		"not said":                  {nil, true, ""},
		"a number":                  {1, true, ""},
		"verified, of no one known": {true, false, ""},
	} {
		all := accept(time.Now, i)
		if c.believed {
			all = accept(time.Now, i, believed)
		}
		who, err := all.Verify(t.Context(), i.Token("ada", app, map[string]any{
			"email": "ada@example.com", "email_verified": c.verified,
			// Supabase: the user can write this one. encoding/json would take the second for email_verified.
			"user_metadata": map[string]any{"email_verified": true}, "Email_Verified": true,
		}), "")
		if err != nil || who.Email != c.want {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

// TestOnce proves which tokens open one login only, and that the name of such a token does not depend on its
// signature, of which an attacker can make others that are valid too. It proves how long a token can be shown.
func TestOnce(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	all := accept(time.Now, i)
	now := time.Now().Truncate(time.Second)
	verify := func(raw string) oidc.Token {
		t.Helper()
		token, err := all.Verify(t.Context(), raw, "")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	claims := i.Claims("ada", app, map[string]any{"nonce": "n1", "iat": now.Unix(), "exp": now.Unix() + 60})
	sign := func() string { return oidctest.SignIDToken(i.Key, i.KeyID, "ES256", claims) }
	first, second := sign(), sign()
	if first == second {
		t.Fatal("ES256 made one signature twice")
	}
	a, b := verify(first), verify(second)
	if a.Once == "" || a.Once != b.Once || !a.EndsAt.Equal(now.Add(time.Minute)) {
		t.Errorf("one token, signed twice: %+v and %+v", a, b)
	}
	other := verify(i.Token("ada", app, map[string]any{"nonce": "n2", "exp": now.Unix() + 86400, "iat": now.Unix()}))
	if other.Once == "" || other.Once == a.Once || !other.EndsAt.Equal(now.Add(24*time.Hour)) {
		t.Errorf("another token: %+v", other)
	}
	if none := verify(i.Token("ada", app, nil)); none.Once != "" {
		t.Errorf("without a nonce: %+v", none)
	}
}
