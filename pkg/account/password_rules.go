package account

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/pointsync/pointsync/pkg/billing"
)

// The list is explained in common_passwords.md.
//
//go:embed common_passwords.txt
var commonPasswords string

var common = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for password := range strings.Lines(commonPasswords) {
		set[strings.TrimSpace(password)] = true
	}
	return set
})

// checkPassword refuses a new password that an attacker would try first: a common one, and one that is the account's
// email, the part before its @, or the product's name, also with digits and signs around it. Upper case makes no
// difference. The contract checks the length. Errors: EInvalid.
func (s *Service) checkPassword(password, email string) error {
	return CheckPassword(password, email, s.product)
}

// CheckPassword is the rule of new passwords for a product of a name. Errors: EInvalid.
func CheckPassword(password, email, product string) error {
	folded := fold(password)
	if common()[folded] {
		return billing.Invalid("/password", "is one of the most common passwords; choose one that no one else would")
	}
	local, _, _ := cutLast(email, "@")
	for _, known := range []string{email, local, product} {
		if known = fold(known); known != "" && (folded == known || core(folded) == core(known)) {
			return billing.Invalid("/password", "is the email or the product's name with little added")
		}
	}
	return nil
}

// core returns a text without the digits and signs around it. A text without letters is its own core.
func core(s string) string {
	inner := strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	if inner == "" {
		return s
	}
	return inner
}

func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// composed returns a password with its letters composed (NFC), so that é is one password whether a keyboard sends it as
// one character or as an e and an accent. Nothing else of a password is changed.
func composed(password string) string { return norm.NFC.String(password) }
