// Package audit looks at what the other rooms wrote and says where it breaks a rule that always holds. It walks over
// all accounts in bounded batches, in the order of their ids, so that a walk can stop and go on anywhere; it changes
// nothing but the note of how far it has come. What a rule means is the business of the room that keeps it:
// docs/audit.md lists them.
package audit

import (
	"context"
	"errors"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// BatchSize is how many accounts are looked at in one go.
	BatchSize = 100
	// jobless is how long an event may wait while nobody looks after it: the sweeper does within half a minute, unless
	// thousands wait.
	jobless = 5 * time.Minute
	// clockMargin is how far Stripe's clock may be ahead of ours, by which a subscription ends.
	clockMargin = 5 * time.Minute
)

// Batch is what came of looking at some accounts.
type Batch struct {
	Accounts   int               // how many; fewer than asked for when there are no more
	Last       billing.AccountID // where the next batch goes on
	Violations []billing.Violation
}

// Next audits up to limit accounts after the given one. Errors: the database's.
func Next(ctx context.Context, db *store.DB, after billing.AccountID, limit int) (Batch, error) {
	ids, err := db.AccountIDs(ctx, after, limit)
	if err != nil {
		return Batch{}, err
	}
	b := Batch{Accounts: len(ids), Last: after}
	if len(ids) > 0 {
		b.Last = ids[len(ids)-1]
	}
	b.Violations, err = db.Violations(ctx, store.AuditScope{
		After: after, Last: b.Last, CheckoutKey: reconcile.CheckoutKey(""), IntentKey: reconcile.IntentKey(""),
		EndedBy: db.Now().Add(clockMargin), PendingBefore: db.Now().Add(-jobless), DueBefore: time.Now().Add(-jobless),
	})
	if err != nil {
		return Batch{}, err
	}
	for _, id := range ids {
		var broken *billing.Violation
		switch err := ledger.Audit(ctx, db, id); {
		case errors.As(err, &broken):
			b.Violations = append(b.Violations, *broken)
		case err != nil && billing.CodeOf(err) != billing.ENotFound: // gone since it was listed
			return Batch{}, err
		}
	}
	return b, nil
}
