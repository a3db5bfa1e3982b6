package config

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
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

// everything is all that serve needs.
var everything = []Part{Database, Stripe, Server}

// environment sets the good environment with changes. The value "-" leaves a setting out. The tests of this package
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
		c.Live() || c.PasswordLogin != "on" || c.Console != "on" || c.Issuers != "" {
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

// TestOthersVariables proves that variables with our prefix that others set are accepted: those that Kubernetes sets
// for a service named pointsync or pointsync-db, and those of programs that call the API.
func TestOthersVariables(t *testing.T) {
	others := map[string]string{}
	for _, name := range []string{
		"POINTSYNC_SERVICE_HOST", "POINTSYNC_SERVICE_PORT", "POINTSYNC_SERVICE_PORT_HTTP", "POINTSYNC_PORT",
		"POINTSYNC_PORT_8080_TCP", "POINTSYNC_PORT_8080_TCP_PROTO", "POINTSYNC_PORT_8080_TCP_PORT",
		"POINTSYNC_PORT_8080_TCP_ADDR", "POINTSYNC_DB_PORT_5432_TCP_ADDR", "POINTSYNC_DB_SERVICE_HOST",
		"POINTSYNC_URL", "POINTSYNC_KEY",
	} {
		others[name] = "1"
	}
	environment(t, others)
	if _, err := Load(everything...); err != nil {
		t.Error(err)
	}
}

// TestLocalURL proves where a program on the same machine finds the server.
func TestLocalURL(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080/readyz", ":9000": "http://127.0.0.1:9000/readyz",
		"0.0.0.0:80": "http://127.0.0.1:80/readyz", "[::]:80": "http://127.0.0.1:80/readyz",
		"10.0.0.7:8080": "http://10.0.0.7:8080/readyz", "api.internal:8080": "http://api.internal:8080/readyz",
		"[fe80::2]:1": "http://[fe80::2]:1/readyz", "127.0.0.1:0": "", "8080": "",
	} {
		c := Config{Addr: addr}
		if got, err := c.LocalURL("/readyz"); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", addr, got, err, want)
		}
	}
}
