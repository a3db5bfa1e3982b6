// Package issuer is a local OpenID Connect issuer, so that a login elsewhere can be tried without an account anywhere.
// It owns a key, which it forgets when the process ends, a page on which anyone logs in as anyone, and an address where
// a script does the same.
//
// It proves nothing about a person, so only `pointsync dev` and `pointsync sandbox` have it. It knows no room: a server
// gets its tokens and its keys by HTTP, as it does with any other issuer.
package issuer

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// Path is where the issuer is on its server.
	Path = "/_issuer"
	// Audience is the only app that it knows: the claim aud of its tokens.
	Audience = "pointsync-dev"
	// lifetime is how long a token is good for.
	lifetime = time.Hour
	maxBody  = 16 << 10
	maxField = 255
)

// Issuer is the issuer of one server.
type Issuer struct {
	name  string // the claim iss
	key   ed25519.PrivateKey
	keyID string
}

// New returns the issuer of the server at an address, such as http://127.0.0.1:12111. It has a new key.
func New(serverURL string) *Issuer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return &Issuer{name: serverURL + Path, key: key, keyID: rand.Text()}
}

// Name returns what its tokens say in iss.
func (i *Issuer) Name() string { return i.name }

// Beside returns a handler that serves the issuer at Path, and everything else by next.
func (i *Issuer) Beside(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path+"/.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET "+Path+"/keys", i.keys)
	mux.HandleFunc("GET "+Path+"/authorize", i.askWho)
	mux.HandleFunc("POST "+Path+"/authorize", i.sendBack)
	mux.HandleFunc("POST "+Path+"/token", i.token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, Path+"/") {
			mux.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r) // as it came: a ServeMux would redirect some addresses
	})
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{
		"issuer": i.name, "jwks_uri": i.name + "/keys", "authorization_endpoint": i.name + "/authorize",
		"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"EdDSA"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	public := i.key.Public().(ed25519.PublicKey)
	reply(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": i.keyID, "x": encoded(public),
	}}})
}

// person is who a token is about.
type person struct {
	Subject  string `json:"sub"` // "": the address
	Email    string `json:"email"`
	Verified *bool  `json:"email_verified"` // nil: true
	Nonce    string `json:"nonce"`
}

// token makes an ID token for a script.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	var p person
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": "The body is not what is expected: " + err.Error()})
		return
	}
	if why := p.refusal(); why != "" {
		reply(w, http.StatusBadRequest, map[string]string{"error": why})
		return
	}
	reply(w, http.StatusOK, map[string]string{"id_token": i.signed(p)})
}

// refusal returns why there is no token for a person, or "".
func (p person) refusal() string {
	switch {
	case p.Email == "" && p.Subject == "":
		return "Name an email, or a sub."
	case len(p.Email) > maxField || len(p.Subject) > maxField || len(p.Nonce) > maxField:
		return fmt.Sprintf("A member is longer than %d bytes.", maxField)
	}
	return ""
}

// signed returns the ID token of a person.
func (i *Issuer) signed(p person) string {
	now := time.Now()
	claims := map[string]any{
		"iss": i.name, "aud": Audience, "iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "sub": p.Subject,
	}
	if p.Subject == "" {
		claims["sub"] = strings.ToLower(p.Email)
	}
	if p.Email != "" {
		claims["email"], claims["email_verified"] = p.Email, p.Verified == nil || *p.Verified
	}
	if p.Nonce != "" {
		claims["nonce"] = p.Nonce
	}
	head := map[string]any{"alg": "EdDSA", "typ": "JWT", "kid": i.keyID}
	text := part(head) + "." + part(claims)
	return text + "." + encoded(ed25519.Sign(i.key, []byte(text)))
}

// part returns a part of a token.
func part(members map[string]any) string {
	text, err := json.Marshal(members)
	if err != nil {
		panic(err) // they are texts, numbers and bools
	}
	return encoded(text)
}

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}

// local reports whether an address is a page of this machine. A token is sent nowhere else.
func local(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return false
	}
	return u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"
}
