package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Import takes over the customers that another system sells subscriptions to at Stripe. It gives each an account, and
// has the account synced as any other. It writes nothing at Stripe.
//
// An account, its customer, the cut-over and the opening balance are written in one transaction. The sync comes after
// it. So a run that is killed leaves at most an account that was never synced, and the next run syncs it. A customer
// that has an account already is left as it is.
type Import struct {
	DB      *store.DB
	Stripe  *stripegw.Gateway
	Syncer  *reconcile.Syncer
	CutOver billing.CutOver
	// ExternalID is the key of a customer's metadata that holds the operator's own id of the person.
	ExternalID string
	Balances   map[billing.CustomerID]OpeningBalance
	DryRun     bool
	// OtherCutOver allows a cut-over that no account was imported with, although some have another.
	OtherCutOver bool
	// Reading is called after each page of subscriptions, with how many were read; nil: no one is told.
	Reading func(subscriptions int)
	Pace    time.Duration // the least time from one customer that Stripe is asked for to the next
	// Wait waits before a request that Stripe's limit refused is repeated, and between two customers. It returns an
	// error if the context ends first.
	Wait func(ctx context.Context, d time.Duration) error

	next    time.Time
	first   bool  // an account of this run is committed, so any other run sees its cut-over
	refused error // why the run ends: another run was first, with another cut-over
}

// OpeningBalance is what a customer had left in the earlier system.
type OpeningBalance struct {
	Points    billing.Points
	ExpiresAt *time.Time // nil: never
}

// ImportOutcome is what became of a customer, or would in a dry run.
type ImportOutcome string

// The outcomes of a customer.
const (
	ImportMade    ImportOutcome = "made"    // a new account
	ImportLinked  ImportOutcome = "linked"  // an account that existed
	ImportKnown   ImportOutcome = "known"   // the customer's account since before
	ImportSkipped ImportOutcome = "skipped" // nothing was done, for a reason
	ImportFailed  ImportOutcome = "failed"  // Stripe or the database did not reply: run it again
)

// Imported is one customer's line of the report.
type Imported struct {
	Customer   billing.CustomerID
	Outcome    ImportOutcome
	Reason     ImportReason // of a customer that was skipped
	Detail     string
	Account    billing.AccountID // "" in a dry run, if it does not exist yet
	ExternalID string
	Plan       string
	Opening    billing.Points // the opening balance that this run granted
	Granted    billing.Points // what this run's sync granted
}

// Read is what an import found at Stripe before it begins.
type Read struct {
	Subscriptions int // that have not ended
	Customers     int // to be imported
	// Subscriptions of other prices, by price. They are not imported.
	OtherPrices map[billing.PriceID]int
}

