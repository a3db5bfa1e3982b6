package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// mistake is one wrong setting, and a word that its sentence must contain in addition to the name.
type mistake struct{ name, value, says string }

func mistakes() []mistake {
	list := []mistake{
		{
			"DATABASE_URL", "mysql://x@y/z", "must begin",
		}, {"DATABASE_URL", "sqlite://", "no file"}, {"DATABASE_URL", "app.db", "must begin"},
		{"POINTSYNC_DATABASE_MAX_CONNS", "0", "from 2"}, {"POINTSYNC_DATABASE_MAX_CONNS", "many", "int"}, {
			"POINTSYNC_DATABASE_MAX_CONNS", "1001", "to 1000",
		},
		{"POINTSYNC_ALLOW_UNSAFE_DATABASE", "perhaps", "bool"},
		{"STRIPE_SECRET_KEY", "pk_test_51abc", "publishable"}, {"STRIPE_SECRET_KEY", "sk_51abc", "not a Stripe key"}, {
			"STRIPE_SECRET_KEY", "sk_test_51 abc", "not a Stripe key",
		},
		{"STRIPE_SECRET_KEY", "sk_test_51abc\n", "not a Stripe key"},
		{"STRIPE_API_BASE", "127.0.0.1:12111", "address"}, {"STRIPE_API_BASE", "ftp://x", "address"},
		{"STRIPE_WEBHOOK_SECRET", "secret", "whsec_"}, {"STRIPE_WEBHOOK_SECRET", "whsec_", "whsec_"}, {
			"STRIPE_WEBHOOK_SECRET", "whsec_12345678", "guess",
		},
		{"STRIPE_WEBHOOK_SECRET", "whsec_" + strings.Repeat("a", 32), "guess"}, {
			"STRIPE_WEBHOOK_SECRET", "whsec_secretsecretsecretsecretsecret", "guess",
		},
		{"STRIPE_WEBHOOK_SECRET", "whsec_q7Lx2VbT9mKdR4wZpHc8NfY", "guess"}, {
			"STRIPE_WEBHOOK_SECRET", "whsec_q7Lx2VbT9mKdR4wZpHc8NfYs3JgAe5Uo,", "whsec_",
		},
		{
			"STRIPE_WEBHOOK_SECRET", "whsec_q7Lx2VbT9mKdR4wZpHc8NfYs3JgAe5Uo, whsec_B6tWn1XyGq0ZkPv4SdMh7RrCu9EoTfLj",
			"whsec_",
		},
		{"POINTSYNC_ADDR", "8080", "host:port"}, {"POINTSYNC_ADDR", ":65536", "65535"}, {
			"POINTSYNC_ADDR", "127.0.0.1:-1", "65535",
		}, {"POINTSYNC_ADDR", ":http", "65535"},
		{"POINTSYNC_OPS_ADDR", "9090", "host:port"}, {"POINTSYNC_OPS_ADDR", ":70000", "65535"},
		{"POINTSYNC_OPS_ADDR", "127.0.0.1:8080", "is POINTSYNC_ADDR"},
		{"POINTSYNC_REGISTRATION", "closed", "private"}, {"POINTSYNC_REGISTRATION", "private", "POINTSYNC_SMTP_URL"},
		{"POINTSYNC_PRODUCT_NAME", "two\nlines", "one line"},
		{"STRIPE_API_BASE", "http://127.0.0.1:0", "address"}, {
			"POINTSYNC_CLOCK_URL", "http://127.0.0.1:99999/clock", "address",
		},
		{
			"POINTSYNC_ALLOWED_ORIGINS", "https://shop.example:99999", "origin",
		}, {"POINTSYNC_ALLOWED_ORIGINS", "https://shop.example:0", "origin"},
		{
			"POINTSYNC_TOKEN_AUDIENCE", "a,b", "one audience",
		}, {"POINTSYNC_TOKEN_AUDIENCE", "a b", "one audience"}, {"POINTSYNC_TOKEN_AUDIENCE", "a;b", "one audience"},
		{
			"POINTSYNC_TOKEN_AUDIENCE", `["a"]`, "one audience",
		}, {"POINTSYNC_TOKEN_AUDIENCE", `"a"`, "one audience"}, {"POINTSYNC_TOKEN_AUDIENCE", "a,", "one audience"},
		{"POINTSYNC_RECEIPT_AUDIENCE", "a b", "one name"},
		{"POINTSYNC_RECEIPT_AUDIENCE", "pointsync", "TOKEN_AUDIENCE"},
		{"POINTSYNC_ADMIN_CONSOLE", "false", "on or off"},
		{"POINTSYNC_PASSWORD_LOGIN", "false", "on or off"}, {"POINTSYNC_PASSWORD_LOGIN", "OFF", "on or off"},
		{"POINTSYNC_TOKEN_ISSUER", "a,b", "one name"}, {"POINTSYNC_TOKEN_ISSUER", "points\u00a0sync", "one name"},
		{"POINTSYNC_TOP_UP_COOL_OFF", "59s", "from 1m"}, {"POINTSYNC_TOP_UP_COOL_OFF", "25h", "to 24h"},
		{"POINTSYNC_SHUTDOWN_DELAY", "-1s", "to 5m"}, {"POINTSYNC_SHUTDOWN_DELAY", "6m", "to 5m"}, {
			"POINTSYNC_SHUTDOWN_DELAY", "10", "Duration",
		},
		{"POINTSYNC_ALLOWED_ORIGINS", "*", "origin"}, {"POINTSYNC_ALLOWED_ORIGINS", "shop.example", "origin"}, {
			"POINTSYNC_ALLOWED_ORIGINS", "https://shop.example/", "origin",
		},
		{
			"POINTSYNC_ALLOWED_ORIGINS", "https://u:p@shop.example", "origin",
		}, {"POINTSYNC_ALLOWED_ORIGINS", "javascript://x", "origin"},
		{"POINTSYNC_ALLOWED_ORIGINS", "https://shop.example,", "origin"}, {
			"POINTSYNC_ALLOWED_ORIGINS", "https://shop.example?x", "origin",
		},
		{
			"POINTSYNC_PAST_DUE_GRACE", "3 days", "Duration",
		}, {"POINTSYNC_PAST_DUE_GRACE", "-1h", "from 0"}, {"POINTSYNC_RENEWAL_GRACE", "200h", "to 168h"},
		{
			"POINTSYNC_PARK_GRANTS", "-1", "negative",
		}, {"POINTSYNC_PARK_POINTS", "-5", "negative"}, {"POINTSYNC_PARK_POINTS", "many", "int64"},
		{
			"POINTSYNC_BACKFILL_INTERVAL", "0s", "from 1s",
		}, {"POINTSYNC_BACKFILL_INTERVAL", "25h", "to 24h"}, {"POINTSYNC_BACKFILL_INTERVAL", "5", "Duration"},
		{"POINTSYNC_SERVICE_KEY_RATE", "0", "from 1"}, {"POINTSYNC_SERVICE_KEY_RATE", "100001", "to 100000"},
		{"POINTSYNC_LOW_POINTS", "-1", "from 0"}, {
			"POINTSYNC_LOW_POINTS", "8796093022209", "to 8796093022208",
		}, {"POINTSYNC_LOW_POINTS", "few", "int64"},
		{"POINTSYNC_ALLOW_LOCAL_WEBHOOKS", "perhaps", "bool"},
		{"POINTSYNC_UNTHROTTLED", "perhaps", "bool"},
		{"POINTSYNC_HSTS", "-1", "from 0"}, {"POINTSYNC_HSTS", "63072001", "to 63072000"},
		{"POINTSYNC_HSTS", "1 year", "int64"},
		{"POINTSYNC_TRUSTED_PROXIES", "10.0.0.0/33", "network"}, {"POINTSYNC_TRUSTED_PROXIES", "proxy", "network"},
		{"POINTSYNC_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2", "network"},
		{"POINTSYNC_TRUSTED_PROXIES", "fe80::1%eth0", "network"},
		{"POINTSYNC_TRUSTED_PROXIES", "10.0.0.0/8,", "network"},
		{"POINTSYNC_TRUSTED_PROXIES", "0.0.0.0/0", "every"}, {"POINTSYNC_TRUSTED_PROXIES", "::/0", "every"},
		{"POINTSYNC_CLOCK_URL", "now", "address"}, {"POINTSYNC_LOG_LEVEL", "LOUD", "Level"},
	}
	for name, says := range map[string]string{
		"POINTSYNC_ADRR": "did you mean POINTSYNC_ADDR?", "POINTSYNC_LOGLEVEL": "did you mean POINTSYNC_LOG_LEVEL?",
		"POINTSYNC_DATABASE_URL": "did you mean DATABASE_URL?", "POINTSYNC_MODE": "no setting",
		"POINTSYNC_SIGNING_KEY":     "did you mean POINTSYNC_SIGNING_KEYS?",
		"POINTSYNC_trusted_proxies": "did you mean POINTSYNC_TRUSTED_PROXIES?", "POINTSYNC_": "no setting",
	} {
		list = append(list, mistake{name, "1", says})
	}
	for name := range good {
		list = append(list, mistake{name, "-", "is not set"})
	}
	for _, name := range []string{
		"DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "POINTSYNC_SIGNING_KEYS",
	} {
		for _, value := range []string{
			"changeme", "your-key", "<key>", "sk_test_...", "sk_test_…", "${KEY}", "sk_test_xxxxxxxx",
		} {
			list = append(list, mistake{name, value, "placeholder"})
		}
	}
	for _, name := range settings() {
		list = append(list, mistake{name, "", "is set but empty"}, mistake{name, "  ", "is set but empty"})
	}
	return list
}

