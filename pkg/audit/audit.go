// Package audit owns the checks that run over all accounts: it looks at what the other packages wrote, and reports
// where a rule that always holds is broken.
//
// It walks over the accounts in batches of limited size, in the order of their ids. So a walk can stop anywhere and
// continue there. The audit changes nothing except the record of how far it has come. The periodic comparison with
// Stripe, which is here too, also repairs what it can. The package refuses to know what a rule means: the package that
// keeps the rule knows that. docs/audit.md lists the rules.
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
	// BatchSize is how many accounts one batch looks at.
	BatchSize = 100
	// jobless is how long an event may wait without an owner. The sweeper takes it within half a minute, unless
	// thousands wait.
	jobless = 5 * time.Minute
	// clockMargin is how far Stripe's clock, which decides when a subscription ends, may be ahead of ours.
	clockMargin = 5 * time.Minute
)

// Batch is the result of auditing some accounts.
type Batch struct {
	Accounts   int               // how many; fewer than requested if there are no more
	Last       billing.AccountID // the next batch begins after it
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
		case err != nil && billing.CodeOf(err) != billing.ENotFound: // ENotFound: deleted since it was listed
			return Batch{}, err
		}
	}
	return b, nil
}
