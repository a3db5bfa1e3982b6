package token

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pointsync/pointsync/pkg/billing"
)

// ReceiptTTL is how long after a spend its receipts are valid. All receipts of a spend expire together, so a service
// that keeps the ids of spends until then accepts each spend once.
const ReceiptTTL = 15 * time.Minute

// receiptType is the header `typ` of a receipt. It keeps a receipt from passing as an access token, and the reverse.
const receiptType = "receipt+jwt"

// wireReceipt is the JSON of a receipt's claims.
type wireReceipt struct {
	jwt.RegisteredClaims
	Spend    string  `json:"spend"`
	Action   *string `json:"action"`
	Quantity *int64  `json:"quantity"`
	Points   int64   `json:"points"`
}

// Receipts makes the receipts of spends, which the operator's other services verify by the public keys.
type Receipts struct {
	issuer   *Issuer
	audience string
}

// NewReceipts returns Receipts that are signed as the issuer's tokens are, for the services that the audience names.
func NewReceipts(i *Issuer, audience string) *Receipts {
	return &Receipts{issuer: i, audience: audience}
}

// Of returns the receipt of a spend, or "" once the spend is older than ReceiptTTL.
func (r *Receipts) Of(spend billing.Entry) (string, error) {
	now := r.issuer.now().UTC().Truncate(time.Second)
	until := spend.CreatedAt.UTC().Truncate(time.Second).Add(ReceiptTTL)
	if spend.Kind != billing.EntrySpend || !now.Before(until) {
		return "", nil
	}
	w := wireReceipt{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: r.issuer.issuer, Audience: jwt.ClaimStrings{r.audience}, Subject: string(spend.AccountID),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(until),
		},
		Spend: string(spend.ID), Points: -int64(spend.Amount),
	}
	if spend.Action != "" {
		w.Action, w.Quantity = &spend.Action, &spend.Quantity
	}
	return r.issuer.sign(w, receiptType)
}

// sign returns the token of claims, by the key that signs.
func (i *Issuer) sign(claims jwt.Claims, typ string) (string, error) {
	key := i.keys[0]
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["typ"], t.Header["kid"] = typ, key.ID
	signed, err := t.SignedString(key.private)
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return signed, nil
}
