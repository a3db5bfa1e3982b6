// Package config turns the environment into a checked Config. It reports every setting that is missing, empty,
// malformed or a placeholder, each in its own sentence and all of them at once. It never prints secrets: not in an
// error, not in a log. It refuses to read files or to know what the settings are for.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Secret is text that prints only whether it is set. Call Reveal where it is used.
type Secret string

// String returns "[set]" or "[not set]".
func (s Secret) String() string {
	if s == "" {
		return "[not set]"
	}
	return "[set]"
}

// Format keeps all verbs of fmt, even %#v and %x, from showing what String hides.
func (s Secret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, s.String()) }

// LogValue keeps the secret out of structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the secret out of JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Config is the checked content of the environment. docs/configuration.md explains each setting.
type Config struct {
	DatabaseURL    Secret        `env:"DATABASE_URL"` // it holds a password
	MaxConns       int           `env:"POINTSYNC_DATABASE_MAX_CONNS" envDefault:"20"`
	AllowUnsafe    bool          `env:"POINTSYNC_ALLOW_UNSAFE_DATABASE"`
	StripeKey      Secret        `env:"STRIPE_SECRET_KEY"`
	StripeAPIBase  string        `env:"STRIPE_API_BASE"`
	WebhookSecrets []Secret      `env:"STRIPE_WEBHOOK_SECRET"`
	Catalog        string        `env:"POINTSYNC_CATALOG" envDefault:"catalog.yaml"`
	Addr           string        `env:"POINTSYNC_ADDR" envDefault:"127.0.0.1:8080"`
	OpsAddr        string        `env:"POINTSYNC_OPS_ADDR"`
	AllowedOrigins []string      `env:"POINTSYNC_ALLOWED_ORIGINS"`
	SigningKeys    Secret        `env:"POINTSYNC_SIGNING_KEYS"`
	Issuer         string        `env:"POINTSYNC_TOKEN_ISSUER" envDefault:"pointsync"`
	Audience       string        `env:"POINTSYNC_TOKEN_AUDIENCE" envDefault:"pointsync"`
	Receipts       string        `env:"POINTSYNC_RECEIPT_AUDIENCE"`
	PastDueGrace   time.Duration `env:"POINTSYNC_PAST_DUE_GRACE" envDefault:"72h"`
	RenewalGrace   time.Duration `env:"POINTSYNC_RENEWAL_GRACE" envDefault:"2h"`
	ShutdownDelay  time.Duration `env:"POINTSYNC_SHUTDOWN_DELAY" envDefault:"0s"`
	TopUpCoolOff   time.Duration `env:"POINTSYNC_TOP_UP_COOL_OFF" envDefault:"10m"`
	ParkGrants     int64         `env:"POINTSYNC_PARK_GRANTS" envDefault:"100"`
	ParkPoints     int64         `env:"POINTSYNC_PARK_POINTS" envDefault:"10000000"`
	Backfill       time.Duration `env:"POINTSYNC_BACKFILL_INTERVAL" envDefault:"5m"`
	LowPoints      int64         `env:"POINTSYNC_LOW_POINTS" envDefault:"0"`
	KeyRate        int           `env:"POINTSYNC_SERVICE_KEY_RATE" envDefault:"200"`
	TrustedProxies []string      `env:"POINTSYNC_TRUSTED_PROXIES"`
	HSTSSeconds    int64         `env:"POINTSYNC_HSTS" envDefault:"0"`
	Unthrottled    bool          `env:"POINTSYNC_UNTHROTTLED"`
	Issuers        string        `env:"POINTSYNC_ISSUERS"`
	PasswordLogin  string        `env:"POINTSYNC_PASSWORD_LOGIN" envDefault:"on"`
	Console        string        `env:"POINTSYNC_ADMIN_CONSOLE" envDefault:"on"`
	LocalWebhooks  bool          `env:"POINTSYNC_ALLOW_LOCAL_WEBHOOKS"`
	ProductName    string        `env:"POINTSYNC_PRODUCT_NAME" envDefault:"pointsync"`
	Registration   string        `env:"POINTSYNC_REGISTRATION"`
	SMTP           Secret        `env:"POINTSYNC_SMTP_URL"` // it holds a password
	MailFrom       string        `env:"POINTSYNC_MAIL_FROM"`
	LinkURL        string        `env:"POINTSYNC_LINK_URL"`
	ClockURL       string        `env:"POINTSYNC_CLOCK_URL"`
	LogLevel       slog.Level    `env:"POINTSYNC_LOG_LEVEL" envDefault:"INFO"`
}

// Part is a group of settings that a command needs.
type Part int

// The parts of the configuration that a command can need.
const (
	Database Part = iota
	Stripe
	Server
)

// Load reads the environment and checks the parts that the command needs.
func Load(parts ...Part) (Config, error) {
	var c Config
	var problems problems
	if err := env.Parse(&c); err != nil {
		var all env.AggregateError
		if !errors.As(err, &all) {
			all.Errors = []error{err}
		}
		for _, e := range all.Errors {
			problems.add("%s", describe(e))
		}
	}
	problems.emptyOnes()
	problems.unknownOnes()
	for _, p := range parts {
		switch p {
		case Database:
			c.checkDatabase(&problems)
		case Stripe:
			c.checkStripe(&problems)
		case Server:
			c.checkServer(&problems)
		}
	}
	return c, problems.err()
}

// describe names the setting that could not be read, without its value.
func describe(err error) string {
	var parse env.ParseError
	if errors.As(err, &parse) {
		if f, ok := settingOf(parse.Name); ok {
			return fmt.Sprintf("%s is not a %s", f, strings.TrimPrefix(parse.Type.String(), "time."))
		}
	}
	return "a setting could not be read"
}

// ReceiptsFor returns the audience of receipts.
func (c *Config) ReceiptsFor() string { return cmp.Or(c.Receipts, c.Audience+"/receipts") }

// LocalURL returns the address of a path of the server for a program on the same machine.
func (c *Config) LocalURL(path string) (string, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil || !isPort(port, 1) {
		return "", fmt.Errorf("POINTSYNC_ADDR is %q, which names no port to ask", c.Addr)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1" // a server on all addresses of IPv6 listens there too
	}
	return "http://" + net.JoinHostPort(host, port) + path, nil
}

// Live reports whether the key moves real money.
func (c *Config) Live() bool {
	return strings.HasPrefix(c.StripeKey.Reveal(), "sk_live_") || strings.HasPrefix(c.StripeKey.Reveal(), "rk_live_")
}

// problems collects everything that is wrong, so that it can be reported at once.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }
func (p *problems) missing(name, what string)      { p.add("%s is not set: %s", name, what) }
func (p *problems) placeholder(name string)        { p.add("%s still holds a placeholder", name) }

// emptyOnes finds settings that are set but empty. Nearly always a variable did not expand.
func (p *problems) emptyOnes() {
	for _, name := range settings() {
		if v, ok := os.LookupEnv(name); ok && strings.TrimSpace(v) == "" {
			p.add("%s is set but empty: give it a value or remove it", name)
		}
	}
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("the configuration is not usable:\n  - %s", strings.Join(p, "\n  - "))
}
