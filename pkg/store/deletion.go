package store

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// DeletingAccounts lists the accounts whose deletion was asked for and is not done, in the order of their ids.
func (r reads) DeletingAccounts(
	ctx context.Context, after billing.AccountID, limit int,
) ([]billing.AccountID, error) {
	var ids []billing.AccountID
	err := r.q(ctx).Model(&accountRow{}).
		Where("deleting_at IS NOT NULL AND deleted_at IS NULL AND id > ?", string(after)).
		Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, translate(err)
}

// ErasePerson deletes the data of the account's person, for an account whose lock this transaction holds. The email
// and the external id are free for another account. The points and the orders stay under the account's id, without the
// descriptions, metadata and addresses that came from outside. The idempotency keys and the references of services'
// grants stay, because a repeat must not take effect again. The customer at Stripe stays, because what Stripe says
// later still concerns the account.
func (tx *Tx) ErasePerson(ctx context.Context, a billing.Account) error {
	none, err := toRowMetadata(nil)
	if err != nil {
		return err
	}
	id, texts := string(a.ID), map[string]any{"description": "", "metadata": none}
	for _, do := range []func() error{
		func() error { return tx.leaveEmail(ctx, a) },
		func() error { return tx.DeleteMailTokens(ctx, a.ID) },
		func() error { return tx.q(ctx).Where("account_id = ?", id).Delete(&identityRow{}).Error },
		func() error {
			return tx.q(ctx).Where("external_id = ? AND account_id = ?", a.ExternalID, id).
				Delete(&externalIDRow{}).Error
		},
		func() error { return tx.q(ctx).Where("account_id = ?", id).Delete(&loginRow{}).Error },
		func() error { return tx.q(ctx).Where("account_id = ?", id).Delete(&topUpRow{}).Error },
		func() error {
			return tx.q(ctx).Model(&entryRow{}).Where("account_id = ? AND by_kind IN ('customer', 'service')", id).
				Updates(texts).Error
		},
		func() error { return tx.q(ctx).Model(&holdRow{}).Where("account_id = ?", id).Updates(texts).Error },
		func() error {
			return tx.q(ctx).Model(&orderRow{}).Where("account_id = ?", id).
				Updates(map[string]any{"url": "", "success_url": "", "cancel_url": ""}).Error
		},
		func() error {
			return tx.q(ctx).Model(&changeRow{}).Where("account_id = ?", id).Update("payment_url", "").Error
		},
	} {
		if err := do(); err != nil {
			return translate(err)
		}
	}
	err = tx.saveAccount(ctx, a.ID, map[string]any{
		"email": nil, "external_id": nil, "password_hash": "", "role": string(billing.RoleUser), "low_points": nil,
		"email_verified_at": nil,
		"deleted_at":        stamp{tx.Now}, "version": a.Version + 1, // the event about it is the newest
	})
	a.Email, a.ExternalID, a.DeletedAt, a.Version = "", "", &tx.Now, a.Version+1
	tx.saw(a)
	return err
}
