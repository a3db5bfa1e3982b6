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

// The limits of mail, in bytes: for the part before the @, and for the whole address.
const (
	maxLocalPart = 64
	maxEmail     = 254
)

// NormalizeEmail returns the one spelling of an address. What people type as one address is one account, and no address
// contains what they cannot see.
//
// It ignores spaces around the address, upper case, the full-width letters of an Asian keyboard, and whether an accent
// is part of its letter or a separate mark. It writes the domain as DNS has it. It refuses invisible characters, spaces
// and direction marks. Errors: EInvalid.
func NormalizeEmail(email string) (string, error) {
	local, domain, ok := cutLast(width.Fold.String(strings.TrimSpace(email)), "@")
	// DNS's own rules would drop some of what is invisible, and encode what is not UTF-8.
	if !ok || strings.ContainsFunc(domain, invisible) || !billing.IsStorable(domain) {
		return "", notAnEmail()
	}
	// RFC 8265's profile for user names: only letters, digits and ASCII's signs, in lower case and composed (NFC).
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

// ByEmail returns the account with an address, in any spelling. Errors: EInvalid, ENotFound.
func ByEmail(ctx context.Context, db *store.DB, email string) (billing.Account, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return billing.Account{}, err
	}
	return db.AccountByEmail(ctx, email)
}

func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) }

// cutLast cuts s at its last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	at := strings.LastIndex(s, separator)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(separator):], true
}
