package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/oidc/issuertest"
)

// firebase returns what Firebase says of a person besides what every issuer says.
func firebase(email string) map[string]any {
	return map[string]any{
		"email": email, "email_verified": true, "auth_time": time.Now().Unix(), "user_id": "uid-1",
		"firebase": map[string]any{
			"identities": map[string]any{"email": []string{email}}, "sign_in_provider": "google.com",
		},
	}
}

// TestFirebaseTokenLogsIn proves that a person of an app with Firebase logs in with its ID token, buys, spends and
// refreshes as everyone else does. The same person's next token finds the same account.
func TestFirebaseTokenLogsIn(t *testing.T) {
	t.Parallel()
	google := issuertest.New(t, "/my-project", "RS256")
	eachWorld(t, func(t *testing.T, w *world) {
		w.issuers = []oidc.Settings{{Issuer: google.URL, Audiences: []string{"my-project"}, LinkEmail: true}}
		w.url = w.beside(t).url
		c := &client{t: t, w: w}
		token := google.Token("uid-1", "my-project", firebase("ada@example.com"))
		in := c.call(http.StatusOK, http.MethodPost, "/auth/exchange", map[string]any{"id_token": token})
		c.expect(in.text("user.email") == "ada@example.com", "the issuer's verified address is hers: %s", in.raw)
		c.buy("pack_100")
		spent := c.call(http.StatusOK, http.MethodPost, "/points/spend", `{"amount":30}`, "Idempotency-Key", "s1")
		c.expect(spent.number("points.available") == 70, "she has 70 points left: %s", spent.raw)
		c.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": c.refresh})

		phone := &client{t: t, w: w}
		token = google.Token("uid-1", "my-project", nil)
		again := phone.call(http.StatusOK, http.MethodPost, "/auth/exchange", map[string]any{"id_token": token})
		c.expect(again.text("user.id") == in.text("user.id") && again.number("points.available") == 70,
			"her next token finds her account: %s", again.raw)

		eve := &client{t: t, w: w}
		for name, claims := range map[string]map[string]any{
			"of another project": {"aud": "her-project"},
			"expired":            {"exp": time.Now().Unix() - 1},
		} {
			refused := eve.call(http.StatusUnauthorized, http.MethodPost, "/auth/exchange",
				map[string]any{"id_token": google.Token("uid-1", "my-project", claims)})
			c.expect(refused.text("type") == "/problems/unauthorized", "%s: %s", name, refused.raw)
		}
		c.counts(2, `pointsync_login_failures_total{method="id_token",reason="wrong"}`)
		anonymous := eve.call(http.StatusOK, http.MethodPost, "/auth/exchange",
			map[string]any{"id_token": google.Token("uid-2", "my-project", nil)})
		c.expect(anonymous.at("user.email") == nil, "an account may have no address: %s", anonymous.raw)
		eve.call(http.StatusOK, http.MethodGet, "/session", nil)
	})
}

// TestNonceLogsInOnce proves that a token with a nonce, which Firebase's have not, opens one login.
func TestNonceLogsInOnce(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	eachWorld(t, func(t *testing.T, w *world) {
		w.issuers = []oidc.Settings{{Issuer: i.URL, Audiences: []string{"app"}}}
		c := &client{t: t, w: w.beside(t)}
		token := i.Token("ada", "app", map[string]any{"nonce": "n1"})
		c.call(http.StatusOK, http.MethodPost, "/auth/exchange", map[string]any{"id_token": token, "nonce": "n1"})
		end := map[string]any{"refresh_token": c.refresh}
		c.call(http.StatusNoContent, http.MethodPost, "/auth/logout", end)
		used := c.call(
			http.StatusUnauthorized, http.MethodPost, "/auth/exchange", map[string]any{"id_token": token},
		)
		c.expect(used.text("type") == "/problems/id-token-used", "it logs in once: %s", used.raw)
	})
}

// hasALoginElsewhere logs in with an ID token.
func (c *client) hasALoginElsewhere() {
	c.t.Helper()
	i := issuertest.New(c.t, "", "ES256")
	c.w.issuers = []oidc.Settings{{Issuer: i.URL, Audiences: []string{"app"}}}
	phone := &client{t: c.t, w: c.w.beside(c.t)}
	phone.call(http.StatusOK, http.MethodPost, "/auth/exchange", map[string]any{"id_token": i.Token("ada", "app", nil)})
	if _, ok := phone.w.seen.Load("exchange"); ok {
		c.w.seen.Store("exchange", true)
	}
}

// TestIssuerDown proves that an issuer that does not respond is a problem of its own, with the time of the next try,
// and that it stops neither the server nor a login by password.
func TestIssuerDown(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	i.Down.Store(true)
	eachWorld(t, func(t *testing.T, w *world) {
		w.issuers = []oidc.Settings{{Issuer: i.URL, Audiences: []string{"app"}}}
		c := &client{t: t, w: w.beside(t)}
		for range 3 {
			a := c.call(http.StatusServiceUnavailable, http.MethodPost, "/auth/exchange",
				map[string]any{"id_token": i.Token("ada", "app", nil)})
			retry := a.header.Get("Retry-After")
			c.expect(a.text("type") == "/problems/issuer-unavailable" && retry != "" && retry != "0",
				"the issuer is down: %s, Retry-After %q", a.raw, retry)
		}
		w.user(t).call(http.StatusOK, http.MethodGet, "/session", nil)
	})
}

// TestPasswordsOff proves that the setting refuses to register and to log in with a password, with a problem of its
// own, and that who is logged in stays so.
func TestPasswordsOff(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		w.passwordsOff = true
		c.w = w.beside(t)
		for _, path := range []string{"/auth/register", "/auth/login"} {
			for _, guess := range []string{password, "another password"} {
				login := map[string]any{"email": c.email, "password": guess}
				a := c.call(http.StatusForbidden, http.MethodPost, path, login)
				c.expect(a.text("type") == "/problems/password-login-off", "%s: %s", path, a.raw)
			}
		}
		c.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": c.refresh})
		c.call(http.StatusNoContent, http.MethodPost, "/auth/logout", map[string]any{"refresh_token": c.refresh})
	})
}
