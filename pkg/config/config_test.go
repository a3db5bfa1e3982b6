package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// good is an environment that serve accepts. Its values are also the secrets that must never be printed.
var good = map[string]string{
	"DATABASE_URL":              "postgres://pointsync:hunter2hunter2@db.example/pointsync",
	"STRIPE_SECRET_KEY":         "sk_test_51secretsecret",
	"STRIPE_WEBHOOK_SECRET":     "whsec_q7Lx2VbT9mKdR4wZpHc8NfYs3JgAe5Uo,whsec_B6tWn1XyGq0ZkPv4SdMh7RrCu9EoTfLj",
	"POINTSYNC_ALLOWED_ORIGINS": "https://shop.example,http://localhost:3000",
	"POINTSYNC_SIGNING_KEYS":    "2026a:c2VlZHNlZWRzZWVkc2VlZHNlZWRzZWVkc2VlZHNlZWQ",
}

var secrets = []string{
	"hunter2hunter2", "sk_test_51secretsecret", "whsec_q7Lx2VbT9mKdR4wZpHc8NfYs3JgAe5Uo",
	"whsec_B6tWn1XyGq0ZkPv4SdMh7RrCu9EoTfLj", "c2VlZHNlZWRzZWVk",
}

// everything is all that serve needs.
var everything = []Part{Database, Stripe, Server}

// environment sets the good environment with changes. The value "-" leaves a setting out. The tests of this file
// cannot run in parallel, because a process has one environment.
func environment(t *testing.T, changes map[string]string) {
	t.Helper()
	for _, name := range settings() {
		t.Setenv(name, "") // so that the earlier value is restored
		os.Unsetenv(name)
	}
	all := maps.Clone(good)
	maps.Copy(all, changes)
	for name, value := range all {
		if value != "-" {
			t.Setenv(name, value)
		}
	}
}

// TestLoad proves what a good environment means, including the defaults.
func TestLoad(t *testing.T) {
	environment(t, nil)
	c, err := Load(everything...)
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:8080" || c.MaxConns != 20 || c.Catalog != "catalog.yaml" || c.PastDueGrace.Hours() != 72 ||
		c.RenewalGrace.Hours() != 2 || c.ParkGrants != 100 || c.ParkPoints != 10_000_000 ||
		c.Issuer != "pointsync" || c.Audience != "pointsync" || c.LogLevel != slog.LevelInfo || c.ShutdownDelay != 0 ||
		c.TopUpCoolOff != 10*time.Minute || c.AllowUnsafe || c.LocalWebhooks || c.Unthrottled || c.LowPoints != 0 ||
		c.Live() || c.PasswordLogin != "on" || c.Issuers != "" {
		t.Errorf("defaults: %+v", c)
	}
	if len(c.WebhookSecrets) != 2 || c.WebhookSecrets[1].Reveal() != "whsec_B6tWn1XyGq0ZkPv4SdMh7RrCu9EoTfLj" ||
		len(c.AllowedOrigins) != 2 {
		t.Errorf("lists: %v %v", c.WebhookSecrets, c.AllowedOrigins)
	}
	environment(t, map[string]string{"POINTSYNC_TRUSTED_PROXIES": "10.0.0.0/8,203.0.113.7,2001:db8::/32"})
	c, err = Load(everything...)
	if err != nil || fmt.Sprint(c.Proxies()) != "[10.0.0.0/8 203.0.113.7/32 2001:db8::/32]" {
		t.Errorf("proxies: %v %v", c.Proxies(), err)
	}
	environment(
		t,
		map[string]string{
			"STRIPE_SECRET_KEY": "rk_live_51secretsecret", "STRIPE_API_BASE": "https://api.stripe.com",
			"DATABASE_URL": "sqlite:///var/lib/x.db",
		},
	)
	if c, err := Load(everything...); err != nil || !c.Live() {
		t.Errorf("a live environment: %v", err)
	}
}

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
		{"POINTSYNC_TRUSTED_PROXIES", "10.0.0.0/33", "network"}, {"POINTSYNC_TRUSTED_PROXIES", "proxy", "network"},
		{"POINTSYNC_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2", "network"},
		{"POINTSYNC_TRUSTED_PROXIES", "fe80::1%eth0", "network"},
		{"POINTSYNC_TRUSTED_PROXIES", "10.0.0.0/8,", "network"},
		{"POINTSYNC_TRUSTED_PROXIES", "0.0.0.0/0", "every"}, {"POINTSYNC_TRUSTED_PROXIES", "::/0", "every"},
		{"POINTSYNC_CLOCK_URL", "now", "address"}, {"POINTSYNC_LOG_LEVEL", "LOUD", "Level"},
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

