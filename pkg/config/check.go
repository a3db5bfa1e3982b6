package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

func (c *Config) checkDatabase(p *problems) {
	u := c.DatabaseURL.Reveal()
	switch {
	case u == "":
		p.missing("DATABASE_URL", "postgres://user:password@host/database or sqlite://path/to/file.db")
	case isPlaceholder(u):
		p.placeholder("DATABASE_URL")
	case !strings.HasPrefix(u, "postgres://") && !strings.HasPrefix(u, "postgresql://") &&
		!strings.HasPrefix(u, "sqlite://"):
		p.add("DATABASE_URL must begin with postgres:// or sqlite://")
	case strings.TrimPrefix(u, "sqlite://") == "":
		p.add("DATABASE_URL names no file: sqlite://path/to/file.db")
	default:
		if err := CheckDatabaseURL(u); err != nil {
			p.add("DATABASE_URL %s", err)
		}
	}
	if c.MaxConns < 2 || c.MaxConns > 1000 {
		p.add("POINTSYNC_DATABASE_MAX_CONNS must be from 2 to 1000")
	}
	if c.LowPoints < 0 || c.LowPoints > 1<<43 { // every command that writes points also reports low ones
		p.add("POINTSYNC_LOW_POINTS must be from 0 to %d", int64(1)<<43)
	}
}

// CheckDatabaseURL refuses the address of a PostgreSQL if its password would be misread. An unescaped @, /, ? or #
// turns a part of the password into a host, a port, a database or a setting, and those are printed. The error repeats
// nothing of the address.
func CheckDatabaseURL(address string) error {
	_, rest, found := strings.Cut(address, "://")
	if !found || strings.HasPrefix(address, "sqlite://") {
		return nil
	}
	const escape = "write what is special in the user and the password as %40 (@), %2F (/), %3F (?), %23 (#), %3A (:) and %25 (%)"
	login, _, hasLogin := cutLast(rest, "@")
	_, password, _ := strings.Cut(login, ":")
	switch {
	case hasLogin && strings.ContainsAny(login, "@/?#"), strings.Contains(password, ":"):
		return errors.New("holds a user or a password with characters that have a meaning in an address: " + escape)
	case strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("holds a space or a control character: " + escape)
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("is not an address: " + escape)
	case u.Fragment != "" || strings.Contains(rest, "#"):
		return errors.New("has something after a #: " + escape)
	}
	return nil
}

// cutLast splits s at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

var stripeKeyPattern = regexp.MustCompile(`^(sk|rk)_(test|live)_[A-Za-z0-9_]{3,}$`)

func (c *Config) checkStripe(p *problems) {
	key := c.StripeKey.Reveal()
	switch {
	case key == "":
		p.missing("STRIPE_SECRET_KEY", "sk_test_… or sk_live_… from Stripe's dashboard; sk_test_123 for the sandbox")
	case isPlaceholder(key):
		p.placeholder("STRIPE_SECRET_KEY")
	case strings.HasPrefix(key, "pk_"):
		p.add("STRIPE_SECRET_KEY is a publishable key (pk_…); the secret one begins with sk_ or rk_")
	case !stripeKeyPattern.MatchString(key):
		p.add("STRIPE_SECRET_KEY is not a Stripe key: it begins with sk_test_, sk_live_, rk_test_ or rk_live_")
	}
	if c.StripeAPIBase != "" {
		if !isURL(c.StripeAPIBase) {
			p.add("STRIPE_API_BASE is not an address such as http://127.0.0.1:12111")
		}
		if c.Live() && c.StripeAPIBase != "https://api.stripe.com" {
			p.add(
				"STRIPE_SECRET_KEY is a live key and STRIPE_API_BASE is not Stripe: a live key is never sent to a sandbox",
			)
		}
	}
	if c.Catalog == "" {
		p.missing("POINTSYNC_CATALOG", "the path of catalog.yaml")
	}
	switch {
	case c.ClockURL == "":
	case !isURL(c.ClockURL):
		p.add("POINTSYNC_CLOCK_URL is not an address such as http://127.0.0.1:12111/_sandbox/clock")
	case c.Live():
		p.add("STRIPE_SECRET_KEY is a live key and POINTSYNC_CLOCK_URL is set: with real money the time is real")
	}
}

