package token_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

const receiptAudience = "https://pictures.example"

var spend = billing.Entry{
	ID: "ent_1", AccountID: "acc_1", Kind: billing.EntrySpend, Amount: -60, Action: "picture", Quantity: 2,
	CreatedAt: epoch.Add(300 * time.Millisecond),
}

// receiptOf returns the receipt of an entry that servers with the seed make some time after epoch.
func receiptOf(t *testing.T, e billing.Entry, after time.Duration) string {
	t.Helper()
	i := newIssuer(t, kid+":"+b64.EncodeToString(seed), at(epoch.Add(after)))
	raw, err := token.NewReceipts(i, receiptAudience).Of(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// verifyOffline does what another service does with a receipt. It has the text of our key set and nothing else of ours.
func verifyOffline(raw, jwks string, now time.Time) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(raw, claims, func(t *jwt.Token) (any, error) {
		var set struct{ Keys []struct{ Kid, X string } }
		if err := json.Unmarshal([]byte(jwks), &set); err != nil {
			return nil, err
		}
		for _, k := range set.Keys {
			if k.Kid == t.Header["kid"] {
				key, err := b64.DecodeString(k.X)
				return ed25519.PublicKey(key), err
			}
		}
		return nil, errors.New("unknown kid")
	}, jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(issuer), jwt.WithAudience(receiptAudience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(at(now)))
	if err == nil && parsed.Header["typ"] != "receipt+jwt" {
		err = errors.New("not a receipt")
	}
	return claims, err
}

// jwks returns the key set as JSON.
func jwks(t *testing.T) string {
	t.Helper()
	return `{"keys":[{"kid":"` + kid + `","x":"` + ourIssuer(t).JWKS()[0].X + `"}]}`
}

// Proves that a receipt says what was spent, and that a reader of the key set alone can check it.
func TestReceipt(t *testing.T) {
	t.Parallel()
	claims, err := verifyOffline(receiptOf(t, spend, time.Minute), jwks(t), epoch.Add(2*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": issuer, "sub": "acc_1", "spend": "ent_1", "action": "picture", "quantity": 2.0, "points": 60.0,
		"iat": float64(epoch.Add(time.Minute).Unix()), "exp": float64(epoch.Add(token.ReceiptTTL).Unix()),
	}
	if aud, _ := claims["aud"].([]any); len(aud) != 1 || aud[0] != receiptAudience {
		t.Errorf("aud: %v", claims["aud"])
	}
	delete(claims, "aud")
	if !maps.Equal(map[string]any(claims), want) {
		t.Errorf("got  %v\nwant %v", claims, want)
	}
	free := spend
	free.Action, free.Quantity = "", 0
	claims, err = verifyOffline(receiptOf(t, free, 0), jwks(t), epoch)
	if err != nil || claims["action"] != nil || claims["quantity"] != nil {
		t.Errorf("without an action: %v, %v", claims, err)
	}
}

// Proves that all receipts of a spend expire together, and that an old spend gets no new one. Otherwise a client could
// show a spend again after the readers have forgotten it.
func TestReceiptsExpireTogether(t *testing.T) {
	t.Parallel()
	first, last := receiptOf(t, spend, time.Second), receiptOf(t, spend, token.ReceiptTTL-time.Second)
	for _, raw := range []string{first, last} {
		if _, err := verifyOffline(raw, jwks(t), epoch.Add(token.ReceiptTTL-time.Second)); err != nil {
			t.Error(err)
		}
		if _, err := verifyOffline(raw, jwks(t), epoch.Add(token.ReceiptTTL)); err == nil {
			t.Error("valid after the end of its spend's receipts")
		}
	}
	if raw := receiptOf(t, spend, token.ReceiptTTL); raw != "" {
		t.Errorf("an old spend has the receipt %s", raw)
	}
	grant := spend
	grant.Kind = billing.EntryGrant
	if raw := receiptOf(t, grant, 0); raw != "" {
		t.Errorf("a grant has the receipt %s", raw)
	}
}

// Proves that a receipt never passes as an access token, and an access token never as a receipt, whatever else agrees.
func TestReceiptIsNoAccessToken(t *testing.T) {
	t.Parallel()
	refuse(t, "Receipt", receiptOf(t, spend, 0))
	same, err := token.NewReceipts(ourIssuer(t), audience).Of(spend) // an audience that config refuses
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, "OfOurAudience", same)
	header, claims := goodHeader(), goodClaims()
	header["typ"] = "receipt+jwt"
	refuse(t, "TypAlone", sign(ours, encode(t, header), encode(t, claims)))

	access, _, err := ourIssuer(t).Mint(account, "ses_1")
	if err != nil {
		t.Fatal(err)
	}
	claims["aud"], claims["spend"], claims["points"] = receiptAudience, "ent_1", 60
	stranger := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", 32)))
	for name, raw := range map[string]string{
		"Access":         access,
		"WithItsClaims":  sign(ours, encode(t, goodHeader()), encode(t, claims)),
		"WithoutTyp":     sign(ours, encode(t, map[string]any{"alg": "EdDSA", "kid": kid}), encode(t, claims)),
		"StrangersKey":   sign(stranger, encode(t, header), encode(t, claims)),
		"OtherAudience":  sign(ours, encode(t, header), encode(t, goodClaims())),
		"ChangedPayload": strings.Replace(receiptOf(t, spend, 0), ".ey", ".eyA", 1),
	} {
		if _, err := verifyOffline(raw, jwks(t), epoch); err == nil {
			t.Errorf("%s passes as a receipt", name)
		}
	}
	if _, err := verifyOffline(sign(ours, encode(t, header), encode(t, claims)), jwks(t), epoch); err != nil {
		t.Errorf("a handmade receipt that is correct in every part: %v", err)
	}
}
