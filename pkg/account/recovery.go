package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Recovery writes again what a database that was restored from a backup lacks of what Stripe sold: the orders, the
// customers of accounts that bought for the first time, and the accounts of people who registered and bought. Each
// account is then synced as any other, so that Stripe decides what is granted. It writes nothing at Stripe.
//
// Without the row of its order, a paid pack grants nothing, and a comparison with Stripe does not miss it: only the
// order says that the page was ours.
type Recovery struct {
	DB      *store.DB
	Stripe  *stripegw.Gateway
	Syncer  *reconcile.Syncer
	Catalog *catalog.Catalog
	Since   time.Time // the age of the backup
	DryRun  bool
	Pace    time.Duration // the least time from one order that Stripe is asked about to the next
	// Wait returns an error if the context ends first.
	Wait func(ctx context.Context, d time.Duration) error
}

// RecoveryOutcome is what became of an order that Stripe has, or would in a dry run.
type RecoveryOutcome string

// The outcomes of an order.
const (
	OrderKnown    RecoveryOutcome = "known"    // the database has it
	OrderRestored RecoveryOutcome = "restored" // the database has it again
	OrderSkipped  RecoveryOutcome = "skipped"  // nothing was done, for a reason
	OrderFailed   RecoveryOutcome = "failed"   // Stripe or the database did not reply: run it again
)

// Recovered is one order's line of the report.
type Recovered struct {
	Order       billing.Order
	Customer    billing.CustomerID
	Outcome     RecoveryOutcome
	Reason      ImportReason // of an order that was skipped
	Detail      string
	MadeAccount bool
	Linked      bool           // the account got its customer
	Granted     billing.Points // what the account's sync granted

	open bool // the database had it, but no sync has ended it: an earlier run may have failed there
}

// Run restores the orders, oldest first, and calls each for every order that Stripe has. It stops if each returns an
// error. Errors: EConflict for a key of another Stripe account than the database's, EStripeUnavailable, EStripeRefused.
func (r *Recovery) Run(ctx context.Context, each func(Recovered) error) error {
	if _, err := reconcile.Link(ctx, r.DB, r.Stripe); err != nil {
		return err
	}
	sold, err := r.Stripe.SoldSince(ctx, r.Since)
	if err != nil {
		return err
	}
	for _, s := range sold {
		done, err := r.one(ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			done.Outcome, done.Detail = OrderFailed, err.Error()
		}
		if err := each(done); err != nil {
			return err
		}
	}
	return nil
}

// one restores one order, and syncs its account while the order is open. An account has one open automatic order at a
// time, so the next order has to wait for that.
func (r *Recovery) one(ctx context.Context, s stripegw.Sold) (done Recovered, err error) {
	err = r.DB.InTx(ctx, func(tx *store.Tx) error {
		done = Recovered{Order: s.Order, Customer: s.Customer.ID}
		if err := r.restore(ctx, tx, s, &done); err != nil {
			return err
		}
		if r.DryRun {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		return done, nil
	}
	if err != nil || done.Outcome != OrderRestored && !done.open {
		return done, err
	}
	id := s.Order.AccountID
	_, before, err := r.DB.GrantedSince(ctx, id, "", time.Time{})
	if err != nil {
		return done, err
	}
	if err := r.Wait(ctx, r.Pace); err != nil {
		return done, fmt.Errorf("wait for the next order: %w", err)
	}
	if _, err := r.Syncer.Sync(ctx, id, billing.CauseOperator); err != nil {
		return done, err
	}
	_, after, err := r.DB.GrantedSince(ctx, id, "", time.Time{})
	done.Granted = after - before
	return done, err
}

// restore writes what the database lacks of an order.
func (r *Recovery) restore(ctx context.Context, tx *store.Tx, s stripegw.Sold, done *Recovered) error {
	o := s.Order
	a, reason, err := r.account(ctx, tx, s, done)
	if err != nil {
		return err
	}
	if reason == "" && a.CustomerID != s.Customer.ID {
		reason = ImportAccountTaken
	}
	if reason == "" && !r.complete(&o) {
		reason = orderOfUnknownItem
	}
	if reason != "" {
		done.Outcome, done.Reason, done.Detail = OrderSkipped, reason, reason.detail(a.ID)
		return nil
	}
	switch known, err := tx.Order(ctx, a.ID, o.ID); billing.CodeOf(err) {
	case "":
		done.Outcome, done.open = OrderKnown, !known.Status.Final()
		return nil
	case billing.ENotFound:
		done.Outcome, done.Order = OrderRestored, o
		return tx.InsertOrder(ctx, o)
	default:
		return err
	}
}

// account returns the order's account, locked. It makes the account if it is gone, and gives it its customer if it has
// none.
func (r *Recovery) account(
	ctx context.Context, tx *store.Tx, s stripegw.Sold, done *Recovered,
) (a billing.Account, _ ImportReason, err error) {
	a, err = tx.LockAccount(ctx, s.Order.AccountID)
	switch {
	case billing.CodeOf(err) == billing.ENotFound:
		return r.makeAccount(ctx, tx, s, done)
	case err != nil || a.CustomerID != "":
		return a, "", err
	}
	former, err := tx.FormerCustomers(ctx, a.ID)
	if err != nil || len(former) > 0 {
		return a, ImportFormerCustomer, err
	}
	a.CustomerID, done.Linked = s.Customer.ID, true
	return a, "", tx.SetCustomer(ctx, a.ID, s.Customer.ID)
}

// makeAccount makes an account under the id that it had. It has no password: the person logs in by resetting it or by
// an ID token, and either proves the address.
func (r *Recovery) makeAccount(
	ctx context.Context, tx *store.Tx, s stripegw.Sold, done *Recovered,
) (a billing.Account, _ ImportReason, err error) {
	email, err := NormalizeEmail(s.Customer.Email)
	switch {
	case s.Customer.Deleted:
		return a, ImportDeleted, nil
	case s.Customer.Email == "":
		return a, ImportNoMatch, nil
	case err != nil:
		return a, ImportBadEmail, nil
	}
	found, err := tx.AccountByEmail(ctx, email)
	if billing.CodeOf(err) != billing.ENotFound {
		return found, ImportEmailTaken, err
	}
	a = newAccount(tx.Now, email, "")
	a.ID, a.CustomerID, a.Role = s.Order.AccountID, s.Customer.ID, billing.RoleUser
	done.MadeAccount = true
	return a, "", tx.InsertAccount(ctx, a)
}

// complete adds what Stripe does not keep of an order, by the catalogue. It reports whether all of it is known.
func (r *Recovery) complete(o *billing.Order) bool {
	pack, isPack := r.Catalog.Pack(o.Item)
	plan, isPlan := r.Catalog.Plan(o.Item)
	switch {
	case o.Automatic && (!isPack || pack.Amount == 0 || o.Amount%pack.Amount != 0):
		return false
	case o.Automatic:
		o.Quantity = o.Amount / pack.Amount
		o.Points = pack.Points * billing.Points(o.Quantity)
	case o.Points == 0 && isPack:
		o.Points = pack.Points * billing.Points(o.Quantity)
	case o.Points == 0 && isPlan:
		o.Points = plan.Points * billing.Points(o.Quantity)
	}
	return o.Quantity > 0 && (o.Points > 0 || isPlan)
}
