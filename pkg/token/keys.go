package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Key is one Ed25519 signing key.
type Key struct {
	ID      string // kid
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

// Keys are the keys in force. The first one signs; all are accepted and published. To rotate, put a new key last until
// every replica and verifier knows it, then first. Drop the old key after every token that it signed has expired
// (TTL).
type Keys []Key

var kidPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// ParseKeys reads "kid:seed,kid:seed", each seed 32 bytes in base64url without padding. Its errors never repeat a seed.
func ParseKeys(s string) (Keys, error) {
	var keys Keys
	seen := map[string]bool{}
	for n, part := range strings.Split(s, ",") {
		kid, seed, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || !kidPattern.MatchString(kid) {
			return nil, fmt.Errorf("signing key %d is not of the form kid:seed (make one with pointsync keygen)", n+1)
		}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(seed)
		if err != nil || len(raw) != ed25519.SeedSize {
			return nil, fmt.Errorf(
				"the seed of signing key %q is not 32 bytes in base64url (make one with pointsync keygen)", kid,
			)
		}
		if billing.Guessable(string(raw)) {
			return nil, fmt.Errorf(
				"the seed of signing key %q was not made at random, so anyone could sign (make one with pointsync keygen)",
				kid,
			)
		}
		if seen[kid] {
			return nil, fmt.Errorf("two signing keys have the kid %q", kid)
		}
		seen[kid] = true
		private := ed25519.NewKeyFromSeed(raw)
		keys = append(keys, Key{ID: kid, private: private, public: private.Public().(ed25519.PublicKey)})
	}
	return keys, nil
}

// GenerateKey returns one new key in the form that ParseKeys reads. It is a secret.
func GenerateKey(kid string) string {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	return kid + ":" + base64.RawURLEncoding.EncodeToString(seed)
}

// JWK is a public key in the form of RFC 8037.
type JWK struct {
	Kty, Crv, Alg, Use, Kid, X string
}

// JWKS returns the public halves of the keys in force.
func (i *Issuer) JWKS() []JWK {
	set := make([]JWK, len(i.keys))
	for n, k := range i.keys {
		set[n] = JWK{
			Kty: "OKP",
			Crv: "Ed25519",
			Alg: "EdDSA",
			Use: "sig",
			Kid: k.ID,
			X:   base64.RawURLEncoding.EncodeToString(k.public),
		}
	}
	return set
}
