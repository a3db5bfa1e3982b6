package account

import (
	"context"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/width"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Lengths that mail knows, in bytes: of the part before the @, and of the whole.
const (
	maxLocalPart = 64
	maxEmail     = 254
)

// NormalizeEmail returns the one spelling of an address: what people type as one address is one account, and what they
// cannot see is in none. Spaces around it do not count, nor do upper case, the full-width letters of an Asian keyboard,
// or whether an accent is a letter's own or a mark of its own; a domain is kept as DNS has it. Invisible characters,
// spaces and marks of direction are refused. Errors: EInvalid.
func NormalizeEmail(email string) (string, error) {
	local, domain, ok := cutLast(width.Fold.String(strings.TrimSpace(email)), "@")
	if !ok || strings.ContainsFunc(domain, invisible) { // DNS's own rules would drop some of them
		return "", notAnEmail()
	}
	// RFC 8265's profile for names of users: letters, digits and ASCII's signs alone, in lower case and composed (NFC).
	local, err := precis.UsernameCaseMapped.String(local)
	if err != nil {
		return "", notAnEmail()
	}
	if domain, err = idna.Lookup.ToASCII(domain); err != nil {
		return "", notAnEmail()
	}
	whole := local + "@" + domain
	parsed, err := mail.ParseAddress(whole)
	if err != nil || parsed.Address != whole || len(whole) > maxEmail || len(local) > maxLocalPart {
		return "", notAnEmail()
	}
	return whole, nil
}

func notAnEmail() error {
	return &billing.Error{Code: billing.EInvalid, Message: "The email is not an address.",
		Fields: []billing.FieldError{{Pointer: "/email", Message: "is not an email address"}}}
}

// ByEmail reads the account with an address, in any of its spellings. Errors: EInvalid, ENotFound.
func ByEmail(ctx context.Context, db *store.DB, email string) (billing.Account, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return billing.Account{}, err
	}
	return db.AccountByEmail(ctx, email)
}

func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) }

// cutLast cuts a text at the last of its separators.
func cutLast(s, separator string) (before, after string, found bool) {
	at := strings.LastIndex(s, separator)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(separator):], true
}
