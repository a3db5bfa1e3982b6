package oidc_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/oidc"
)

// The issuer of the fuzz tests has the same name, key and time in each of their processes. So a token that one of them
// finds means the same in the others, and in the suite later.
const (
	fuzzedIssuer = "https://login.example.com"
	fuzzedHeader = `{"alg":"EdDSA","typ":"JWT","kid":"k1"}`
	fuzzedClaims = `{"iss":"https://login.example.com","sub":"ada","aud":"app-1","iat":1893499200,"exp":1893502800,"nonce":"n1","email":"ada@example.com","email_verified":true}`
)

var (
	fuzzedTime = time.Unix(1893499200, 0)
	fuzzedKey  = ed25519.NewKeyFromSeed([]byte(strings.Repeat("i", ed25519.SeedSize)))
	stranger   = ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))
)

// fuzzed returns the issuers that accept that issuer. They have its keys already, and their clock stands still, so they
// ask it for nothing more.
func fuzzed(f *testing.F) *oidc.Issuers {
	f.Helper()
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: fuzzedKey.Public(), KeyID: "k1"}}})
	if err != nil {
		f.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write(keys); err != nil {
			f.Error(err)
		}
	}))
	f.Cleanup(server.Close)
	all := oidc.New([]oidc.Settings{{
		Issuer: fuzzedIssuer, Audiences: []string{app}, JWKSURL: server.URL, LinkEmail: true,
	}}, func() time.Time { return fuzzedTime })
	if _, err := all.Verify(f.Context(), signed(fuzzedKey, fuzzedHeader, fuzzedClaims), "n1"); err != nil {
		f.Fatal(err)
	}
	return all
}

// signed returns a token of any header and claims, signed by a key.
func signed(key ed25519.PrivateKey, header, claims string) string {
	text := encoded(header) + "." + encoded(claims)
	return text + "." + encoded(string(ed25519.Sign(key, []byte(text))))
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// FuzzVerify proves that no text makes the check of ID tokens fail in another way than by refusing it, and that only
// what the issuer's key signed is accepted.
func FuzzVerify(f *testing.F) {
	good := signed(fuzzedKey, fuzzedHeader, fuzzedClaims)
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	for _, raw := range []string{
		good, "", ".", "..", "...", head, head + "." + body, head + "." + body + ".", head + ".." + signature,
		"." + body + "." + signature, good + ".", good + "=", good + "\n", " " + good, "Bearer " + good,
		good[:len(good)-1], good[:len(good)-1] + "B", good[1:], strings.ToUpper(good), strings.Repeat(good, 30),
		signed(stranger, fuzzedHeader, fuzzedClaims), signed(fuzzedKey, fuzzedHeader, `{"exp":1}`),
		encoded(`{"alg":"none"}`) + "." + body + ".", encoded(`{"alg":"RS256","kid":"k1"}`) + "." + body + ".AAAA",
		oidctest.SignIDToken([]byte(fuzzedKey.Public().(ed25519.PublicKey)), "k1", "HS256", fuzzedClaims),
		fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, head, body, signature),
		head + "." + encoded("\xff\xfe") + "." + signature, "\xff.\x00." + signature, head + "." + body + ".\u00e9",
	} {
		f.Add(raw)
	}
	all := fuzzed(f)
	f.Fuzz(func(t *testing.T, raw string) {
		who, err := all.Verify(t.Context(), raw, "")
		if !accepted(t, err) {
			return
		}
		dot := max(strings.LastIndexByte(raw, '.'), 0)
		signature, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(raw[dot:], "."))
		if err != nil || !ed25519.Verify(fuzzedKey.Public().(ed25519.PublicKey), []byte(raw[:dot]), signature) {
			t.Fatalf("%q, which the issuer did not sign, proves %+v", raw, who)
		}
	})
}

