package reconcile

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Link compares the key's Stripe account and mode with those that the database belongs to. If the database has none
// yet, it saves the key's. So points that were bought in a rehearsal cannot be spent in production.
//
// A key that may not read the account is compared by its mode alone. The link then has no account id, and nothing is
// saved. Errors: EConflict for another account or mode, EStripeUnavailable, EStripeRefused, and the database's.
func Link(ctx context.Context, db *store.DB, stripe *stripegw.Gateway) (billing.StripeLink, error) {
	theirs, err := stripe.Account(ctx)
	if err != nil {
		return theirs, err
	}
	ours, err := db.StripeLink(ctx)
	switch {
	case billing.CodeOf(err) == billing.ENotFound && theirs.AccountID == "":
		return theirs, nil
	case billing.CodeOf(err) == billing.ENotFound:
		err = db.InTx(ctx, func(tx *store.Tx) error { return tx.SaveStripeLink(ctx, theirs) })
		if err == nil {
			ours, err = db.StripeLink(ctx) // another server may have been first
		}
	}
	if err == nil &&
		(ours.Livemode != theirs.Livemode || theirs.AccountID != "" && ours.AccountID != theirs.AccountID) {
		err = billing.Errorf(billing.EConflict, "The database belongs to the Stripe account %s, and the key is of %s. "+
			"Use the key or the database that fits, or move the database with pointsync stripe unlink.", ours, theirs)
	}
	return theirs, err
}