// TestMistakes proves that every wrong setting is refused by a sentence that names it, and that no sentence repeats a
// secret.
func TestMistakes(t *testing.T) {
	for _, m := range mistakes() {
		t.Run(fmt.Sprintf("%s=%q", m.name, m.value), func(t *testing.T) {
			environment(t, map[string]string{m.name: m.value})
			_, err := Load(everything...)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !slices.ContainsFunc(
				lines(err), func(l string) bool { return strings.Contains(l, m.name) && strings.Contains(l, m.says) },
			) {
				t.Errorf("no sentence with the name and %q: %v", m.says, err)
			}
			silent(t, err.Error())
		})
	}
}

// lines returns the sentences of an error.
func lines(err error) []string { return strings.Split(err.Error(), "\n")[1:] }

// TestAllAtOnce proves that one run reports everything that is wrong.
func TestAllAtOnce(t *testing.T) {
	wrong := map[string]string{
		"DATABASE_URL": "-", "STRIPE_SECRET_KEY": "pk_test_1", "STRIPE_WEBHOOK_SECRET": "-",
		"POINTSYNC_ALLOWED_ORIGINS": "*", "POINTSYNC_SIGNING_KEYS": "changeme",
		"POINTSYNC_ADDR": "x", "POINTSYNC_DATABASE_MAX_CONNS": "many", "POINTSYNC_LOG_LEVEL": "LOUD",
	}
	environment(t, wrong)
	_, err := Load(everything...)
	if err == nil {
		t.Fatal("it was accepted")
	}
	for name := range wrong {
		if !slices.ContainsFunc(lines(err), func(l string) bool { return strings.HasPrefix(l, "  - "+name+" ") }) {
			t.Errorf("no sentence begins with %s: %v", name, err)
		}
	}
}
