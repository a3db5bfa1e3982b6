package token_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

var (
	b64  = base64.RawURLEncoding
	sum  = sha256.Sum256([]byte("the seed of these tests"))
	seed = sum[:]
	ours = ed25519.NewKeyFromSeed(seed)
)

func ourIssuer(t *testing.T) *token.Issuer {
	return newIssuer(t, kid+":"+b64.EncodeToString(seed), at(epoch))
}

func goodHeader() map[string]any { return map[string]any{"alg": "EdDSA", "typ": "JWT", "kid": kid} }

func goodClaims() map[string]any {
	return map[string]any{
		"iss": issuer, "aud": audience, "sub": "acc_1", "sid": "ses_1", "jti": "tok_1", "iat": epoch.Unix(),
		"nbf": epoch.Unix(),
		"exp": epoch.Add(time.Minute).Unix(), "ver": 1, "subscription": nil, "points": 5,
	}
}

// sign makes a token of two JSON texts, without a library that could refuse them.
func sign(key ed25519.PrivateKey, header, claims string) string {
	text := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(claims))
	return text + "." + b64.EncodeToString(ed25519.Sign(key, []byte(text)))
}

func encode(t *testing.T, members map[string]any) string {
	t.Helper()
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Proves that a handmade token that is correct in every part is accepted. So each refusal below has only one cause.
func TestHandmadeToken(t *testing.T) {
	t.Parallel()
	raw := sign(ours, encode(t, goodHeader()), encode(t, goodClaims()))
	if _, err := ourIssuer(t).Parse(raw); err != nil {
		t.Fatal(err)
	}
}

// Proves that a well-signed token with one part that is not ours is refused.
func TestErrWrongPart(t *testing.T) {
	t.Parallel()
	const missing = "\x00"
	later := epoch.Add(time.Minute).Unix()
	header := map[string]map[string]any{
		"Crit": {"crit": []string{"exp"}}, "CritUnknown": {
			"crit": []string{"zip"}, "zip": 1,
		}, "UnknownKid": {"kid": "k2"}, "NoKid": {"kid": missing},
		"KidNumber": {"kid": 1}, "WrongTyp": {"typ": "at+jwt"}, "NoTyp": {"typ": missing}, "NoAlg": {"alg": missing},
		"Ed25519Alg": {"alg": "ES256"},
	}
	claims := map[string]map[string]any{
		"NoSub": {"sub": missing}, "EmptySub": {"sub": ""}, "SubNumber": {"sub": 1}, "NoSid": {"sid": missing},
		"NoJti": {"jti": missing},
		"WrongIss": {
			"iss": "https://other.example",
		}, "NoIss": {"iss": missing}, "WrongAud": {"aud": "other"}, "NoAud": {"aud": missing},
		"Expired": {"exp": epoch.Add(-time.Minute).Unix()}, "NoExp": {"exp": missing}, "ExpText": {"exp": "never"},
		"NbfLater": {"nbf": later}, "IatLater": {"iat": later}, "NoIat": {"iat": missing},
		"NulInSub": {"sub": "acc_\u0000"}, "NulInSid": {"sid": "ses_\u00001"}, "NulInJti": {"jti": "tok\u0000"},
		"SpaceInSub": {"sub": "acc_1 "}, "LongSub": {"sub": strings.Repeat("a", 65)},
		"NulInPlan": {
			"subscription": map[string]any{"plan": "a\u0000", "status": "active"},
		}, "NulElsewhere": {"name": "a\u0000"}, "LettersInSub": {"sub": "acc_ä"},
		"NegativePoints": {"points": -1}, "NegativeVer": {"ver": -1}, "PointsText": {"points": "5"},
		"HalfAPoint": {"points": 0.5},
	}
	changed := func(good, change map[string]any) string {
		good = maps.Clone(good)
		maps.Copy(good, change)
		maps.DeleteFunc(good, func(_ string, v any) bool { return v == missing })
		return encode(t, good)
	}
	for name, change := range header {
		refuse(t, name, sign(ours, changed(goodHeader(), change), encode(t, goodClaims())))
	}
	for name, change := range claims {
		refuse(t, name, sign(ours, encode(t, goodHeader()), changed(goodClaims(), change)))
	}
}

// Proves that a member that occurs twice is refused, in any casing, because two readers would each use a different
// one.
func TestErrDoubledMember(t *testing.T) {
	t.Parallel()
	header, claims := encode(t, goodHeader()), encode(t, goodClaims())
	double := func(object, member string) string { return strings.Replace(object, "{", "{"+member+",", 1) }
	for name, raw := range map[string]string{
		"Sub":       sign(ours, header, double(claims, `"sub":"acc_2"`)),
		"SubCasing": sign(ours, header, double(claims, `"Sub":"acc_2"`)),
		"Points":    sign(ours, header, double(claims, `"points":9`)),
		"Kid":       sign(ours, double(header, `"kid":"k1"`), claims),
		"Alg":       sign(ours, double(header, `"alg":"none"`), claims),
	} {
		refuse(t, name, raw)
	}
}

// Proves that a signature is refused unless one of our keys made it, over exactly these bytes.
func TestErrForged(t *testing.T) {
	t.Parallel()
	header, claims := encode(t, goodHeader()), encode(t, goodClaims())
	good := sign(ours, header, claims)
	parts := strings.Split(good, ".")
	withAlg := func(alg string) string {
		h := goodHeader()
		h["alg"] = alg
		return b64.EncodeToString([]byte(encode(t, h))) + "." + parts[1]
	}
	mac := hmac.New(sha256.New, ours.Public().(ed25519.PublicKey))
	fmt.Fprint(mac, withAlg("HS256"))
	for name, raw := range map[string]string{
		"AlgNone":         withAlg("none") + ".",
		"AlgNoneSigned":   withAlg("none") + "." + parts[2],
		"PublicKeyAsHMAC": withAlg("HS256") + "." + b64.EncodeToString(mac.Sum(nil)),
		"StrangersKey":    sign(ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", 32))), header, claims),
		"OtherClaims": parts[0] + "." + b64.EncodeToString(
			[]byte(strings.Replace(claims, "acc_1", "acc_2", 1)),
		) + "." + parts[2],
		"NoSignature":     parts[0] + "." + parts[1] + ".",
		"ShortSignature":  good[:len(good)-4],
		"FourParts":       good + ".x",
		"TrailingGarbage": good + "garbage",
		"TrailingNewline": good + "\n",
		"LeadingSpace":    " " + good,
		"Padding":         good + "=",
		"StandardAlphabet": parts[0] + "." + parts[1] + "." +
			strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "==",
		"Bearer":          "Bearer " + good,
		"TrailingJSON":    sign(ours, header, claims+"{}"),
		"NoObject":        sign(ours, header, `["acc_1"]`),
		"Null":            sign(ours, header, `null`),
		"BrokenSub":       sign(ours, header, strings.Replace(claims, "acc_1", "acc_\xff", 1)),
		"BrokenElsewhere": sign(ours, header, strings.Replace(claims, "{", "{\"x\":\"\xc3(\",", 1)),
		"TooLong": sign(
			ours, header, strings.Replace(claims, "{", `{"x":"`+strings.Repeat("x", 4096)+`",`, 1),
		),
		"Empty": "",
		"Dots":  "..",
	} {
		refuse(t, name, raw)
	}
}

func refuse(t *testing.T, name, raw string) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		got, err := ourIssuer(t).Parse(raw)
		if billing.CodeOf(err) != billing.EUnauthorized || got.Account != "" {
			t.Errorf("got %+v, %v; want %s", got, err, billing.EUnauthorized)
		}
	})
}
