package token_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/token"
)

// Proves that a reader of the published key set alone can check our tokens, and finds the key by its kid.
func TestJWKS(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, token.GenerateKey("new")+","+token.GenerateKey("old"), at(epoch))
	raw, _, err := i.Mint(account, "ses_1")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(raw, ".")
	signature, err := b64.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	set := i.JWKS()
	if len(set) != 2 || set[0].Kid != "new" || set[1].Kid != "old" {
		t.Fatalf("got %+v", set)
	}
	for n, jwk := range set {
		public, err := b64.DecodeString(jwk.X)
		if err != nil || len(public) != ed25519.PublicKeySize {
			t.Fatalf("%+v: %v", jwk, err)
		}
		if jwk.Kty != "OKP" || jwk.Crv != "Ed25519" || jwk.Alg != "EdDSA" || jwk.Use != "sig" {
			t.Errorf("got %+v", jwk)
		}
		if ok := ed25519.Verify(public, []byte(parts[0]+"."+parts[1]), signature); ok != (n == 0) {
			t.Errorf("the key %s verifies: %v", jwk.Kid, ok)
		}
	}
}

// Proves that two keys made at random differ, and that both can be read.
func TestGenerateKey(t *testing.T) {
	t.Parallel()
	a, b := token.GenerateKey("a"), token.GenerateKey("b")
	keys, err := token.ParseKeys(a + "," + b)
	if err != nil || len(keys) != 2 || keys[0].ID != "a" || strings.TrimPrefix(a, "a") == strings.TrimPrefix(b, "b") {
		t.Errorf("got %d keys, %v", len(keys), err)
	}
}

// Proves that a setting that is not a list of keys is refused. The refusal never repeats a seed, because it goes to
// logs.
func TestErrBadKeys(t *testing.T) {
	t.Parallel()
	secret := strings.TrimPrefix(token.GenerateKey("k"), "k:")
	for name, setting := range map[string]string{
		"Empty":       "",
		"NoKid":       secret,
		"EmptyKid":    ":" + secret,
		"BadKid":      "a b:" + secret,
		"LongKid":     strings.Repeat("k", 33) + ":" + secret,
		"Swapped":     secret + ":k",
		"NoSeed":      "k:",
		"ShortSeed":   "k:" + secret[:40],
		"LongSeed":    "k:" + secret + "AAAA",
		"Padded":      "k:" + secret + "=",
		"NotBase64":   "k:" + secret[:42] + "!",
		"ThreeParts":  "k:" + secret + ":x",
		"TwoOfOneKid": "k:" + secret + ",k:" + secret,
		"LastEmpty":   "k:" + secret + ",",
		"AllZero":     "k:" + b64.EncodeToString(make([]byte, 32)),
		"AllOnes":     "k:" + b64.EncodeToString(bytes.Repeat([]byte{0xff}, 32)),
		"OneWord":     "k:" + b64.EncodeToString(bytes.Repeat([]byte("password"), 4)),
		"SecondZero":  "j:" + secret + ",k:" + b64.EncodeToString(make([]byte, 32)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := token.ParseKeys(setting)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), secret[:8]) {
				t.Errorf("the error tells the seed: %v", err)
			}
		})
	}
}

// Proves that the refusal of a list says which of its entries is not a key, counted from one.
func TestErrBadKeyIsNamed(t *testing.T) {
	t.Parallel()
	_, err := token.ParseKeys(token.GenerateKey("a") + ",nokey")
	if err == nil || !strings.Contains(err.Error(), "signing key 2 ") {
		t.Errorf("got %v, want the second key named", err)
	}
}
