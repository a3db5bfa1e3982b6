package outbox_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that points.low is raised once each time the points fall through the threshold, whatever takes them. It is
// raised again only after there were enough points in between.
func TestLowOnce(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook", billing.OutPointsLow)
		id, ctx := o.account(0), context.Background()
		want, n := 0, 0
		step := func(what string, crosses bool, f func()) {
			t.Helper()
			f()
			if crosses {
				want++
			}
			if got := len(o.sent(w)); got != want {
				t.Fatalf("after %s there are %d events, want %d", what, got, want)
			}
		}
		fill := func() {
			n++
			o.grant(id, billing.Grant{Key: fmt.Sprint(id, n), Source: "fill", Amount: 500})
		}
		empty := func() {
			a, err := ledger.Current(ctx, o.db, id)
			must(t, err)
			o.spend(id, a.Available)
		}
		step(
			"a grant that stays below", false,
			func() { o.grant(id, billing.Grant{Key: "few", Source: "test", Amount: low - 1}) },
		)
		step("a spend below", false, func() { o.spend(id, 1) })
		step("a grant that is enough", false, fill)
		step("a spend to just enough", false, func() { o.spend(id, 500+low-2-low) })
		step("a spend to one less", true, func() { o.spend(id, 1) })
		step("another spend", false, func() { o.spend(id, 1) })
		step("filling up", false, fill)
		step("emptying", true, empty)
		step("filling up", false, fill)
		step("a hold", true, func() {
			h, err := ledger.Hold(ctx, o.db, id, ledger.HoldRequest{Amount: 450, TTL: time.Hour})
			must(t, err)
			_, err = ledger.Release(ctx, o.db, id, ledger.ReleaseRequest{Hold: h.Hold.ID})
			must(t, err)
		})
		step("a correction", true, func() {
			o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
				_, err := ledger.Correct(ctx, tx, a, 450, "r", billing.Actor{})
				return err
			})
		})
		step("emptying what is low", false, empty)
		end := o.db.Now().Add(time.Hour)
		step(
			"points that end", false,
			func() { o.grant(id, billing.Grant{Key: "ends", Source: "test", Amount: 300, ExpiresAt: &end}) },
		)
		step("their end", true, func() {
			o.clock.Advance(time.Hour)
			_, err := ledger.Current(ctx, o.db, id)
			must(t, err)
		})
		step("filling up", false, fill)
		step("a clawback", true, func() {
			o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
				_, err := ledger.Clawback(ctx, tx, a, fmt.Sprint(id, n), 450, "r")
				return err
			})
		})
	})
}

// Proves that an account's threshold counts if it has one, and not the operator's.
func TestOwnThreshold(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook", billing.OutPointsLow)
		id, own := o.account(low), billing.Points(10)
		o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			return tx.SetLowPoints(ctx, a.ID, &own)
		})
		o.spend(id, low-own)
		if sent := o.sent(w); len(sent) != 0 {
			t.Fatalf("told at the operator's threshold: %v", sent)
		}
		o.spend(id, 1)
		sent := o.sent(w)
		if len(sent) != 1 || !strings.Contains(
			sent[0].Body, `"threshold":10`,
		) || !strings.Contains(sent[0].Body, `"available":9`) {
			t.Errorf("told %v", sent)
		}
	})
}

// Proves that points that go and come back in one transaction, as at a renewal, never count as low.
func TestNotLowBetween(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook", billing.OutPointsLow)
		id, end := o.account(0), o.db.Now().Add(time.Hour)
		o.grant(id, billing.Grant{Key: "1", Source: "sub", Amount: 200, ExpiresAt: &end})
		o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			a, err := ledger.Expire(ctx, tx, a, tx.Now, func(l billing.Lot) billing.Lot {
				if l.Source == "sub" {
					l.ExpiresAt = &tx.Now
				}
				return l
			})
			must(t, err)
			if a.Available != 0 {
				t.Errorf("%d points", a.Available)
			}
			_, _, err = ledger.Grant(ctx, tx, a, billing.Grant{Key: "2", Source: "sub", Amount: 200})
			return err
		})
		if got := o.kinds(w, 0); got != nil {
			t.Errorf("told %v", got)
		}
	})
}

// Proves that points that fall in several steps of one transaction give one event, with the final state.
func TestLowInSteps(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w, id := o.add("https://example.com/hook", billing.OutPointsLow), o.account(200)
		o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) (err error) {
			for _, n := range []billing.Points{50, 60, 1} {
				if a, err = ledger.Correct(ctx, tx, a, n, "r", billing.Actor{}); err != nil {
					return err
				}
			}
			return nil
		})
		if sent := o.sent(w); len(sent) != 1 || !strings.Contains(sent[0].Body, `"available":89`) {
			t.Errorf("told %v", sent)
		}
	})
}

// Proves on PostgreSQL that of 100 spends at once, one of which crosses the threshold, exactly one writes the event.
func TestLowTogether(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	o := newOffice(t, storetest.OpenAt(t, store.Postgres, clock), clock)
	w := o.add("https://example.com/hook", billing.OutPointsLow)
	id := o.account(low + 50)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if _, err := ledger.Spend(context.Background(), o.db, id, ledger.SpendRequest{Amount: 1}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	sent := o.sent(w)
	if len(sent) != 1 || !strings.Contains(sent[0].Body, fmt.Sprintf(`"available":%d`, low-1)) {
		t.Errorf("told %v", sent)
	}
}
