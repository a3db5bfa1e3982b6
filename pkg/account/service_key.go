package account

import (
	"context"
	"crypto/rand"
	"hash/crc32"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/store"
)

// A secret is keyPrefix, 256 random bits and a checksum of what is before it, both in base 62. The prefix and the
// checksum let secret scanners recognize a key without asking us: docs/services.md has the expression.
const (
	keyPrefix      = "psk_"
	randomLetters  = 43 // 62^43 > 2^256
	checksumDigits = 6  // 62^6 > 2^32
	hintLetters    = 4

	maxKeyName = 100
)

// KeyRequest asks for a service key.
type KeyRequest struct {
	Name      string
	Scopes    []billing.Scope
	ExpiresAt *time.Time // nil: never
}

// CreateKey makes a service key and returns its secret, which no one can read again. Errors: EInvalid.
func CreateKey(
	ctx context.Context, db *store.DB, by billing.AdminID, r KeyRequest,
) (k billing.ServiceKey, secret string, err error) {
	if err := r.check(db.Now()); err != nil {
		return k, "", err
	}
	secret = newSecret()
	err = db.InTx(ctx, func(tx *store.Tx) error {
		k = billing.ServiceKey{
			ID:        billing.NewKeyID(tx.Now),
			Name:      r.Name,
			Scopes:    r.Scopes,
			Hint:      secret[len(secret)-hintLetters:],
			CreatedAt: tx.Now,
			CreatedBy: by,
			ExpiresAt: r.ExpiresAt,
		}
		if err := noteKey(ctx, tx, billing.ActionKeyCreate, by, k); err != nil {
			return err
		}
		return tx.InsertServiceKey(ctx, k, hashOf(secret))
	})
	return k, secret, err
}

func (r KeyRequest) check(now time.Time) error {
	switch {
	case billing.Blank(r.Name) || utf8.RuneCountInString(r.Name) > maxKeyName || !billing.IsStorable(r.Name):
		return billing.Invalid("/name", "must say what the key is for, in at most %d characters", maxKeyName)
	case len(r.Scopes) == 0:
		return billing.Invalid("/scopes", "must hold a scope")
	case r.ExpiresAt != nil && !r.ExpiresAt.After(now):
		return billing.Invalid("/expires_at", "must be in the future")
	}
	for i, s := range r.Scopes {
		if !slices.Contains(billing.Scopes, s) || slices.Contains(r.Scopes[:i], s) {
			return billing.Invalid("/scopes", "must each be one of %v, and occur once", billing.Scopes)
		}
	}
	return nil
}

// RevokeKey ends a service key: its next request is refused, at every server. A second call changes nothing. Errors:
// ENotFound.
func RevokeKey(
	ctx context.Context, db *store.DB, by billing.AdminID, id billing.KeyID,
) (k billing.ServiceKey, err error) {
	err = db.InTx(ctx, func(tx *store.Tx) error {
		revoked, err := tx.RevokeServiceKey(ctx, id, by)
		if err != nil {
			return err
		}
		if k, err = tx.ServiceKey(ctx, id); err != nil || !revoked {
			return err
		}
		return noteKey(ctx, tx, billing.ActionKeyRevoke, by, k)
	})
	if billing.CodeOf(err) == billing.ENotFound {
		err = billing.Errorf(billing.ENotFound, "No such service key.")
	}
	return k, err
}

// noteKey records what was done to a key, with its name and scopes.
func noteKey(
	ctx context.Context, tx *store.Tx, did billing.ActionKind, by billing.AdminID, k billing.ServiceKey,
) error {
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	return tx.InsertAdminAction(ctx, billing.AdminAction{
		ID: billing.NewActionID(tx.Now), Subject: string(k.ID), AdminID: by, Action: did,
		Reason: k.Name + ": " + strings.Join(scopes, ", "), CreatedAt: tx.Now,
	})
}

// IsKey reports whether a credential claims to be a service key, valid or not.
func IsKey(credential string) bool { return strings.HasPrefix(credential, keyPrefix) }

// ServiceKey returns the key with a secret. It reads the database at each call, so a revoked key ends at once at every
// server. Errors: EUnauthorized, ETooMany.
func (s *Service) ServiceKey(ctx context.Context, secret string) (billing.ServiceKey, error) {
	if !wellFormed(secret) { // a typing error, or a guess: the database need not look
		s.metrics.KeyRefused(metric.KeyUnknown)
		return billing.ServiceKey{}, billing.Errorf(billing.EUnauthorized, "The service key is not valid.")
	}
	k, err := s.db.ServiceKeyByDigest(ctx, hashOf(secret))
	if billing.CodeOf(err) == billing.ENotFound {
		s.metrics.KeyRefused(metric.KeyUnknown)
		return k, billing.Errorf(billing.EUnauthorized, "The service key is not valid.")
	}
	if err != nil {
		return k, err
	}
	switch now := s.db.Now(); {
	case k.RevokedAt != nil:
		s.metrics.KeyRefused(metric.KeyRevoked)
		billing.SecurityEvent{Kind: billing.SecurityKeyRefused, Key: k.ID}.Log(ctx, s.log)
		return k, billing.Errorf(billing.EUnauthorized, "The service key %s was revoked.", k.ID)
	case !k.Lives(now):
		s.metrics.KeyRefused(metric.KeyExpired)
		billing.SecurityEvent{Kind: billing.SecurityKeyRefused, Key: k.ID}.Log(ctx, s.log)
		return k, billing.Errorf(billing.EUnauthorized, "The service key %s has expired.", k.ID)
	}
	err = s.keys.use(k, s.db.Now(), func() { s.noteUse(ctx, k.ID) })
	if err != nil {
		s.metrics.KeyRefused(metric.KeyTooMany)
	}
	return k, err
}

// usePatience is how long recording the use of a key may take.
const usePatience = 10 * time.Second

// noteUse records that a key was used. The request does not wait for it, and does not fail with it: the next minute's
// request tries again.
func (s *Service) noteUse(ctx context.Context, id billing.KeyID) {
	ctx = context.WithoutCancel(ctx)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, usePatience)
		defer cancel()
		_ = s.db.InTx(ctx, func(tx *store.Tx) error {
			return tx.UseServiceKey(ctx, id, tx.Now.Add(-usePrecision))
		})
	}()
}

// newSecret returns a new secret.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: on an error, crypto/rand ends the program
	body := keyPrefix + base62(new(big.Int).SetBytes(b[:]), randomLetters)
	return body + checksum(body)
}

// wellFormed reports whether a secret has the form and the checksum of ours.
func wellFormed(secret string) bool {
	body := len(secret) - checksumDigits
	return len(secret) == len(keyPrefix)+randomLetters+checksumDigits && IsKey(secret) &&
		checksum(secret[:body]) == secret[body:]
}

func checksum(body string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body)))), checksumDigits)
}

// base62 returns a number in digits and letters, with zeros in front.
func base62(n *big.Int, width int) string {
	text := n.Text(62)
	return strings.Repeat("0", width-len(text)) + text
}
