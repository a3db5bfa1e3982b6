package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/token"
)

// Export is what is kept about an account and its person.
type Export struct {
	At         time.Time
	Account    billing.Account
	Identities []billing.LinkedIdentity
	Logins     []billing.Login // that live
	Lots       []billing.Lot   // that have points
	Holds      []billing.Hold  // that are active
	Orders     []billing.Order // the newest first, as entries are
	Entries    []billing.Entry
}

// Export returns what is kept about the caller, with at most limit orders, limit entries and limit holds.
// An account has at most 1,000 active holds (ledger). Errors: EUnauthorized.
func (s *Service) Export(ctx context.Context, c token.Claims, limit int) (e Export, err error) {
	e.At = s.db.Now()
	if e.Account, e.Lots, err = ledger.Show(ctx, s.db, c.Account); err != nil {
		return e, gone(err)
	}
	if e.Holds, err = s.db.ActiveHolds(ctx, c.Account, limit); err != nil {
		return e, err
	}
	if e.Identities, err = s.db.Identities(ctx, c.Account); err != nil {
		return e, err
	}
	if e.Logins, err = s.Logins(ctx, c); err != nil {
		return e, err
	}
	if e.Orders, err = s.db.Orders(ctx, c.Account, "", limit); err != nil {
		return e, err
	}
	e.Entries, err = s.db.Entries(ctx, c.Account, "", limit)
	return e, err
}
