package api_test

import (
	"net/http"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

func badTokens(w *world, c *client) (list []refusal) {
	mint := func(keys token.Keys, issuer, audience string) string {
		i := token.NewIssuer(keys, issuer, audience, w.Now)
		raw, _, err := i.Mint(billing.Account{ID: billing.AccountID(c.claims().text("sub"))}, "ses_1")
		must(w.t, err)
		return raw
	}
	others, err := token.ParseKeys(token.GenerateKey("test")) // another key under our name
	must(w.t, err)
	parts := strings.Split(c.token, ".")
	for name, value := range map[string]string{
		"missing":              "-",
		"empty":                "Bearer ",
		"basic":                "Basic dXNlcjpwYXNz",
		"garbled":              "Bearer x.y.z",
		"unsigned":             "Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + parts[1] + ".",
		"signature cut":        "Bearer " + c.token[:len(c.token)-2],
		"another's claims":     "Bearer " + parts[0] + ".e30." + parts[2],
		"of another server":    "Bearer " + mint(others, "pointsync", "pointsync"),
		"of another issuer":    "Bearer " + mint(w.keys, "somebody", "pointsync"),
		"for another audience": "Bearer " + mint(w.keys, "pointsync", "somebody"),
		"far too long":         "Bearer " + strings.Repeat("a", 9000),
	} {
		header := []string{"Authorization", "-"}
		if value != "-" {
			header = append(header, "Authorization", value)
		}
		list = append(
			list,
			refusal{"token " + name, http.MethodPost, "/points/spend", `{"amount":1}`, header, 401, "unauthorized", ""},
		)
	}
	return append(
		list,
		refusal{
			"bad token before bad body", http.MethodPost, "/points/spend", `nothing`, []string{"Authorization", "-"},
			401, "unauthorized", "",
		},
	)
}

func badCredentials() (list []refusal) {
	for _, c := range []struct{ name, email, password, pointer string }{
		{"email without at", "ada.example.com", password, "/email"},
		{"email with a name", "Ada <ada@example.com>", password, "/email"},
		{"email empty", "", password, "/email"},
		{"email too long", strings.Repeat("a", 250) + "@example.com", password, "/email"},
		{"email that reads backwards", "ada\u202e@example.com", password, "/email"},
		{"email with a letter of no width", "a\u200bda@example.com", password, "/email"},
		{"email with a hard space", "a\u00a0da@example.com", password, "/email"},
		{"two emails", "a@example.com,b@example.com", password, "/email"},
		{"password too short", "ada@example.com", "short", "/password"},
		{"password too long", "ada@example.com", strings.Repeat("p", 129), "/password"},
	} {
		list = append(
			list,
			refusal{
				c.name, http.MethodPost, "/auth/register", map[string]any{"email": c.email, "password": c.password},
				nil, 400, "validation", c.pointer,
			},
		)
	}
	for name, body := range map[string]string{
		"missing": `{}`, "empty": `{"id_token":""}`, "of two parts": `{"id_token":"e30.e30"}`,
		"unsigned": `{"id_token":"e30.e30."}`, "as JSON": `{"id_token":"{}"}`, "not text": `{"id_token":7}`,
		"huge": `{"id_token":"e30.e30.` + strings.Repeat("a", 16_384) + `"}`,
	} {
		list = append(
			list,
			refusal{"ID token " + name, http.MethodPost, "/auth/exchange", body, nil, 400, "validation", "/id_token"},
		)
	}
	return append(list,
		refusal{
			"ID token of an unknown issuer", http.MethodPost, "/auth/exchange",
			`{"id_token":"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSJ9.c2ln"}`, nil, 401, "unauthorized", "",
		},
		refusal{
			"nonce empty", http.MethodPost, "/auth/exchange", `{"id_token":"e30.e30.e30","nonce":""}`, nil, 400,
			"validation", "/nonce",
		},
		refusal{
			"refresh token unknown", http.MethodPost, "/auth/refresh", `{"refresh_token":"psr_x"}`, nil, 401,
			"unauthorized", "",
		},
		refusal{
			"refresh token empty", http.MethodPost, "/auth/refresh", `{"refresh_token":""}`, nil, 400, "validation",
			"/refresh_token",
		},
		refusal{
			"access token as refresh token", http.MethodPost, "/auth/refresh",
			`{"refresh_token":"eyJhbGciOiJFZERTQSJ9.e30.c2ln"}`, nil, 401, "unauthorized", "",
		})
}
