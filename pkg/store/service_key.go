package store

import (
	"context"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

type serviceKeyRow struct {
	ID         string `gorm:"primaryKey"`
	Digest     string `gorm:"not null;uniqueIndex:service_keys_digest"`
	Name       string `gorm:"not null"`
	Scopes     string `gorm:"not null"`
	Hint       string `gorm:"not null"`
	CreatedAt  stamp  `gorm:"not null;autoCreateTime:false"`
	CreatedBy  *string
	ExpiresAt  *stamp
	RevokedAt  *stamp
	RevokedBy  *string
	LastUsedAt *stamp
}

func (serviceKeyRow) TableName() string { return "service_keys" }

// ServiceKeyByDigest reads the key whose secret has a digest, revoked and expired ones as well. Errors: ENotFound.
func (r reads) ServiceKeyByDigest(ctx context.Context, digest string) (billing.ServiceKey, error) {
	return r.serviceKey(ctx, "digest = ?", digest)
}

// ServiceKey reads one key. Errors: ENotFound.
func (r reads) ServiceKey(ctx context.Context, id billing.KeyID) (billing.ServiceKey, error) {
	return r.serviceKey(ctx, "id = ?", string(id))
}

func (r reads) serviceKey(ctx context.Context, where string, arg string) (billing.ServiceKey, error) {
	var row serviceKeyRow
	if err := r.q(ctx).Where(where, arg).Take(&row).Error; err != nil {
		return billing.ServiceKey{}, translate(err)
	}
	return fromRowServiceKey(row), nil
}

// ServiceKeys lists the keys, newest first, starting after the one with id before ("" begins at the newest).
func (r reads) ServiceKeys(ctx context.Context, before billing.KeyID, limit int) ([]billing.ServiceKey, error) {
	q := r.q(ctx)
	if before != "" {
		q = q.Where("id < ?", string(before))
	}
	var rows []serviceKeyRow
	if err := q.Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	keys := make([]billing.ServiceKey, len(rows))
	for i, row := range rows {
		keys[i] = fromRowServiceKey(row)
	}
	return keys, nil
}

// InsertServiceKey appends a key and the digest of its secret.
func (tx *Tx) InsertServiceKey(ctx context.Context, k billing.ServiceKey, digest string) error {
	tx.Report(billing.SecurityEvent{Kind: billing.SecurityKeyCreated, Key: k.ID, By: string(k.CreatedBy)})
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	return translate(tx.q(ctx).Create(&serviceKeyRow{
		ID:        string(k.ID),
		Digest:    digest,
		Name:      k.Name,
		Scopes:    "," + strings.Join(scopes, ",") + ",",
		Hint:      k.Hint,
		CreatedAt: stamp{k.CreatedAt},
		CreatedBy: nullable(k.CreatedBy),
		ExpiresAt: toStamp(k.ExpiresAt),
	}).Error)
}

// RevokeServiceKey revokes a key, and reports whether it did: a key that is revoked already stays as it is.
func (tx *Tx) RevokeServiceKey(ctx context.Context, id billing.KeyID, by billing.AdminID) (bool, error) {
	res := tx.q(ctx).Model(&serviceKeyRow{}).Where("id = ? AND revoked_at IS NULL", string(id)).
		Updates(map[string]any{"revoked_at": stamp{tx.Now}, "revoked_by": nullable(by)})
	if res.RowsAffected > 0 {
		tx.Report(billing.SecurityEvent{Kind: billing.SecurityKeyRevoked, Key: id, By: string(by)})
	}
	return res.RowsAffected == 1, translate(res.Error)
}

// UseServiceKey records that a key was used now, unless a use after the given time is recorded already.
func (tx *Tx) UseServiceKey(ctx context.Context, id billing.KeyID, after time.Time) error {
	return translate(tx.q(ctx).Model(&serviceKeyRow{}).
		Where("id = ? AND (last_used_at IS NULL OR last_used_at <= ?)", string(id), stamp{after}).
		Update("last_used_at", stamp{tx.Now}).Error)
}

func fromRowServiceKey(row serviceKeyRow) billing.ServiceKey {
	k := billing.ServiceKey{
		ID:         billing.KeyID(row.ID),
		Name:       row.Name,
		Hint:       row.Hint,
		CreatedAt:  row.CreatedAt.Time,
		CreatedBy:  fromNullable[billing.AdminID](row.CreatedBy),
		ExpiresAt:  fromStamp(row.ExpiresAt),
		RevokedAt:  fromStamp(row.RevokedAt),
		RevokedBy:  fromNullable[billing.AdminID](row.RevokedBy),
		LastUsedAt: fromStamp(row.LastUsedAt),
	}
	for scope := range strings.SplitSeq(strings.Trim(row.Scopes, ","), ",") {
		k.Scopes = append(k.Scopes, billing.Scope(scope))
	}
	return k
}
