package reconcile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/trace"
)

// apply carries out a decision, in one transaction under the account's lock. It returns applied false, and changes
// nothing but the record of this sync, if the picture of a later ticket was applied before. It does the same, with
// older true, if the picture may be older than one that was applied since the ticket was taken.
func (s *Syncer) apply(ctx context.Context, t billing.Ticket, d Decision) (applied, older bool, err error) {
	ctx, span := trace.Start(ctx, "sync apply", trace.Internal)
	defer func() { span.End(err) }()
	var was, is billing.Parking
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		applied, older = false, false // this function may run more than once
		now, err := tx.LockAccount(ctx, t.Account.ID)
		if err != nil {
			return err
		}
		if older = mayBeOlder(t, now, d); older {
			return tx.EndSync(ctx, now.ID, t.Number, billing.SyncEnd{Outcome: billing.SyncOutrun, Version: now.Version})
		}
		a, ok, err := tx.ApplyTicket(ctx, t.Account.ID, t.Number, d.InvoicesSince)
		applied = ok
		if err != nil {
			return err
		}
		if !ok {
			return tx.EndSync(ctx, a.ID, t.Number, billing.SyncEnd{Outcome: billing.SyncOutrun, Version: a.Version})
		}
		was = a.Parking
		is, err = s.write(ctx, tx, a, t, d)
		return err
	})
	older = older && err == nil
	if applied = applied && err == nil; applied && was.At == nil && is.At != nil {
		s.log.WarnContext(
			ctx, "an account is parked: its grants wait",
			"account", t.Account.ID, "reason", is.Reason, "fix",
			"see what happened with `pointsync explain ID`; let the grants through with `pointsync user unpark ID`",
		)
	}
	return applied, older, err
}

// write writes what a decision means for an account whose ticket was applied, and returns whether the account is parked
// now. The caller holds the account's lock.
func (s *Syncer) write(
	ctx context.Context, tx *store.Tx, a billing.Account, t billing.Ticket, d Decision,
) (parking billing.Parking, err error) {
	before := a.Subscription
	if a, d, err = s.park(ctx, tx, a, t.Orders, d); err != nil {
		return parking, err
	}
	parking = a.Parking
	if a, err = applyPoints(ctx, tx, a, t.BeganAt, d); err != nil {
		return parking, err
	}
	for _, o := range d.Orders {
		if err := saveOrder(ctx, tx, o); err != nil {
			return parking, err
		}
	}
	// After the orders: a refunded order may have been fulfilled a moment ago.
	if a, err = applyRefunds(ctx, tx, a, d); err != nil {
		return parking, err
	}
	if err := applyReturned(ctx, tx, a, d.Returned); err != nil {
		return parking, err
	}
	if !billing.SameTime(a.Sync.NextGrantAt, d.NextGrantAt) {
		if err := tx.SaveNextGrant(ctx, a.ID, d.NextGrantAt); err != nil {
			return parking, err
		}
	}
	if err := tx.WakeChanges(ctx, a.ID, d.Decided, d.Open); err != nil {
		return parking, err
	}
	if a, err = applySubscription(ctx, tx, a, d); err != nil {
		return parking, err
	}
	if err := tx.EndSync(
		ctx, a.ID, t.Number,
		billing.SyncEnd{Outcome: billing.SyncApplied, Detail: changes(before, d), Version: a.Version},
	); err != nil {
		return parking, err
	}
	return parking, tx.ProcessEvents(ctx, a.ID, t.Number)
}

// applySubscription saves the subscription if it changed, and that the account's trial is used.
func applySubscription(ctx context.Context, tx *store.Tx, a billing.Account, d Decision) (billing.Account, error) {
	if d.UsesTrial && a.TrialUsedAt == nil {
		if err := tx.UseTrial(ctx, a.ID); err != nil {
			return a, err
		}
	}
	if a.Subscription.Equal(d.Subscription) {
		return a, nil
	}
	a.Subscription = d.Subscription
	a.Version++
	return a, tx.SaveSubscription(ctx, a)
}

