package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

// secrets are those of the good environment.
var secrets = []string{
	"hunter2hunter2", "sk_test_51secretsecret", "whsec_q7Lx2VbT9mKdR4wZpHc8NfYs3JgAe5Uo",
	"whsec_B6tWn1XyGq0ZkPv4SdMh7RrCu9EoTfLj", "c2VlZHNlZWRzZWVk",
}

// TestPasswordIsNotPrinted proves that a password that changes the meaning of an address is refused by a sentence that
// repeats no part of it. The same password is accepted if it is escaped.
func TestPasswordIsNotPrinted(t *testing.T) {
	parts := []string{"hunter", "wolf", "deer"}
	for _, password := range []string{
		"hunter@wolf", "hunter@wolf@deer", "hunter/wolf", "hunter@wolf/deer", "hunter?wolf", "hunter#wolf",
		"8080/hunter", "hunter:wolf", "hunter wolf", "hunter%wolf",
		"@hunter", "hunter@", "hunter\twolf", "hunter@wolf?deer", "1#hunter@wolf",
	} {
		for _, rest := range []string{
			"@db.example/pointsync", "@db.example:5432/pointsync?sslmode=require", "@db.example",
		} {
			environment(t, map[string]string{"DATABASE_URL": "postgres://user:" + password + rest})
			_, err := Load(everything...)
			if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
				t.Errorf("%q: got %v", password, err)
				continue
			}
			for _, part := range append(parts, "8080") {
				if strings.Contains(err.Error(), part) {
					t.Errorf("of %q is printed: %v", password, err)
				}
			}
			environment(
				t,
				map[string]string{
					"DATABASE_URL": (&url.URL{
						Scheme: "postgres", User: url.UserPassword("user", password),
					}).String() + strings.TrimPrefix(rest, "@"),
				},
			)
			if _, err := Load(everything...); err != nil {
				t.Errorf("%q, escaped: %v", password, err)
			}
		}
	}
	environment(t, map[string]string{"POINTSYNC_ALLOWED_ORIGINS": "https://user:hunter@shop.example"})
	if _, err := Load(everything...); err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("an origin with a password: %v", err)
	}
	for _, address := range []string{
		"postgres://db.example/pointsync", "postgres://user@db.example/pointsync",
		"postgres://user:x@[::1]:5432/pointsync",
		"postgresql://user:x@a.example:1,b.example:2/p?target_session_attrs=any",
		"postgres:///pointsync?host=/var/run/postgresql", "sqlite:///var/lib/a@b#c.db",
	} {
		environment(t, map[string]string{"DATABASE_URL": address})
		if _, err := Load(everything...); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// silent fails if a text contains a secret.
func silent(t *testing.T, text string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%q is printed: %s", s, text)
		}
	}
}

// TestSecretsStaySecret proves that no way to print a configuration shows a secret, but that it still shows whether the
// secret is set.
func TestSecretsStaySecret(t *testing.T) {
	environment(t, nil)
	c, err := Load(everything...)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		l := slog.New(h)
		l.Info("configured", "config", c, "pointer", &c, "key", c.StripeKey, "secrets", c.WebhookSecrets)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{log.String(), string(asJSON)}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		texts = append(
			texts, fmt.Sprintf(format, c), fmt.Sprintf(format, &c), fmt.Sprintf(format, c.StripeKey),
			fmt.Sprintf(format, c.WebhookSecrets),
		)
	}
	for _, text := range texts {
		silent(t, text)
		for _, s := range secrets {
			silentHex(t, text, s)
		}
	}
	if got := fmt.Sprintf("%v %v", c.StripeKey, Secret("")); got != "[set] [not set]" {
		t.Errorf("got %s", got)
	}
}

// silentHex fails if a text contains a secret in hexadecimal digits.
func silentHex(t *testing.T, text, secret string) {
	t.Helper()
	if h := fmt.Sprintf("%x", secret); strings.Contains(strings.ToLower(text), h) {
		t.Errorf("%q is printed in hexadecimal: %s", secret, text)
	}
}
