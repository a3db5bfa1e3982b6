package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a grant adds its points once for its key, however often it is requested, and that its bounds hold.
func TestGrant(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("order:1", 10, never)
		b.wantBalance(billing.Balance{Available: 10})
		if ok := b.tryGrant(billing.Grant{Key: "order:1", Source: "order:1", Amount: 10}); ok {
			t.Error("the same key granted twice")
		}
		b.wantBalance(billing.Balance{Available: 10})
		b.wantEntries("grant 10 -> 10")
		b.wantVersion(1)
		for name, g := range map[string]billing.Grant{
			"NoKey": {Amount: 1}, "Negative": {Key: "k", Amount: -1}, "TooMany": {
				Key: "k", Amount: billing.MaxPoints + 1,
			},
		} {
			err := b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
				_, _, err := ledger.Grant(ctx, tx, a, g)
				return err
			})
			if err == nil {
				t.Errorf("%s: granted", name)
			}
		}
	})
}

// Proves that points that expire first are used first, then the oldest, and that points without an expiry come last.
func TestBurnOrder(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 5, never)
		b.grant("late", 5, 3*time.Hour)
		b.grant("soon", 5, time.Hour)
		b.grantUntil("late:2", 5, new(storetest.Epoch.Add(3*time.Hour+time.Millisecond))) // as late as "late"
		b.spend(7)
		b.wantLots("late 3, late:2 5, pack 5")
		b.spend(6)
		b.wantLots("late:2 2, pack 5")
		b.spend(6)
		b.wantLots("pack 1")
	})
}

// Proves that a spend comes out of the lots as they were when it was made. Points that expire between two spends are
// only those that the first one had left.
func TestExpiryBetweenSpends(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("month", 10, time.Hour)
		b.grant("pack", 10, never)
		b.spend(4)
		b.clock.Advance(time.Hour)
		b.wantBalance(billing.Balance{Available: 10})
		b.refused(11)
		b.spend(3)
		b.wantLots("pack 7")
		b.wantEntries("grant 10 -> 10", "grant 10 -> 20", "spend -4 -> 16", "expire -6 -> 10", "spend -3 -> 7")
	})
}

// Proves that a spend finds an expired lot by itself, without an earlier read.
func TestSpendSettles(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("month", 10, time.Hour)
		b.grant("pack", 10, never)
		b.spend(4)
		b.clock.Advance(2 * time.Hour)
		if s := b.spend(10); s.Account.Available != 0 {
			t.Errorf("%d points are left, want none", s.Account.Available)
		}
		b.wantEntries("grant 10 -> 10", "grant 10 -> 20", "spend -4 -> 16", "expire -6 -> 10", "spend -10 -> 0")
	})
}

// Proves that a lot lasts until its expiry and no longer.
func TestExpiryIsExact(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		end := storetest.Epoch.Add(time.Hour)
		b.grantUntil("month", 10, &end)
		b.clock.Set(end.Add(-time.Microsecond))
		b.spend(1)
		b.clock.Set(end)
		b.wantBalance(billing.Balance{})
		b.refused(1)
	})
}

// Proves that a refusal settles what has expired, so that it returns the account as it is.
func TestRefusalSettles(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("month", 10, time.Hour)
		b.clock.Advance(time.Hour)
		b.refused(1)
		if a := b.stored(); a.Available != 0 || a.NextExpiry != nil {
			t.Errorf("stored %+v", a)
		}
	})
}

// Proves that the next period's grant ends the last one's lot, with an entry for it, and no other lot. A late payment
// of a period that is over ends nothing.
func TestReplaces(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 5, never)
		b.grantFrom("subscription", billing.Grant{Key: "in_1", Amount: 10}, time.Hour)
		b.spend(3)
		b.grantFrom("subscription", billing.Grant{Key: "in_2", Amount: 10, Replaces: true}, 2*time.Hour)
		b.wantLots("in_2 10, pack 5")
		old := billing.Period{Start: storetest.Epoch.Add(-2 * time.Hour), End: storetest.Epoch.Add(-time.Hour)}
		b.tryGrant(
			billing.Grant{
				Key: "in_0", Source: "subscription", Amount: 10, Replaces: true, Period: &old, ExpiresAt: &old.End,
			},
		)
		b.wantBalance(billing.Balance{Available: 15})
		b.wantLots("in_2 10, pack 5")
		b.wantSum(15)
	})
}

