package issuer_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/sandbox/issuer"
)

// start starts a server with an issuer, and returns it with what accepts its tokens.
func start(t *testing.T) (url string, all *oidc.Issuers) {
	t.Helper()
	var i *issuer.Issuer
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.Beside(http.NotFoundHandler()).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	i = issuer.New(s.URL)
	return s.URL + issuer.Path, oidc.New([]oidc.Settings{
		{Issuer: i.Name(), Audiences: []string{issuer.Audience}, LinkEmail: true},
	}, time.Now)
}

// TestToken proves that a script gets tokens that a server accepts, for whom it names.
func TestToken(t *testing.T) {
	t.Parallel()
	at, all := start(t)
	for body, want := range map[string]billing.Identity{
		`{"email":"Ada@example.com","nonce":"n1"}`:           {Subject: "ada@example.com", Email: "Ada@example.com"},
		`{"email":"ada@example.com","email_verified":false}`: {Subject: "ada@example.com"},
		`{"sub":"user-1"}`: {Subject: "user-1"},
		`{}`:               {},
		`{"email":"` + strings.Repeat("a", 256) + `"}`:            {},
		`{"email":"ada@example.com","iss":"https://example.com"}`: {},
	} {
		resp, err := http.Post(at+"/token", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var out map[string]string
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		if want == (billing.Identity{}) {
			if resp.StatusCode != http.StatusBadRequest || out["error"] == "" {
				t.Errorf("%s: %d, %v", body, resp.StatusCode, out)
			}
			continue
		}
		want.Issuer = at
		token, err := all.Verify(t.Context(), out["id_token"], "")
		if err != nil || token.Identity != want || (token.Once != "") != strings.Contains(body, "nonce") {
			t.Errorf("%s: %+v, %v", body, token, err)
		}
	}
}

// TestAuthorize proves that the page sends a token with the app's nonce to a page of this machine, and nowhere else.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	at, all := start(t)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	browser := &http.Client{CheckRedirect: stay}
	good := url.Values{
		"client_id": {issuer.Audience}, "response_type": {"id_token"}, "redirect_uri": {"http://127.0.0.1:8080/"},
		"nonce": {"n1"}, "email": {"ada@example.com"}, "verified": {"on"},
	}
	send := func(form url.Values, header ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, at+"/authorize", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	to := send(good).Header.Get("Location")
	raw, ok := strings.CutPrefix(to, "http://127.0.0.1:8080/#id_token=")
	if token, err := all.Verify(t.Context(), raw, "n1"); !ok || err != nil || token.Email != "ada@example.com" {
		t.Errorf("sent to %q: %+v, %v", to, token, err)
	}
	for name, value := range map[string]string{
		"client_id": "app-2", "response_type": "code", "nonce": "", "email": "",
		"redirect_uri": "http://example.com/",
	} {
		form := maps.Clone(good)
		form.Set(name, value)
		if resp := send(form); resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
			t.Errorf("%s %q: %s, sent to %q", name, value, resp.Status, resp.Header.Get("Location"))
		}
	}
	for _, where := range []string{
		"javascript:alert(1)", "http://127.0.0.1.example.com/", "http://127.0.0.1@example.com/", "//127.0.0.1/", "",
		"http://127.0.0.1:8080/#x",
	} {
		form := maps.Clone(good)
		form.Set("redirect_uri", where)
		if resp := send(form); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("redirect_uri %q: %s", where, resp.Status)
		}
	}
	if resp := send(good, "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a form of another site: %s", resp.Status)
	}
}
