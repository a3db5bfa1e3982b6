package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

// TestGoneCaller proves of every operation that a caller whose account is gone gets 401, whatever the request is. So
// does a caller who never had an account.
func TestGoneCaller(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		never, _, err := token.NewIssuer(w.keys, "pointsync", "pointsync", w.Now).Mint(
			billing.Account{ID: billing.NewAccountID(w.Now())}, "ses_1",
		)
		must(t, err)
		left, admin := w.user(t), w.admin(t)
		for _, c := range []*client{left, admin} {
			for _, statement := range []string{
				`DELETE FROM refresh_tokens WHERE login_id IN (SELECT id FROM logins WHERE account_id = '$ACC')`,
				`DELETE FROM logins WHERE account_id = '$ACC'`,
				`DELETE FROM admin_actions WHERE account_id = '$ACC'`, `DELETE FROM accounts WHERE id = '$ACC'`,
			} {
				_, err := w.db.SQL().ExecContext(
					t.Context(), strings.ReplaceAll(statement, "$ACC", c.claims().text("sub")),
				)
				must(t, err)
			}
		}
		tried := 0
		for _, c := range crossings(t) {
			if !slices.Contains(c.sent, "Authorization") {
				continue
			}
			tried++
			for who, held := range map[string]string{
				"a stranger": never, "a customer who left": left.token, "an admin who left": admin.token,
			} {
				a, err := (&client{t: t, w: w, token: held}).do(c.method, c.path, nil)
				must(t, err)
				if a.status != http.StatusUnauthorized || a.text("type") != "/problems/unauthorized" {
					t.Errorf("%s of %s: %d %s", c.id, who, a.status, a.raw)
				}
			}
		}
		if tried < 25 {
			t.Errorf("%d operations were tried: most need a caller", tried)
		}
	})
}

// TestAdminIsOutAtOnce proves that an admin whose login has ended is no admin from the next request on, although their
// token is still valid. The login ends by a logout, or because two clients used the refresh token. Their other login
// stays, and a customer's token is accepted as before.
func TestAdminIsOutAtOnce(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		path := "/admin/accounts?parked=true"
		out, stolen, customer := w.admin(t), w.admin(t), w.user(t)
		second := out.other()
		second.call(
			http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"email": out.email, "password": password},
		)
		out.call(http.StatusOK, http.MethodGet, path, nil)
		out.call(http.StatusNoContent, http.MethodPost, "/auth/logout", map[string]any{"refresh_token": out.refresh})
		used := stolen.refresh
		for range 2 { // the second refresh uses the successor, which invalidates the first token
			stolen.call(
				http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": stolen.refresh},
			)
		}
		stolen.call(http.StatusUnauthorized, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": used})
		for _, c := range crossings(t) {
			if !strings.HasPrefix(c.path, "/admin/") {
				continue
			}
			for who, admin := range map[string]*client{
				"one who logged out": out, "one whose login was stolen": stolen,
			} {
				a, err := admin.other().do(c.method, c.path, nil)
				must(t, err)
				if a.status != http.StatusUnauthorized {
					t.Errorf("%s of %s: %d %s", c.id, who, a.status, a.raw)
				}
			}
		}
		second.call(http.StatusOK, http.MethodGet, path, nil)
		customer.call(http.StatusNotFound, http.MethodGet, path, nil)
	})
}

// TestEndedLogin proves of every operation that needs a caller that the token of an ended login is refused from the
// next request on. The account's other login stays.
func TestEndedLogin(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		out := w.user(t)
		second := out.other()
		second.call(
			http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"email": out.email, "password": password},
		)
		out.call(http.StatusOK, http.MethodGet, "/points", nil)
		out.call(http.StatusNoContent, http.MethodPost, "/auth/logout", map[string]any{"refresh_token": out.refresh})
		for _, c := range crossings(t) {
			if !slices.Contains(c.sent, "Authorization") || strings.HasPrefix(c.path, "/admin/") {
				continue
			}
			a, err := (&client{t: t, w: w, token: out.token}).do(c.method, c.path, nil)
			must(t, err)
			if a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", c.id, a.status, a.raw)
			}
		}
		second.call(http.StatusOK, http.MethodGet, "/points", nil)
	})
}

// TestOddTexts proves of every operation that a NUL or broken UTF-8 in any part of a request is refused as the sender's
// fault, because no database would accept it. The parts are the query, the path, a header and a member of the body.
func TestOddTexts(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		admin := w.admin(t)
		s, err := openSpec()
		must(t, err)
		for path, item := range s.doc.Paths.Map() {
			for method, op := range item.Operations() {
				key := []string{"Idempotency-Key", "k"}
				for _, odd := range []string{"%00", "a%00b", "%FF", "%C3%28", "%ED%A0%80"} {
					var addresses []string
					for _, p := range op.Parameters {
						switch p.Value.In {
						case "query":
							addresses = append(
								addresses, addressFor(t, path)+"?"+p.Value.Name+"="+odd,
								addressFor(t, path)+"?"+p.Value.Name+"=a@b.example"+odd,
							)
						case "path":
							addresses = append(
								addresses, addressFor(t, strings.Replace(path, "{"+p.Value.Name+"}", odd, 1)),
							)
						}
					}
					for _, address := range addresses {
						holdOdd(t, admin, method, address, nil, key)
					}
				}
				if op.RequestBody == nil || path == "/webhook" {
					continue
				}
				for name := range op.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties {
					for _, odd := range []string{`a\u0000b`, "a\xffb", `\ud800`} {
						address := addressFor(t, path)
						holdOdd(t, admin, method, address, fmt.Sprintf(`{"%s":"%s"}`, name, odd), key)
						holdOdd(t, admin, method, address, fmt.Sprintf(`{"%s":"x","%s":"y"}`, name, odd), key)
					}
				}
			}
		}
		for _, odd := range []string{"\x80", "sch\xfcssel"} {
			for _, name := range []string{
				"Idempotency-Key", "Last-Event-ID", "Authorization", "X-Request-Id", "Stripe-Signature",
			} {
				a, err := admin.other().do(http.MethodPost, "/points/spend", `{"amount":1}`, name, "-", name, odd)
				must(t, err)
				if a.status > 499 {
					t.Errorf("%s %q: %d %s", name, odd, a.status, a.raw)
				}
			}
		}
	})
}

func holdOdd(t *testing.T, admin *client, method, address string, body any, header []string) {
	t.Helper()
	a, err := admin.other().do(method, address, body, header...)
	if err != nil {
		t.Errorf("%s %s %v: %v", method, address, body, err)
		return
	}
	if a.status < 400 || a.status > 499 {
		t.Errorf("%s %s %v: %d %s", method, address, body, a.status, a.raw)
	}
}