// Run imports all customers with a live subscription of ours, and those that have an opening balance. It calls read
// once, and each for every customer. It stops if each returns an error. Errors: EConflict for a key of another Stripe
// account than the database's or another cut-over than earlier runs', EStripeUnavailable, EStripeRefused, and the
// database's.
func (i *Import) Run(ctx context.Context, read func(Read), each func(Imported) error) error {
	if err := i.checkLink(ctx); err != nil {
		return err
	}
	if err := i.checkCutOver(ctx, i.DB.CutOvers); err != nil {
		return err
	}
	found, r, err := i.find(ctx)
	if err != nil {
		return err
	}
	read(r)
	for _, c := range found {
		done, err := i.one(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if i.refused != nil {
			return i.refused
		}
		if err != nil {
			done.Outcome, done.Reason, done.Detail = ImportFailed, "", err.Error()
		}
		if err := each(done); err != nil {
			return err
		}
	}
	return nil
}

// checkLink refuses a key of another account or mode than the database's. A dry run does not tie a new database.
func (i *Import) checkLink(ctx context.Context) error {
	if i.DryRun {
		if _, err := i.DB.StripeLink(ctx); err != nil {
			if billing.CodeOf(err) == billing.ENotFound {
				return nil
			}
			return err
		}
	}
	return i.patiently(ctx, func() error {
		_, err := reconcile.Link(ctx, i.DB, i.Stripe)
		return err
	})
}

// checkCutOver refuses another cut-over than that of earlier runs. An account keeps the one it was imported with, so a
// slip of the pen would leave customers with different ones for good.
func (i *Import) checkCutOver(
	ctx context.Context, cutOvers func(context.Context) ([]billing.CutOver, error),
) error {
	if i.OtherCutOver {
		return nil
	}
	before, err := cutOvers(ctx)
	if err != nil || len(before) == 0 {
		return err
	}
	names := make([]string, len(before))
	for n, c := range before {
		if c.At.Equal(i.CutOver.At) && c.Running == i.CutOver.Running {
			return nil
		}
		names[n] = flagsOf(c)
	}
	return billing.Errorf(
		billing.EConflict,
		"Accounts were imported here with %s, and this run has %s. Give the same, or add --other-cut-over.",
		strings.Join(names, " and with "), flagsOf(i.CutOver),
	)
}

// beFirst checks the cut-over again in the transaction that writes the run's first account. Of two runs that begin
// together, neither sees an account of the other at its start. They take turns by a lock, so the second one sees the
// account that the first one has committed. It reads the cut-overs of all accounts, so it is done once.
func (i *Import) beFirst(ctx context.Context, tx *store.Tx) error {
	if i.first || i.DryRun || i.OtherCutOver {
		return nil
	}
	if err := tx.LockStripeLink(ctx); err != nil {
		return err
	}
	err := i.checkCutOver(ctx, tx.CutOvers)
	if billing.CodeOf(err) == billing.EConflict {
		i.refused = err
	}
	return err
}

// flagsOf returns a cut-over as the command's flags name it.
func flagsOf(c billing.CutOver) string {
	grant := "later"
	if c.Running {
		grant = "current"
	}
	return fmt.Sprintf("--cut-over %s --grant %s", c.At.UTC().Format(time.RFC3339), grant)
}

// one imports one customer.
func (i *Import) one(ctx context.Context, c candidate) (Imported, error) {
	done := Imported{Customer: c.ID, ExternalID: c.externalID, Plan: c.plan}
	a, err := i.place(ctx, c, &done)
	if err != nil || done.Outcome == ImportSkipped {
		return done, err
	}
	if i.DryRun {
		return done, i.foresee(ctx, a, &done)
	}
	if a.Sync.TicketApplied > 0 {
		return done, nil
	}
	if err := i.keepPace(ctx); err != nil {
		return done, err
	}
	if err := i.patiently(ctx, func() error {
		_, err := i.Syncer.Sync(ctx, a.ID, billing.CauseOperator)
		return err
	}); err != nil {
		return done, err
	}
	if a, err = i.DB.Account(ctx, a.ID); err != nil {
		return done, err
	}
	if a.Parking.At != nil {
		done.Detail = "parked: " + a.Parking.Reason
	}
	_, done.Granted, err = i.DB.GrantedSince(ctx, a.ID, reconcile.InvoiceKey(""), time.Time{})
	return done, err
}

// foresee says what a run would grant to an account that was never synced.
func (i *Import) foresee(ctx context.Context, a billing.Account, done *Imported) error {
	if a.Sync.TicketApplied > 0 {
		return nil
	}
	if err := i.keepPace(ctx); err != nil {
		return err
	}
	return i.patiently(ctx, func() error {
		grants, err := i.Syncer.Foresee(ctx, a)
		done.Granted = 0
		for _, g := range grants {
			done.Granted += g.Amount
		}
		return err
	})
}

// maxPlacings is how often a customer is placed if others change the same account or address at the same time.
const maxPlacings = 3

// errPlaced means that someone else gave the customer an account after this transaction had found none.
var errPlaced = errors.New("account: the customer got an account at the same time")

// errDry ends the transaction of a dry run, which writes nothing.
var errDry = errors.New("account: a dry run")

// place finds or makes the customer's account and ties them together, in one transaction.
func (i *Import) place(ctx context.Context, c candidate, done *Imported) (a billing.Account, err error) {
	for range maxPlacings {
		err = i.DB.InTx(ctx, func(tx *store.Tx) error {
			line := Imported{Customer: c.ID, ExternalID: c.externalID, Plan: c.plan}
			if a, err = i.placeIn(ctx, tx, c, &line); err != nil {
				return err
			}
			*done = line
			if i.DryRun {
				return errDry
			}
			return nil
		})
		if errors.Is(err, errDry) {
			return a, nil
		}
		if err == nil && (done.Outcome == ImportMade || done.Outcome == ImportLinked) {
			i.first = true
		}
		if billing.CodeOf(err) != billing.EEmailTaken && !errors.Is(err, errEmailMoved) && !errors.Is(err, errPlaced) {
			break
		}
	}
	return a, err
}

func (i *Import) placeIn(ctx context.Context, tx *store.Tx, c candidate, done *Imported) (billing.Account, error) {
	a, reason, err := i.known(ctx, tx, c)
	if err != nil {
		return a, err
	}
	done.Outcome = ImportKnown
	if a.ID == "" && reason == "" {
		if a, reason, err = i.match(ctx, tx, c); err != nil {
			return a, err
		}
		done.Outcome = ImportLinked
		if a.ID == "" && reason == "" {
			done.Outcome = ImportMade
		}
	}
	if reason == "" {
		reason, err = i.checkOpening(ctx, tx, a, c)
	}
	if err != nil {
		return a, err
	}
	if reason != "" {
		*done = Imported{
			Customer: c.ID, Outcome: ImportSkipped, Reason: reason, Detail: reason.detail(a.ID), Account: a.ID,
			ExternalID: c.externalID, Plan: c.plan,
		}
		return a, nil
	}
	return i.write(ctx, tx, a, c, done)
}

// write makes the account if there is none, ties it to its customer, and grants the opening balance.
func (i *Import) write(
	ctx context.Context, tx *store.Tx, a billing.Account, c candidate, done *Imported,
) (_ billing.Account, err error) {
	if done.Outcome == ImportMade || done.Outcome == ImportLinked {
		if err := i.beFirst(ctx, tx); err != nil {
			return a, err
		}
	}
	switch done.Outcome {
	case ImportMade:
		a, err = i.make(ctx, tx, c)
	case ImportLinked:
		a.CustomerID, a.CutOver = c.ID, &i.CutOver
		err = tx.ImportCustomer(ctx, a.ID, c.ID, i.CutOver)
	}
	if err != nil {
		return a, err
	}
	done.Account = a.ID
	if i.DryRun && done.Outcome == ImportMade {
		done.Account = "" // the next run gives it another id
	}
	a, done.Opening, err = i.open(ctx, tx, a, c)
	return a, err
}

// make makes the account of a customer who has none. It has no password: the person logs in by resetting it or by an ID
// token, and either proves the address.
func (i *Import) make(ctx context.Context, tx *store.Tx, c candidate) (billing.Account, error) {
	a := newAccount(tx.Now, c.email, "")
	a.ExternalID, a.CustomerID, a.CutOver, a.Role = c.externalID, c.ID, &i.CutOver, billing.RoleUser
	if c.externalID != "" {
		owner, err := tx.EnterExternalID(ctx, c.externalID, a.ID)
		if err == nil && owner != a.ID {
			err = errPlaced
		}
		if err != nil {
			return a, err
		}
	}
	return a, tx.InsertAccount(ctx, a)
}

// tries is how often a request is made if Stripe's limit refuses it, or if Stripe does not reply.
const tries = 5

// patiently calls ask until Stripe replies. It waits as long as Stripe asks for, and longer each time.
func (i *Import) patiently(ctx context.Context, ask func() error) error {
	for try := 1; ; try++ {
		err := ask()
		var said *billing.Error
		if try == tries || !errors.As(err, &said) || said.Code != billing.EStripeUnavailable {
			return err
		}
		if err := i.Wait(ctx, time.Duration(try)*cmp.Or(said.RetryAfter, time.Second)); err != nil {
			return err
		}
	}
}

// keepPace waits until Stripe may be asked for the next customer. It uses real seconds, because Stripe's limits know no
// other clock.
func (i *Import) keepPace(ctx context.Context) error {
	if err := i.Wait(ctx, time.Until(i.next)); err != nil {
		return fmt.Errorf("wait for the next customer: %w", err)
	}
	i.next = time.Now().Add(i.Pace)
	return nil
}
