package api_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// tokenAttacks present a credential of one kind where another is wanted.
var tokenAttacks = []attack{
	{"a refresh token as an access token", "$REFRESH", "GET /points", "", "", "401 unauthorized"},
	{"the victim's refresh token as an access token", "$VICTIM_REFRESH", "GET /points", "", "", "401 unauthorized"},
	{"a service key as an access token", worker, "GET /points", "", "", "401 unauthorized"},
	{"an access token as a service key", user, "GET /accounts/$ACCOUNT", "", "", "403 forbidden"},
	{"an access token as a refresh token", anonymous, "POST /auth/refresh", "", `{"refresh_token":"$USER"}`, "400 validation"},
	{"a service key as a refresh token", anonymous, "POST /auth/refresh", "", `{"refresh_token":"$WORKER"}`, "401 unauthorized"},
	{"a refresh token that is cut", anonymous, "POST /auth/refresh", "", `{"refresh_token":"psr_$VICTIM."}`, "401 unauthorized"},
	{"a refresh token of the victim's that is guessed", anonymous, "POST /auth/refresh", "", `{"refresh_token":"psr_$VICTIM.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`, "401 unauthorized"},
	{"a refresh token with a space", anonymous, "POST /auth/refresh", "", `{"refresh_token":"$REFRESH "}`, "401 unauthorized"},
	{"an empty refresh token", anonymous, "POST /auth/refresh", "", `{"refresh_token":""}`, "400 validation"},
	{"a logout with a token that is guessed", anonymous, "POST /auth/logout", "", `{"refresh_token":"psr_$VICTIM.AAAA"}`, "204"},
	{"a receipt as an access token", "$RECEIPT", "GET /points", "", "", "401 unauthorized"},
	{"a receipt as a service key", "$RECEIPT", "GET /accounts/$ACCOUNT", "", "", "401 unauthorized"},
	{"a receipt as a refresh token", anonymous, "POST /auth/refresh", "", `{"refresh_token":"psr_$RECEIPT"}`, "400 validation"},
	{"an email as an access token", "$EMAIL", "GET /points", "", "", "401 unauthorized"},
	{"an access token, cut", "eyJhbGciOiJFZERTQSJ9", "GET /points", "", "", "401 unauthorized"},
	{"two dots", "..", "GET /points", "", "", "401 unauthorized"},
	{"an encrypted token", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA", "GET /points", "", "", "401 unauthorized"},
}

// forgery is a token that one of our keys, or another, signed.
type forgery struct {
	name    string
	header  string // JSON
	claims  string // JSON
	signing string // ours, stranger, public (an HMAC with our public key), none, or cut
}

const goodHead = `{"alg":"EdDSA","typ":"JWT","kid":"test"}`

// good are the claims of a token of the victim's. Each forgery differs in one part from what we would accept.
const good = `{"iss":"pointsync","aud":["pointsync"],"sub":"$VICTIM","sid":"$VICTIM_LOGIN","jti":"tok_1","iat":$NOW,"nbf":$NOW,"exp":$SOON,"ver":1,"points":1000000,"subscription":null}`

var forgeries = []forgery{
	{"the victim's claims, unsigned", `{"alg":"none","typ":"JWT","kid":"test"}`, good, "none"},
	{"alg None", `{"alg":"None","typ":"JWT","kid":"test"}`, good, "none"},
	{"alg nOnE with a signature", `{"alg":"nOnE","typ":"JWT","kid":"test"}`, good, "ours"},
	{"no alg", `{"typ":"JWT","kid":"test"}`, good, "ours"},
	{"an empty alg", `{"alg":"","typ":"JWT","kid":"test"}`, good, "none"},
	{"our alg, unsigned", goodHead, good, "none"},
	{"HS256 with our public key", `{"alg":"HS256","typ":"JWT","kid":"test"}`, good, "public"},
	{"HS512 with our public key", `{"alg":"HS512","typ":"JWT","kid":"test"}`, good, "public"},
	{"RS256", `{"alg":"RS256","typ":"JWT","kid":"test"}`, good, "ours"},
	{"ES256", `{"alg":"ES256","typ":"JWT","kid":"test"}`, good, "ours"},
	{"alg in small letters", `{"alg":"eddsa","typ":"JWT","kid":"test"}`, good, "ours"},
	{"another's key under our kid", goodHead, good, "stranger"},
	{"half a signature", goodHead, good, "cut"},
	{"a kid that is a path", `{"alg":"EdDSA","typ":"JWT","kid":"../../../../dev/null"}`, good, "stranger"},
	{"a kid that is SQL", `{"alg":"EdDSA","typ":"JWT","kid":"x' UNION SELECT 'AAAA"}`, good, "stranger"},
	{"a kid that is a command", `{"alg":"EdDSA","typ":"JWT","kid":"|/usr/bin/id"}`, good, "stranger"},
	{"a kid that is an address", `{"alg":"EdDSA","typ":"JWT","kid":"https://evil.example/keys"}`, good, "stranger"},
	{"a kid that is a number", `{"alg":"EdDSA","typ":"JWT","kid":0}`, good, "ours"},
	{"no kid", `{"alg":"EdDSA","typ":"JWT"}`, good, "ours"},
	{"keys at an address", `{"alg":"EdDSA","typ":"JWT","kid":"evil","jku":"https://evil.example/keys.json"}`, good, "stranger"},
	{"a key in the header", `{"alg":"EdDSA","typ":"JWT","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}`, good, "stranger"},
	{"a certificate at an address", `{"alg":"EdDSA","typ":"JWT","x5u":"https://evil.example/cert.pem"}`, good, "stranger"},
	{"a certificate in the header", `{"alg":"EdDSA","typ":"JWT","x5c":["MIIB"]}`, good, "stranger"},
	{"something critical", `{"alg":"EdDSA","typ":"JWT","kid":"test","crit":["exp"]}`, good, "ours"},
	{"something critical and unknown", `{"alg":"EdDSA","typ":"JWT","kid":"test","crit":["b64"],"b64":false}`, good, "ours"},
	{"another type", `{"alg":"EdDSA","typ":"at+jwt","kid":"test"}`, good, "ours"},
	{"the type of a receipt", `{"alg":"EdDSA","typ":"receipt+jwt","kid":"test"}`, good, "ours"},
	{"no type", `{"alg":"EdDSA","kid":"test"}`, good, "ours"},
	{"alg twice", `{"alg":"none","alg":"EdDSA","typ":"JWT","kid":"test"}`, good, "ours"},
	{"expired", goodHead, change(good, `"exp":$SOON`, `"exp":$PAST`), "ours"},
	{"no end", goodHead, change(good, `"exp":$SOON,`, ``), "ours"},
	{"an end in the far future, signed by another", goodHead, change(good, `"exp":$SOON`, `"exp":99999999999`), "stranger"},
	{"an end that is a text", goodHead, change(good, `"exp":$SOON`, `"exp":"never"`), "ours"},
	{"an end beyond every number", goodHead, change(good, `"exp":$SOON`, `"exp":1e400`), "ours"},
	{"not yet valid", goodHead, change(good, `"nbf":$NOW`, `"nbf":$SOON`), "ours"},
	{"made in the future", goodHead, change(good, `"iat":$NOW`, `"iat":$SOON`), "ours"},
	{"another audience", goodHead, change(good, `["pointsync"]`, `["elsewhere"]`), "ours"},
	{"no audience", goodHead, change(good, `"aud":["pointsync"],`, ``), "ours"},
	{"an audience in other case", goodHead, change(good, `["pointsync"]`, `["PointSync"]`), "ours"},
	{"another issuer", goodHead, change(good, `"iss":"pointsync"`, `"iss":"https://evil.example"`), "ours"},
	{"no issuer", goodHead, change(good, `"iss":"pointsync",`, ``), "ours"},
	{"no subject", goodHead, change(good, `"sub":"$VICTIM",`, ``), "ours"},
	{"two subjects", goodHead, change(good, `"sub":`, `"sub":"$ACCOUNT","sub":`), "ours"},
	{"a subject in two cases", goodHead, change(good, `"sub":`, `"Sub":"$ACCOUNT","sub":`), "ours"},
	{"a list of subjects", goodHead, change(good, `"$VICTIM"`, `["$VICTIM","$ACCOUNT"]`), "ours"},
	{"a subject with a NUL", goodHead, change(good, `"$VICTIM"`, `"$VICTIM\u0000"`), "ours"},
	{"a subject of SQL", goodHead, change(good, `"$VICTIM"`, `"' OR '1'='1"`), "ours"},
	{"a subject that no one is", goodHead, change(good, `"$VICTIM"`, `"acc_01jd0000000000000000000000"`), "ours"},
	{"no login", goodHead, change(good, `"sid":"$VICTIM_LOGIN",`, ``), "ours"},
	{"negative points", goodHead, change(good, `"points":1000000`, `"points":-1`), "ours"},
	{"points beyond int64", goodHead, change(good, `"points":1000000`, `"points":9223372036854775808`), "ours"},
	{"a negative version", goodHead, change(good, `"ver":1`, `"ver":-1`), "ours"},
	{"an object after the claims", goodHead, good + `{"sub":"$ACCOUNT"}`, "ours"},
	{"a list of claims", goodHead, `[` + good + `]`, "ours"},
	{"null claims", goodHead, `null`, "ours"},
	{"a deep claim", goodHead, change(good, `"subscription":null`, `"subscription":`+strings.Repeat("[", 2000)), "ours"},
}

// change replaces one part of the good claims.
func change(claims, from, to string) string { return strings.Replace(claims, from, to, 1) }

// forged returns an attack for each forgery.
func (s *stage) forged(t *testing.T) (list []attack) {
	t.Helper()
	_, seed, _ := strings.Cut(s.w.signing, ":")
	raw, err := base64.RawURLEncoding.DecodeString(seed)
	must(t, err)
	ours := ed25519.NewKeyFromSeed(raw)
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	now := s.w.Now()
	encode := base64.RawURLEncoding.EncodeToString
	sign := func(f forgery) string {
		text := encode([]byte(f.header)) + "." + encode([]byte(f.claims))
		switch f.signing {
		case "ours":
			return text + "." + encode(ed25519.Sign(ours, []byte(text)))
		case "stranger":
			return text + "." + encode(ed25519.Sign(stranger, []byte(text)))
		case "cut":
			return text + "." + encode(ed25519.Sign(ours, []byte(text))[:32])
		case "public":
			mac := hmac.New(sha256.New, ours.Public().(ed25519.PublicKey))
			mac.Write([]byte(text))
			return text + "." + encode(mac.Sum(nil))
		}
		return text + "."
	}
	for word, value := range map[string]int64{"NOW": now.Unix(), "SOON": now.Unix() + 600, "PAST": now.Unix() - 600} {
		s.words[word] = fmt.Sprint(value)
	}
	for _, f := range forgeries {
		f.claims = s.say(t, f.claims, "")
		list = append(list, attack{f.name, sign(f), "GET /points", "", "", "401 unauthorized"})
	}
	// A token that is wrong in one part proves something only if the right one is accepted.
	right := sign(forgery{header: goodHead, claims: s.say(t, good, ""), signing: "ours"})
	if _, got, err := s.send(t, attack{as: right, line: "GET /points"}); err != nil || got.status != http.StatusOK {
		t.Errorf("the token that the forgeries change is refused: %d %s, %v", got.status, got.raw, err)
	}
	return list
}
