package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Grant adds a lot, once for each key. If the key granted before, ok is false and nothing changes. Debt is paid first.
//
// A grant that replaces begins its period: points of earlier periods roll over into it, or end. But if a later period
// has begun already, the grant was paid late, and its points roll over into that one. docs/grants.md explains both.
//
// A grant for a period ends no lot of a period just because it has expired. So what the renewal keeps is kept, however
// late the renewal is seen. The sync that makes such a grant calls Expire after it.
func Grant(
	ctx context.Context, tx *store.Tx, a billing.Account, g billing.Grant,
) (_ billing.Account, ok bool, err error) {
	if err := checkGrant(g); err != nil {
		return a, false, err
	}
	if _, exists, err := tx.LotByGrant(ctx, a.ID, g.Key); err != nil || exists {
		return a, false, err
	}
	a, lots, err := settle(ctx, tx, a, endsBefore(g, a, tx.Now))
	if err != nil {
		return a, false, err
	}
	later, paidLate, err := laterPeriod(ctx, tx, a.ID, g)
	if err != nil {
		return a, false, err
	}
	// A period that is paid late does not begin any more. The points went over into the later one, and so does what a
	// hold gives back.
	if g.Replaces && !paidLate {
		if a, err = begin(ctx, tx, a, lots, g); err != nil {
			return a, false, err
		}
	}
	a, lot, err := addLot(ctx, tx, a, g)
	if err != nil {
		return a, false, err
	}
	lots = append(lots, lot)
	if paidLate {
		if a, err = catchUp(ctx, tx, a, lots, lot.ID, later); err != nil {
			return a, false, err
		}
	}
	a, err = saveWithExpiry(ctx, tx, a, lots)
	return a, err == nil, err
}

// checkGrant refuses a grant that no caller should make.
func checkGrant(g billing.Grant) error {
	switch {
	case g.Amount < 0 || g.Amount > billing.MaxPoints:
		return fmt.Errorf("ledger: a grant of %d points under key %q is out of bounds", g.Amount, g.Key)
	case g.Key == "":
		return fmt.Errorf("ledger: a grant of %d points has no key", g.Amount)
	case g.Replaces && g.Period == nil:
		return fmt.Errorf("ledger: the grant under key %q replaces, but begins no period", g.Key)
	}
	return nil
}

// endsBefore chooses the lots that have expired before a grant and end now. A grant for a period leaves lots of periods
// to begin and Expire.
func endsBefore(g billing.Grant, a billing.Account, now time.Time) func(billing.Lot) bool {
	if g.Period == nil {
		return byClock(a, now)
	}
	expired := ranOut(now)
	return func(l billing.Lot) bool { return expired(l) && (l.Period == nil || l.EndedAt != nil) }
}

// addLot appends a grant's lot and entry. Debt takes its part of the points, and the others become available. The
// caller saves the account.
func addLot(
	ctx context.Context, tx *store.Tx, a billing.Account, g billing.Grant,
) (billing.Account, billing.Lot, error) {
	pays := min(a.Debt, g.Amount)
	lot := billing.Lot{
		ID:        billing.NewLotID(tx.Now),
		AccountID: a.ID,
		GrantKey:  g.Key,
		Source:    g.Source,
		Granted:   g.Amount,
		Remaining: g.Amount - pays,
		Period:    g.Period,
		ExpiresAt: g.ExpiresAt,
		CreatedAt: tx.Now,
	}
	if g.Period != nil {
		lot.Origin = &g.Period.Start
	}
	if err := tx.InsertLot(ctx, lot); err != nil {
		return a, lot, err
	}
	a.Debt -= pays
	a.Available += lot.Remaining
	a.Version++
	return a, lot, tx.AppendEntry(ctx, billing.Entry{
		ID:           billing.NewEntryID(tx.Now),
		AccountID:    a.ID,
		Kind:         billing.EntryGrant,
		Amount:       g.Amount,
		BalanceAfter: a.Total(),
		Seq:          a.Version,
		By:           g.By,
		Description:  g.Description,
		Metadata:     g.Metadata,
		LotID:        lot.ID,
		Key:          g.RequestKey,
		RequestHash:  g.RequestHash,
		CreatedAt:    tx.Now,
	})
}