// Proves that points are clawed back from the lot that the money bought, then from others in burn order. What is
// missing becomes debt. Asking for no more than before changes nothing, and debt is paid first.
func TestClawback(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack:1", 10, never)
		b.grant("pack:2", 10, never)
		b.clawback("pack:2", 4)
		b.wantLots("pack:1 10, pack:2 6")
		b.clawback("pack:2", 4)
		b.clawback("pack:2", 3)
		b.wantLots("pack:1 10, pack:2 6")
		b.spend(12)
		b.clawback("pack:2", 10) // 6 more; the lots hold 4
		b.wantBalance(billing.Balance{Debt: 2})
		b.wantLots("")
		b.refused(1)
		b.grant("pack:3", 1, never)
		b.wantBalance(billing.Balance{Debt: 1})
		b.grant("pack:4", 10, never)
		b.wantBalance(billing.Balance{Available: 9})
		b.wantLots("pack:4 9")
		b.wantEntries("grant 10 -> 10", "grant 10 -> 20", "clawback -4 -> 16", "spend -12 -> 4", "clawback -6 -> -2",
			"grant 1 -> -1", "grant 10 -> 9")
	})
}

// Proves that nothing is clawed back from another account, for an unknown fact, or beyond what was granted.
func TestClawbackBounds(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		b.clawback("nothing", 5)
		other := &book{t: t, db: b.db, clock: b.clock, id: storetest.NewAccount(t, b.db).ID}
		other.grant("theirs", 10, never)
		b.clawback("theirs", 5)
		b.wantBalance(billing.Balance{Available: 10})
		other.wantBalance(billing.Balance{Available: 10})
		err := b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			_, err := ledger.Clawback(ctx, tx, a, "pack", 11, "refund")
			return err
		})
		if err == nil {
			t.Error("more was clawed back than granted")
		}
	})
}

// Proves that the lots of a source can get another expiry: sooner, at once, or none. Spends until then count against
// them.
func TestExpire(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 5, never)
		b.grantFrom("subscription", billing.Grant{Key: "in_1", Amount: 10}, 10*time.Hour)
		b.spend(3)
		b.expire("subscription", new(b.clock.Now().Add(time.Hour)))
		b.wantBalance(billing.Balance{Available: 12})
		b.clock.Advance(time.Hour)
		b.wantBalance(billing.Balance{Available: 5})
		b.grantFrom("subscription", billing.Grant{Key: "in_2", Amount: 10}, time.Hour)
		b.expire("subscription", nil)
		b.clock.Advance(2 * time.Hour)
		b.wantBalance(billing.Balance{Available: 15})
		b.expire("subscription", new(b.clock.Now()))
		b.wantBalance(billing.Balance{Available: 5})
		b.wantLots("pack 5")
	})
}

// Proves that a lot that expired unnoticed lives on when it gets a later expiry. The spends are taken out of it, and
// it has no entry of its end. A lot that was ended stays ended, whatever expiry its source gets.
func TestExpireUnnoticed(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grantFrom("subscription", billing.Grant{Key: "in_1", Amount: 10}, time.Hour)
		b.grant("other", 5, time.Hour)
		b.spend(3)
		b.clock.Advance(2 * time.Hour)
		b.expire("subscription", new(b.clock.Now().Add(time.Hour)))
		b.wantLots("in_1 7")
		b.wantBalance(billing.Balance{Available: 7})
		b.clock.Advance(2 * time.Hour)
		b.refused(1)
		b.expire("subscription", nil)
		b.wantBalance(billing.Balance{})
		b.wantEntries("grant 10 -> 10", "grant 5 -> 15", "spend -3 -> 12", "expire -5 -> 7", "expire -7 -> 0")
	})
}
