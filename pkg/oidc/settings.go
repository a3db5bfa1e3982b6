package oidc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/strictyaml"
)

// Settings is what the operator decides about one issuer. docs/exchange.md explains each.
type Settings struct {
	Issuer            string         `yaml:"issuer"`             // as it stands in the claim iss
	Audiences         []string       `yaml:"audiences"`          // of which the claim aud must have one
	AuthorizedParties []string       `yaml:"authorized_parties"` // of which the claim azp must be one
	Require           map[string]any `yaml:"require"`            // claims that must be exactly so: a text or a bool
	JWKSURL           string         `yaml:"jwks_url"`           // "": the issuer's discovery names it
	MaxAge            time.Duration  `yaml:"max_age"`            // since the claim iat; 0: defaultMaxAge
	LinkEmail         bool           `yaml:"link_email"`         // believe what the issuer says about addresses
}

const (
	defaultMaxAge = time.Hour
	minMaxAge     = time.Minute
	maxMaxAge     = 24 * time.Hour
	maxIssuers    = 100
	maxNames      = 100 // in each list of an issuer
	maxText       = 255
)

func (s Settings) maxAge() time.Duration {
	if s.MaxAge == 0 {
		return defaultMaxAge
	}
	return s.MaxAge
}

// Load reads a file of issuers and checks it.
func Load(path string) ([]Settings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// Parse reads the issuers of a YAML text. It reports everything that is wrong at once.
func Parse(text []byte) ([]Settings, error) {
	var file struct {
		Issuers []Settings `yaml:"issuers"`
	}
	if err := strictyaml.Decode(text, &file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the list of issuers is not well-formed: %w", err)
	}
	var wrong []string
	if n := len(file.Issuers); n == 0 || n > maxIssuers {
		wrong = append(wrong, fmt.Sprintf("issuers must list from 1 to %d issuers", maxIssuers))
	}
	seen := map[string]bool{}
	for at, s := range file.Issuers {
		problems := s.check()
		if seen[s.Issuer] {
			problems = append(problems, "is listed twice: one entry can have several audiences")
		}
		for _, w := range problems {
			wrong = append(wrong, fmt.Sprintf("issuer %d (%s): %s", at+1, s.Issuer, w))
		}
		seen[s.Issuer] = true
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("the list of issuers is not usable:\n  - %s", strings.Join(wrong, "\n  - "))
	}
	return file.Issuers, nil
}

// check returns what is wrong with the settings of one issuer.
func (s Settings) check() (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if err := checkAddress(s.Issuer); err != nil {
		add("issuer %v", err)
	}
	if s.JWKSURL != "" {
		if err := checkAddress(s.JWKSURL); err != nil {
			add("jwks_url %v", err)
		}
	}
	if s.MaxAge != 0 && (s.MaxAge < minMaxAge || s.MaxAge > maxMaxAge) {
		add("max_age must be from %s to %s", minMaxAge, maxMaxAge)
	}
	return append(wrong, s.checkLists()...)
}

// checkLists returns what is wrong with what a token is compared with.
func (s Settings) checkLists() (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(s.Audiences) == 0 && len(s.AuthorizedParties) == 0 {
		add("audiences is missing: without it, or authorized_parties for an issuer whose tokens have no aud, " +
			"a token that was made for someone else's app would be accepted")
	}
	for _, name := range slices.Concat(s.Audiences, s.AuthorizedParties) {
		if err := checkName(name); err != nil {
			add("an audience or a party %v", err)
		}
	}
	if len(s.Audiences) > maxNames || len(s.AuthorizedParties) > maxNames || len(s.Require) > maxNames {
		add("a list has more than %d members", maxNames)
	}
	for name, value := range s.Require {
		if why := checkRequired(name, value); why != "" {
			add("require: %s %s", name, why)
		}
	}
	return wrong
}

// own are the claims that have a setting of their own, or are always checked.
var own = []string{"iss", "sub", "aud", "azp", "iat", "exp", "nbf", "nonce", "email", "email_verified", "events"}

func checkRequired(name string, value any) string {
	switch v := value.(type) {
	case bool:
	case string:
		if checkName(v) != nil {
			return "is empty, too long or a placeholder"
		}
	default:
		return "must be a text or true or false: quote a number"
	}
	if slices.Contains(own, name) {
		return "is checked otherwise, and cannot be required here"
	}
	return ""
}

var placeholder = regexp.MustCompile(`(?i)change.?me|placeholder|your[_-]|\.\.\.|…|<|>|\$\{`)

func checkName(name string) error {
	switch {
	case billing.Blank(name) || len(name) > maxText || strings.TrimSpace(name) != name:
		return errors.New("is empty, has spaces around it, or is too long")
	case placeholder.MatchString(name):
		return fmt.Errorf("still holds a placeholder: %s", name)
	}
	return nil
}

// checkAddress refuses an address over which someone in between could give us keys. Plain http is for an issuer on this
// machine, such as one in a test.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("is not an address such as https://login.example.com")
	case len(address) > maxText:
		return errors.New("is too long")
	case placeholder.MatchString(address):
		return errors.New("still holds a placeholder")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("must begin with https://")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
