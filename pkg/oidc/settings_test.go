package oidc_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/oidc/issuertest"
)

// documented returns the issuers of docs/exchange.md, by the host of their name.
func documented(t *testing.T) map[string]oidc.Settings {
	t.Helper()
	page, err := os.ReadFile("../../docs/exchange.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(issuers:.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the page has no list of issuers")
	}
	all, err := oidc.Parse(block[1])
	if err != nil {
		t.Fatal(err)
	}
	byHost := map[string]oidc.Settings{}
	for _, s := range all {
		byHost[strings.Split(s.Issuer, "/")[2]] = s
	}
	return byHost
}

// TestShapes proves that the issuers of the documentation are accepted as the page configures them: a token as each of
// them writes it logs in, and the token beside it, which proves less, does not.
func TestShapes(t *testing.T) {
	t.Parallel()
	all := documented(t)
	for host, c := range map[string]struct {
		alg         string
		good, wrong map[string]any
	}{
		"example.eu.auth0.com": {
			"RS256", map[string]any{"aud": "mV3kq9TzB2xW", "sid": "s1", "nickname": "ada"},
			map[string]any{"aud": []string{"https://api.example.com", "https://example.eu.auth0.com/userinfo"},
				"azp": "mV3kq9TzB2xW", "scope": "openid"}, // its access token
		},
		"cognito-idp.eu-central-1.amazonaws.com": {
			"RS256", map[string]any{"aud": "7h2k4m6n8p", "token_use": "id", "cognito:username": "ada"},
			map[string]any{"aud": "7h2k4m6n8p", "token_use": "access"},
		},
		"securetoken.google.com": {
			"RS256", map[string]any{"aud": "my-project", "user_id": "u1", "firebase": map[string]any{
				"sign_in_provider": "phone",
			}},
			map[string]any{"aud": "their-project"},
		},
		"abcdefgh.supabase.co": {
			"ES256", map[string]any{"aud": "authenticated", "role": "authenticated", "is_anonymous": false},
			map[string]any{"aud": "authenticated", "role": "authenticated", "is_anonymous": true},
		},
		"login.example.com": { // Keycloak
			"RS256", map[string]any{"aud": []string{"shop", "reports"}, "azp": "shop", "typ": "ID"},
			map[string]any{"aud": []string{"shop", "account"}, "azp": "shop", "typ": "Bearer"}, // its access token
		},
		"clerk.example.com": {
			"RS256", map[string]any{"aud": nil, "azp": "https://app.example.com", "sid": "sess_1"},
			map[string]any{"aud": nil, "azp": "https://evil.example.net", "sid": "sess_1"},
		},
	} {
		s, ok := all[host]
		if !ok {
			t.Errorf("%s is not on the page", host)
			continue
		}
		i := issuertest.New(t, "", c.alg)
		s.Issuer = i.URL
		if s.JWKSURL != "" {
			s.JWKSURL = i.URL + "/keys"
		}
		issuers := oidc.New([]oidc.Settings{s}, time.Now)
		if _, err := issuers.Verify(t.Context(), i.Token("ada", "", c.good), ""); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		who, err := issuers.Verify(t.Context(), i.Token("ada", "", c.wrong), "")
		if billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("%s: the wrong one is %+v, %v", host, who, err)
		}
	}
	if len(all) != 6 {
		t.Errorf("the page has %d issuers", len(all))
	}
}

// TestParse proves that a list is refused if any part of it would be misread, and that the error names the part.
func TestParse(t *testing.T) {
	t.Parallel()
	const good = "issuers: [{issuer: 'https://a.example', audiences: [app]}]"
	if all, err := oidc.Parse([]byte(good)); err != nil || len(all) != 1 {
		t.Fatalf("got %+v, %v", all, err)
	}
	const one = "issuers: [{issuer: 'https://a.example'"
	for text, word := range map[string]string{
		"":                          "from 1",
		"issuers: []":               "from 1",
		"issuers: 7":                "not well-formed",
		good + "\n---\n" + good:     "more than one",
		one + "}]":                  "audiences is missing",
		one + ", audience: [app]}]": `no member "audience" here; did you mean audiences?`,
		"issuers: [{issuer: 'http://a.example', audiences: [app]}]":               "https",
		"issuers: [{issuer: 'a.example', audiences: [app]}]":                      "not an address",
		"issuers: [{issuer: 'https://u:p@a.example', audiences: [app]}]":          "not an address",
		"issuers: [{issuer: 'https://your-tenant.example', audiences: [app]}]":    "placeholder",
		one + ", audiences: ['']}]":                                               "empty",
		one + ", audiences: [<client>]}]":                                         "placeholder",
		one + ", audiences: [app], jwks_url: 'http://a.example/k'}]":              "jwks_url must",
		one + ", audiences: [app], max_age: 30s}]":                                "max_age",
		one + ", audiences: [app], max_age: 25h}]":                                "max_age",
		one + ", audiences: [app], require: {n: 1}}]":                             "quote",
		one + ", audiences: [app], require: {email_verified: true}}]":             "otherwise",
		one + ", audiences: [a]}, {issuer: 'https://a.example', audiences: [b]}]": "twice",
	} {
		if _, err := oidc.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, want %q", text, err, word)
		}
	}
	_, err := oidc.Parse([]byte("issuers: [{issuer: a}, {issuer: 'https://b.example'}]"))
	if err == nil || strings.Count(err.Error(), "\n  - ") != 3 {
		t.Errorf("not everything at once: %v", err)
	}
}

// TestLoad proves that a file that is missing or wrong is named.
func TestLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "issuers.yaml")
	for _, text := range []string{"", "issuers: []"} {
		if text != "" {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := oidc.Load(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
	}
}
