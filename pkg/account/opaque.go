package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
)

// newToken returns a new opaque token and the hash to store: the prefix, the account, a dot and 256 random bits. It
// names its account, because the hash is looked up among the account's tokens. account is "" for a token of no account.
func newToken(prefix string, account billing.AccountID) (raw, hash string) {
	b := make([]byte, 32)
	rand.Read(b)
	raw = prefix + string(account) + "." + base64.RawURLEncoding.EncodeToString(b)
	return raw, hashOf(raw)
}

// accountOfToken returns the account that a token names, or "" if it names none. This proves nothing: the hash covers
// the whole token.
func accountOfToken(raw, prefix string) billing.AccountID {
	rest, ours := strings.CutPrefix(raw, prefix)
	account, _, named := strings.Cut(rest, ".")
	// Do not ask a database about something that may not even be text.
	if !ours || !named || strings.ContainsFunc(account, notOfIDs) {
		return ""
	}
	return billing.AccountID(account)
}

func notOfIDs(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// hashOf returns what the database keeps of a token, of a key or of an email in the table of attempts. A slow hash
// protects passwords, which people choose. It would protect nothing here: no one can try 2^256 tokens, however fast.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