// minWebhookSecret is how many letters a webhook secret needs after its whsec_. Stripe's have 32. With a guessed
// secret, an attacker could send us events about any customer, and make us ask Stripe again and again.
const minWebhookSecret = 24

func (c *Config) checkServer(p *problems) {
	c.checkWebhookSecrets(p)
	c.checkAddresses(p)
	c.checkProxies(p)
	switch {
	case c.SigningKeys == "":
		p.missing("POINTSYNC_SIGNING_KEYS", "make one with pointsync keygen")
	case isPlaceholder(c.SigningKeys.Reveal()):
		p.placeholder("POINTSYNC_SIGNING_KEYS")
	}
	c.checkBounds(p)
	c.checkHSTS(p)
	c.checkReceipts(p)
	if c.PasswordLogin != "on" && c.PasswordLogin != "off" {
		p.add("POINTSYNC_PASSWORD_LOGIN must be on or off")
	}
	if c.Console != "on" && c.Console != "off" {
		p.add("POINTSYNC_ADMIN_CONSOLE must be on or off")
	}
	c.checkMail(p)
	if !claimPattern.MatchString(c.Issuer) {
		p.add("POINTSYNC_TOKEN_ISSUER must be one name or address, without spaces, commas, semicolons or quotes")
	}
	if !claimPattern.MatchString(c.Audience) {
		p.add(
			"POINTSYNC_TOKEN_AUDIENCE must be one name or address, without spaces, commas, semicolons or quotes: a token is for one audience, and it is compared letter by letter",
		)
	}
}

func (c *Config) checkWebhookSecrets(p *problems) {
	if len(c.WebhookSecrets) == 0 {
		p.missing(
			"STRIPE_WEBHOOK_SECRET",
			"whsec_… as printed by pointsync stripe setup --webhook-url; comma-separated while one is rolled",
		)
	}
	for _, s := range c.WebhookSecrets {
		switch {
		case isPlaceholder(s.Reveal()):
			p.placeholder("STRIPE_WEBHOOK_SECRET")
		case !strings.HasPrefix(s.Reveal(), "whsec_") || strings.TrimSpace(s.Reveal()) != s.Reveal():
			p.add("STRIPE_WEBHOOK_SECRET holds something that is not a webhook secret: each begins with whsec_")
		case len(s) < len("whsec_")+minWebhookSecret || billing.Guessable(strings.TrimPrefix(s.Reveal(), "whsec_")):
			p.add("STRIPE_WEBHOOK_SECRET holds a whsec_ that anyone could guess: take the one that Stripe made")
		}
	}
}

// checkAddresses checks where the server listens, and where its customers come from.
func (c *Config) checkAddresses(p *problems) {
	if !isListening(c.Addr) {
		p.add("POINTSYNC_ADDR must be host:port, such as 127.0.0.1:8080 or :8080, with a port up to 65535")
	}
	switch {
	case c.OpsAddr == "":
	case !isListening(c.OpsAddr):
		p.add("POINTSYNC_OPS_ADDR must be host:port, such as 127.0.0.1:9090, with a port up to 65535")
	case c.OpsAddr == c.Addr && !strings.HasSuffix(c.Addr, ":0"):
		p.add("POINTSYNC_OPS_ADDR is POINTSYNC_ADDR: leave it out to serve everything there")
	}
	if len(c.AllowedOrigins) == 0 {
		p.missing(
			"POINTSYNC_ALLOWED_ORIGINS",
			"comma-separated, such as https://app.example.com; the first is where customers return by default",
		)
	}
	for _, o := range c.AllowedOrigins {
		if err := CheckOrigin(o); err != nil {
			p.add("POINTSYNC_ALLOWED_ORIGINS holds %v", err)
		}
	}
}