// FuzzVerifySigned proves the same of what an issuer may sign: whatever it is, it is refused or proves what it says,
// and a stranger's signature under it proves nothing.
func FuzzVerifySigned(f *testing.F) {
	f.Add(fuzzedHeader, fuzzedClaims, "n1", true)
	f.Add(fuzzedHeader, fuzzedClaims, "", true)
	f.Add(fuzzedHeader, fuzzedClaims, "n2", true)
	f.Add(fuzzedHeader, fuzzedClaims, "", false)
	for _, header := range []string{
		``, `{}`, `null`, `[]`, `{"alg":"EdDSA"}`, `{"alg":"none"}`, `{"alg":"HS256","kid":"k1"}`,
		`{"alg":"RS256","kid":"k1"}`, `{"alg":"EdDSA","alg":"none"}`, `{"alg":"EdDSA","ALG":"HS256"}`,
		`{"alg":"EdDSA","kid":["k1"]}`, `{"alg":"EdDSA","kid":"k2"}`, `{"alg":"EdDSA","typ":"at+jwt"}`,
		`{"alg":"EdDSA","crit":["b64"],"b64":false}`, `{"alg":"EdDSA","jku":"http://127.0.0.1:1/keys"}`,
	} {
		f.Add(header, fuzzedClaims, "", true)
	}
	with := func(member string) string { return strings.TrimSuffix(fuzzedClaims, "}") + "," + member + "}" }
	for _, claims := range []string{
		``, `[]`, `{}`, `null`, fuzzedClaims + fuzzedClaims, with(`"sub":"eve"`), with(`"\u017fub":"eve"`),
		with(`"Sub":"eve"`), with(`"Exp":1`), with(`"nbf":1893502800`), with(`"azp":"app-2"`), with(`"events":{}`),
		with(`"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), with("\"a\":\"\xff\""),
		with(`"a":` + strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000)), with("\"\xc0\x80\":1"),
		with(`"a":"` + strings.Repeat("a", 11_000) + `"`), with(`"a":"` + strings.Repeat("a", 17_000) + `"`),
		strings.Replace(fuzzedClaims, `login.`, `log1n.`, 1),
		strings.Replace(fuzzedClaims, `"app-1"`, `"app-2"`, 1), strings.Replace(fuzzedClaims, `"app-1"`, `[]`, 1),
		strings.Replace(fuzzedClaims, `"app-1"`, `["app-1",7]`, 1),
		strings.Replace(fuzzedClaims, `"app-1"`, `["app-1","app-1"]`, 1),
		strings.Replace(fuzzedClaims, `"ada"`, `"\ud800"`, 1), strings.Replace(fuzzedClaims, `"ada"`, `"a\u0000"`, 1),
		strings.Replace(fuzzedClaims, `"ada"`, `{"a":"ada"}`, 1),
		strings.Replace(fuzzedClaims, `1893502800`, `1893499199`, 1), // expired
		strings.Replace(fuzzedClaims, `1893502800`, `1e400`, 1),
		strings.Replace(fuzzedClaims, `1893502800`, `"never"`, 1),
		strings.Replace(fuzzedClaims, `1893499200`, `-1e300`, 1),
		strings.Replace(fuzzedClaims, `1893499200`, `1893499200.5`, 1),
	} {
		f.Add(fuzzedHeader, claims, "", true)
	}
	all := fuzzed(f)
	f.Fuzz(func(t *testing.T, header, claims, nonce string, ours bool) {
		key := stranger
		if ours {
			key = fuzzedKey
		}
		who, err := all.Verify(t.Context(), signed(key, header, claims), nonce)
		if !accepted(t, err) {
			return
		}
		if !ours {
			t.Fatalf("a stranger's token was accepted: %s, %s", header, claims)
		}
		proves(t, who, header, claims, nonce)
	})
}

// accepted reports whether a token was, and fails if its refusal is not one. The issuer responds, so it is no reason.
func accepted(t *testing.T, err error) bool {
	t.Helper()
	if err != nil && billing.CodeOf(err) != billing.EUnauthorized {
		t.Fatalf("refused as %q: %v", billing.CodeOf(err), err)
	}
	return err == nil
}

// proves fails unless an identity is what an accepted token says, and its time and its audience are ours.
func proves(t *testing.T, who oidc.Token, header, claims, nonce string) {
	t.Helper()
	var h, c map[string]any
	if json.Unmarshal([]byte(header), &h) != nil || json.Unmarshal([]byte(claims), &c) != nil {
		t.Fatalf("not well-formed: %s, %s", header, claims)
	}
	now := float64(fuzzedTime.Unix())
	issued, _ := c["iat"].(float64)
	ends, _ := c["exp"].(float64)
	several, _ := c["aud"].([]any)
	switch {
	case h["alg"] != "EdDSA":
		t.Fatalf("another algorithm: %s", header)
	case who.Issuer != fuzzedIssuer || c["iss"] != who.Issuer || c["sub"] != who.Subject:
		t.Fatalf("%+v is not what it says: %s", who, claims)
	case who.Subject == "" || len(who.Subject) > 255 || !billing.IsStorable(who.Subject):
		t.Fatalf("a subject that cannot be kept: %+v", who)
	case who.Email != "" && (c["email"] != who.Email || c["email_verified"] != true && c["email_verified"] != "true"):
		t.Fatalf("an address that is not verified: %+v, %s", who, claims)
	case nonce != "" && c["nonce"] != nonce:
		t.Fatalf("another nonce than %q: %s", nonce, claims)
	case (who.Once != "") != (c["nonce"] != nil && c["nonce"] != ""):
		t.Fatalf("it may be used once: %t; %s", who.Once != "", claims)
	case c["aud"] != app && !slices.Contains(several, any(app)):
		t.Fatalf("another audience: %s", claims)
	case ends < now || issued < now-3601 || issued > now+60:
		t.Fatalf("not valid now: %s", claims)
	}
}