// lines returns the sentences of an error.
func lines(err error) []string { return strings.Split(err.Error(), "\n")[1:] }

// silent fails if a text contains a secret.
func silent(t *testing.T, text string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%q is printed: %s", s, text)
		}
	}
}

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

// TestRealMoney proves that a live key is used neither with a sandbox nor with a clock that someone can move.
func TestRealMoney(t *testing.T) {
	for _, key := range []string{"sk_live_51secretsecret", "rk_live_51secretsecret"} {
		for _, name := range []string{"STRIPE_API_BASE", "POINTSYNC_CLOCK_URL"} {
			environment(t, map[string]string{"STRIPE_SECRET_KEY": key, name: "http://127.0.0.1:12111"})
			if _, err := Load(everything...); err == nil || !strings.Contains(err.Error(), "live key") ||
				!strings.Contains(err.Error(), name) {
				t.Errorf("%s with %s: %v", name, key[:8], err)
			}
			environment(t, map[string]string{name: "http://127.0.0.1:12111"})
			if _, err := Load(everything...); err != nil {
				t.Errorf("%s with a test key: %v", name, err)
			}
		}
	}
	// A command that does not serve follows the clock too.
	environment(
		t,
		map[string]string{
			"STRIPE_SECRET_KEY": "sk_live_51secretsecret", "POINTSYNC_CLOCK_URL": "http://127.0.0.1:12111",
		},
	)
	if _, err := Load(Database, Stripe); err == nil {
		t.Error("a live key with a clock was accepted for a command")
	}
}

// TestPartsAlone proves that a command requires only what it needs.
func TestPartsAlone(t *testing.T) {
	environment(
		t,
		map[string]string{
			"STRIPE_SECRET_KEY": "-", "STRIPE_WEBHOOK_SECRET": "-", "POINTSYNC_ALLOWED_ORIGINS": "-",
			"POINTSYNC_SIGNING_KEYS": "-",
		},
	)
	if _, err := Load(Database); err != nil {
		t.Error(err)
	}
	if _, err := Load(Database, Stripe); err == nil || len(lines(err)) != 1 {
		t.Errorf("got %v", err)
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

// TestMail proves that a mail server needs a sender and a page for its links, and makes registering private unless the
// operator decides otherwise. The server's password is never printed.
func TestMail(t *testing.T) {
	complete := map[string]string{
		"POINTSYNC_SMTP_URL":  "smtps://user:hunter3hunter3@smtp.example.com",
		"POINTSYNC_MAIL_FROM": "Example <no-reply@example.com>",
		"POINTSYNC_LINK_URL":  "https://app.example.com/account",
	}
	environment(t, complete)
	if c, err := Load(everything...); err != nil || !c.PrivateRegistration() ||
		strings.Contains(fmt.Sprintf("%+v", c), "hunter3") {
		t.Errorf("got %v, %v", c.PrivateRegistration(), err)
	}
	with := func(name, value string) map[string]string {
		changed := maps.Clone(complete)
		changed[name] = value
		return changed
	}
	environment(t, with("POINTSYNC_REGISTRATION", "open"))
	if c, err := Load(everything...); err != nil || c.PrivateRegistration() {
		t.Errorf("open: %v, %v", c.PrivateRegistration(), err)
	}
	for _, m := range []mistake{
		{"POINTSYNC_MAIL_FROM", "-", "is not set"}, {"POINTSYNC_MAIL_FROM", "nobody", "address"},
		{"POINTSYNC_LINK_URL", "-", "is not set"}, {"POINTSYNC_LINK_URL", "app.example.com", "address"},
		{"POINTSYNC_LINK_URL", "https://app.example.com/#a", "#"},
		{"POINTSYNC_LINK_URL", "https://u:hunter3@app.example.com", "login"},
		{"POINTSYNC_SMTP_URL", "smtps://user:changeme@smtp.example.com", "placeholder"},
	} {
		environment(t, with(m.name, m.value))
		if _, err := Load(everything...); err == nil || !strings.Contains(err.Error(), m.name) ||
			!strings.Contains(err.Error(), m.says) || strings.Contains(err.Error(), "hunter3") {
			t.Errorf("%s=%s: %v", m.name, m.value, err)
		}
	}
}
