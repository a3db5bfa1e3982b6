package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// has gives the account a subscription of the given status.
func (b *book) has(status billing.SubscriptionStatus) {
	b.t.Helper()
	b.tell(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		a.Subscription = &billing.Subscription{
			ID:                 "sub_1",
			Plan:               "basic",
			Quantity:           1,
			Status:             status,
			CurrentPeriodStart: tx.Now,
			CurrentPeriodEnd:   tx.Now.Add(time.Hour),
		}
		return tx.SaveSubscription(ctx, a)
	})
}

// endOverdue ends all lots that have run out, as a sync does that leaves their expiries as they are.
func (b *book) endOverdue() {
	b.t.Helper()
	b.tell(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		_, err := ledger.Expire(ctx, tx, a, tx.Now, func(l billing.Lot) billing.Lot { return l })
		return err
	})
}

// overdue fills a book with 10 points of a subscription that have expired, 5 of a pack, and 3 spent of the
// subscription's.
func (b *book) overdue(status billing.SubscriptionStatus) {
	b.t.Helper()
	b.grant("pack", 5, never)
	b.period("in_1", 10, 0, time.Hour)
	b.has(status)
	b.spend(3)
	b.clock.Advance(2 * time.Hour)
}

// Proves that expired points of a live subscription are shown until a sync has looked, however often anyone reads the
// account. A sync that gives them a later expiry finds them all. Without a live subscription, any read ends them.
func TestReadsEndNothing(t *testing.T) {
	t.Parallel()
	for status, stays := range map[billing.SubscriptionStatus]bool{
		billing.SubActive: true, billing.SubTrialing: true, billing.SubPastDue: true, billing.SubUnpaid: true,
		billing.SubPaused:   true,
		billing.SubCanceled: false, billing.SubIncompleteExpired: false, billing.SubIncomplete: false,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				b.overdue(status)
				if !stays {
					b.wantBalance(billing.Balance{Available: 5})
					return
				}
				end := b.stored().NextExpiry
				for range 2 {
					b.wantBalance(billing.Balance{Available: 12})
					b.wantLots("in_1 7, pack 5")
				}
				if a := b.stored(); !a.Overdue(b.clock.Now()) || !a.NextExpiry.Equal(*end) {
					t.Errorf("the next expiry is %v, want %v, which has come", a.NextExpiry, end)
				}
				b.expire("subscription", new(b.clock.Now().Add(70*time.Hour)))
				b.wantBalance(billing.Balance{Available: 12})
				b.spend(12)
			})
		})
	}
}

// Proves that a spend and a hold take no overdue points. What the other lots have can be taken, and comes from them.
// More is refused. After a sync has ended the overdue ones, only the others are left. 7 of 10 are overdue, in addition
// to 5 of a pack: 2 and 2 can be taken, then 2 not.
func TestSpendBesideOverdue(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.overdue(billing.SubActive)
		b.refused(6)
		b.refusedHold(6)
		b.spend(2)
		h := b.hold(2, time.Hour)
		b.refused(2)
		b.refusedHold(2)
		b.wantLots("in_1 7, pack 1+2")
		b.release(h.ID)
		b.endOverdue()
		b.wantLots("pack 3")
		b.wantBalance(billing.Balance{Available: 3})
		if b.stored().NextExpiry != nil {
			t.Error("something is still due")
		}
	})
}

// Proves that points that a hold gives back to an overdue lot wait with it. A lot is also overdue if all of it is held.
func TestHoldOfOverdue(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 5, never)
		b.period("in_1", 10, 0, time.Hour)
		b.has(billing.SubActive)
		h := b.hold(10, 5*time.Hour)
		b.clock.Advance(2 * time.Hour)
		b.spend(1) // of the pack
		b.release(h.ID)
		b.wantLots("in_1 10, pack 4")
		b.refused(5)
		b.expire("subscription", new(b.clock.Now().Add(time.Hour)))
		b.spend(14)
	})
}

// Proves that the next period's grant finds overdue points. They roll over as if the renewal had been seen in time.
func TestOverdueRollsOver(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.overdue(billing.SubActive)
		b.period("in_2", 10, 4, 9*time.Hour)
		b.wantLots("in_1 4, in_2 10, pack 5")
	})
}

// Proves that an admin's grant, which does not ask Stripe, ends no overdue points.
func TestGrantBesideOverdue(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.overdue(billing.SubActive)
		b.grant("admin:1", 1, never)
		b.wantBalance(billing.Balance{Available: 13})
	})
}

// Proves that NextExpiry includes the expiry of a hold: alone, before a lot's expiry, and after it.
func TestNextExpiryKnowsHolds(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		want := func(at time.Time) {
			t.Helper()
			b.wantLots(b.lotsText()) // settles
			if got := b.stored().NextExpiry; got == nil || !got.Equal(at) {
				t.Errorf("the next expiry is %v, want %v", got, at)
			}
		}
		b.grant("pack", 10, never)
		late := b.hold(1, 5*time.Hour)
		want(late.ExpiresAt)
		early := b.hold(1, time.Hour)
		want(early.ExpiresAt)
		b.grant("month", 10, 3*time.Hour)
		want(early.ExpiresAt)
		b.clock.Set(early.ExpiresAt)
		end := b.clock.Now().Add(2 * time.Hour)
		b.grantUntil("other", 10, &end)
		if got := b.stored().NextExpiry; got == nil || got.After(end) {
			t.Errorf("the next expiry is %v, want at most %v", got, end)
		}
		b.clock.Advance(3 * time.Hour)
		want(late.ExpiresAt)
		b.clawback("pack", 5)
		if got := b.stored().NextExpiry; got == nil || !got.Equal(late.ExpiresAt) {
			t.Errorf("after a clawback the next expiry is %v, want %v", got, late.ExpiresAt)
		}
	})
}

// lotsText returns what is left, in the form of wantLots.
func (b *book) lotsText() string {
	b.t.Helper()
	_, lots, err := ledger.Show(context.Background(), b.db, b.id)
	if err != nil {
		b.t.Fatal(err)
	}
	text := ""
	for n, l := range lots {
		if n > 0 {
			text += ", "
		}
		text += lotText(keyOf(l), l.Remaining, l.Held)
	}
	return text
}
