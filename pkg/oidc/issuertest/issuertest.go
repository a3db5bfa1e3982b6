// Package issuertest gives tests an OpenID Connect issuer of their own: a real server with real keys, whose tokens a
// test writes as it likes.
package issuertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"github.com/go-jose/go-jose/v4"
)

// Issuer is an issuer on a port of this machine.
type Issuer struct {
	URL     string // what tokens say in iss
	Key     crypto.Signer
	KeyID   string
	Down    atomic.Bool  // it responds to everything with 500
	Fetches atomic.Int32 // of its keys
	Now     func() time.Time

	t     testing.TB
	alg   string
	mu    sync.Mutex
	inner *oidctest.Server
}

// New starts an issuer whose name ends in path, and whose tokens are signed by alg: RS256 or ES256.
func New(t testing.TB, path, alg string) *Issuer {
	t.Helper()
	i := &Issuer{t: t, alg: alg, Now: time.Now}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path+"/keys" {
			i.Fetches.Add(1)
		}
		if i.Down.Load() {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		http.StripPrefix(path, i.inner).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	i.URL = server.URL + path
	i.Rotate(alg)
	return i
}

// Rotate replaces the issuer's key by a new one.
func (i *Issuer) Rotate(alg string) {
	i.t.Helper()
	key, err := newKey(alg)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.alg, i.Key, i.KeyID = alg, key, rand.Text()
	i.inner = &oidctest.Server{
		PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: i.KeyID, Algorithm: alg}},
		Algorithms: []string{alg},
	}
	i.inner.SetIssuer(i.URL)
}

func newKey(alg string) (crypto.Signer, error) {
	if alg == oidc.ES256 {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}

// Token returns a token for a subject and an audience that is good for an hour. Claims replace or add to what it says;
// nil removes one.
func (i *Issuer) Token(subject, audience string, claims map[string]any) string {
	i.t.Helper()
	return oidctest.SignIDToken(i.Key, i.KeyID, i.alg, i.Claims(subject, audience, claims))
}

// TypedToken returns a token whose header says what kind of token it is.
func (i *Issuer) TypedToken(typ, claims string) string {
	i.t.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", i.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(i.alg), Key: i.Key}, options)
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		i.t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return token
}

// Claims returns what such a token says, as JSON.
func (i *Issuer) Claims(subject, audience string, claims map[string]any) string {
	i.t.Helper()
	now := i.Now().Unix()
	all := map[string]any{"iss": i.URL, "sub": subject, "aud": audience, "iat": now, "exp": now + 3600}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(all)
	if err != nil {
		i.t.Fatal(fmt.Errorf("the claims of a token: %w", err))
	}
	return string(text)
}