// checkHSTS bounds how long browsers use TLS alone.
func (c *Config) checkHSTS(p *problems) {
	if c.HSTSSeconds < 0 || c.HSTSSeconds > maxHSTSSeconds {
		p.add("POINTSYNC_HSTS must be from 0 to %d seconds; 0 sends no header", maxHSTSSeconds)
	}
}

// maxHSTSSeconds is two years. Browsers keep to it, whatever the server says later, so a slip must not mean longer.
const maxHSTSSeconds = 63072000

// checkBounds checks the settings of a server that are a number or an amount of time.
func (c *Config) checkBounds(p *problems) {
	if c.PastDueGrace < 0 || c.RenewalGrace < 0 || c.PastDueGrace > 90*24*time.Hour || c.RenewalGrace > 7*24*time.Hour {
		p.add("POINTSYNC_PAST_DUE_GRACE must be from 0 to 2160h and POINTSYNC_RENEWAL_GRACE from 0 to 168h")
	}
	if c.ShutdownDelay < 0 || c.ShutdownDelay > 5*time.Minute {
		p.add("POINTSYNC_SHUTDOWN_DELAY must be from 0s to 5m")
	}
	if c.TopUpCoolOff < time.Minute || c.TopUpCoolOff > 24*time.Hour {
		p.add("POINTSYNC_TOP_UP_COOL_OFF must be from 1m to 24h")
	}
	if c.ParkGrants < 0 || c.ParkPoints < 0 {
		p.add("POINTSYNC_PARK_GRANTS and POINTSYNC_PARK_POINTS must not be negative; 0 is no bound")
	}
	if c.Backfill < time.Second || c.Backfill > 24*time.Hour {
		p.add("POINTSYNC_BACKFILL_INTERVAL must be from 1s to 24h")
	}
	if c.KeyRate < 1 || c.KeyRate > 100_000 {
		p.add("POINTSYNC_SERVICE_KEY_RATE must be from 1 to 100000 requests a second")
	}
}

// checkReceipts refuses an audience of receipts that a verifier could not compare, or that is the one of access tokens.
func (c *Config) checkReceipts(p *problems) {
	switch {
	case !claimPattern.MatchString(c.ReceiptsFor()):
		p.add("POINTSYNC_RECEIPT_AUDIENCE must be one name or address, without spaces, commas, semicolons or quotes")
	case c.Receipts == c.Audience:
		p.add("POINTSYNC_RECEIPT_AUDIENCE is POINTSYNC_TOKEN_AUDIENCE: a receipt must not be for the readers of access tokens")
	}
}

// withoutLogin removes what is before an @, because it may be a password.
func withoutLogin(address string) string {
	if _, rest, found := cutLast(address, "@"); found {
		return "…@" + rest
	}
	return address
}

// claimPattern matches one issuer or one audience. It must be exactly one, because verifiers compare it letter by
// letter.
var claimPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@?=&%+~-]*$`)

// isListening reports whether a server can be told to listen at an address. The port 0 means any free one.
func isListening(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && isPort(port, 0)
}

// isPort reports whether a text is a number from least to 65535. "" is none.
func isPort(port string, least uint64) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n >= least
}

// CheckOrigin refuses what a browser would not send as the origin of a page. The error quotes the origin, without a
// login.
func CheckOrigin(o string) error {
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || o != u.Scheme+"://"+u.Host || (u.Scheme != "https" && u.Scheme != "http") ||
		u.Port() != "" && !isPort(u.Port(), 1) || strings.HasSuffix(o, ":") {
		return fmt.Errorf(
			"%q, which is not an origin: scheme and host alone, such as https://app.example.com", withoutLogin(o),
		)
	}
	return nil
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https") &&
		(u.Port() == "" || isPort(u.Port(), 1))
}

// placeholders match what examples contain instead of a value. Each is too long or too unusual to occur in a random
// secret by chance.
var placeholders = regexp.MustCompile(`(?i)change.?me|placeholder|your[_-]|x{6}|[_:]x+$|\.\.\.|…|<|>|replace.?me|\$\{`)

func isPlaceholder(s string) bool { return placeholders.MatchString(s) }