// mayBeOlder reports whether a picture contradicts one of a lower ticket that was applied since its own ticket was
// taken. A ticket says how old a picture is at most, not how new it is: Stripe may have answered the lower ticket
// later.
func mayBeOlder(t billing.Ticket, now billing.Account, d Decision) bool {
	applied := now.Sync.TicketApplied
	return applied < t.Number && applied != t.Account.Sync.TicketApplied && !now.Subscription.Equal(d.Subscription)
}

// saveOrder writes an order. If the order is automatic and has now ended, it also updates the top-up that made it. The
// end counts once, even if two syncs that ran side by side saw it.
func saveOrder(ctx context.Context, tx *store.Tx, o billing.Order) error {
	if !o.Automatic {
		return tx.SaveOrder(ctx, o)
	}
	before, err := tx.Order(ctx, o.AccountID, o.ID)
	if err != nil {
		return err
	}
	if err := tx.SaveOrder(ctx, o); err != nil || before.Status.Final() {
		return err
	}
	t, err := tx.TopUp(ctx, o.AccountID)
	if billing.CodeOf(err) == billing.ENotFound { // deleted in the meantime
		return nil
	}
	if err != nil || t.After(o) == t {
		return err
	}
	return tx.SaveTopUp(ctx, t.After(o))
}

// changes describes, for an operator, the changes of a decision that leave no other trace. Points have their entries.
func changes(before *billing.Subscription, d Decision) string {
	var parts []string
	if !before.Equal(d.Subscription) {
		parts = append(parts, "subscription "+state(before)+" → "+state(d.Subscription))
	}
	for _, o := range d.Orders {
		part := fmt.Sprintf("order %s %s", o.ID, o.Status)
		if o.DeclineCode != "" {
			part += " (" + o.DeclineCode + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(append(parts, d.Warnings...), "; ")
}

func state(s *billing.Subscription) string {
	if s == nil {
		return "none"
	}
	words := s.Plan + " " + string(s.Status)
	if s.Quantity != 1 {
		words = fmt.Sprintf("%d × %s", s.Quantity, words)
	}
	if next := s.Scheduled; next != nil {
		words += fmt.Sprintf(", %d × %s from %s", next.Quantity, next.Plan, day(next.At))
	}
	switch {
	case s.CancelAtPeriodEnd:
		words += ", cancels"
	case s.EndsAt != nil:
		words += ", ends " + day(*s.EndsAt)
	}
	if s.CollectionPaused != nil {
		words += ", collection paused"
	}
	if s.Window != nil {
		words += " until " + s.Window.Until.UTC().Format(time.RFC3339)
	}
	return words
}

// applyPoints makes the grants, then expires lots. The grants come first, so a paid renewal finds the points of the
// last period, however late a sync sees it. A lot that was granted to a subscription which has ended expires at once.
func applyPoints(
	ctx context.Context, tx *store.Tx, a billing.Account, asOf time.Time, d Decision,
) (_ billing.Account, err error) {
	for _, g := range d.Grants {
		if a, _, err = ledger.Grant(ctx, tx, a, g); err != nil {
			return a, err
		}
	}
	return applyEnds(ctx, tx, a, asOf, d.Ends)
}

// applyEnds sets when lots expire, and expires only what had run out when the picture began: a picture that began
// before a lot ran out does not know what Stripe did after that. The lots of a subscription that ended since then
// expire now.
func applyEnds(
	ctx context.Context, tx *store.Tx, a billing.Account, asOf time.Time, ends []End,
) (_ billing.Account, err error) {
	for _, e := range ends {
		if e.Ended != nil && e.Ended.After(asOf) {
			e.Ended = &asOf // a later time for the call below would end lots of other subscriptions, too
		}
		if a, err = ledger.Expire(ctx, tx, a, asOf, e.of); err != nil {
			return a, err
		}
	}
	return a, nil
}
