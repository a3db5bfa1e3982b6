package token_test

import (
	"crypto/ed25519"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// FuzzParse proves that no token makes the parser fail in another way than by refusing it, even if our own key signed
// it. What is accepted names an account, a login and a token in letters that the database takes, is valid now, and
// claims no negative number.
func FuzzParse(f *testing.F) {
	const header = `{"alg":"EdDSA","typ":"JWT","kid":"k1"}`
	const claims = `{"iss":"https://points.example","aud":"pointsync","sub":"acc_1","sid":"ses_1","jti":"tok_1","iat":1893499200,"nbf":1893499200,"exp":1893499260,"ver":1,"points":5,"subscription":null}`
	f.Add(header, claims, true)
	f.Add(header, claims, false)
	for _, other := range []string{
		``, `{}`, `null`, `{"alg":"none"}`, `{"alg":"EdDSA","typ":"JWT","kid":"k1","crit":["exp"]}`,
		`{"alg":"EdDSA","alg":"none","typ":"JWT","kid":"k1"}`, `{"alg":"EdDSA","typ":"JWT","kid":["k1"]}`,
		`{"alg":"HS256","typ":"JWT","kid":"k1"}`, `{"alg":"EdDSA","typ":"JWT","kid":"k1","jku":"https://evil.example"}`,
	} {
		f.Add(other, claims, true)
	}
	for _, other := range []string{
		``, `[]`, claims + claims, `{"sub":"acc_1","sub":"acc_2"}`, `{"exp":1e400}`, `{"exp":"never"}`,
		`{"aud":{"a":1},"sub":7}`, `{"iss":"https://points.example","aud":["pointsync",7],"exp":99999999999}`,
		"{\"sub\":\"acc_\x00\"}", `{"subscription":{"plan":"\ud800","from":-1e300,"until":1e300}}`,
	} {
		f.Add(header, other, true)
	}
	id := regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	signer, stranger := ours, ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))
	f.Fuzz(func(t *testing.T, header, claims string, ours bool) {
		key := stranger
		if ours {
			key = signer
		}
		raw := sign(key, header, claims)
		c, err := ourIssuer(t).Parse(raw)
		if err != nil {
			if billing.CodeOf(err) != billing.EUnauthorized {
				t.Fatalf("refused as %q: %v", billing.CodeOf(err), err)
			}
			return
		}
		switch {
		case !ours:
			t.Fatalf("a stranger's token was accepted: %q", raw)
		case !id.MatchString(string(c.Account)), !id.MatchString(string(c.Login)), !id.MatchString(c.ID):
			t.Fatalf("an id that is not ours: %+v", c)
		case c.Version < 0, c.Points < 0:
			t.Fatalf("a negative number: %+v", c)
		case c.ExpiresAt.Before(epoch.Add(-leeway)), c.IssuedAt.After(epoch.Add(leeway)):
			t.Fatalf("not valid now: %+v", c)
		}
	})
}

// leeway is how much the clocks of two servers may differ, as docs/tokens.md says.
const leeway = 5 * time.Second
