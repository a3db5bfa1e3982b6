package inbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
)

// TestComparedTwice proves that a comparison by hand reports what both of its looks found. Each lost purchase of a pack
// is two differences: the order, which should be fulfilled, and its grant of 100 points. Three kinds are not reported:
// what a sync under way removed between the looks, what appeared only after the first, and what became another
// difference. A comparison that is cut off between the looks reports and repairs nothing.
func TestComparedTwice(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		passing, _ := w.buyer()
		w.Advance(time.Second) // ids sort by time
		lasting, _ := w.buyer()
		w.Advance(time.Second)
		sound := w.draft()
		w.insert(sound)
		waits := 0
		between := func(ctx context.Context) error {
			waits++
			_, err := w.syncer.Sync(ctx, passing.ID, billing.CauseEvent) // as its webhook would
			must(w.t, err)
			late := w.sell(sound, "pack_100")
			w.insertOrder(late)
			w.pay(late)
			return nil
		}
		ids := []billing.AccountID{passing.ID, lasting.ID, sound.ID}
		look := func(repair bool, again audit.Wait, ids ...billing.AccountID) ([]audit.Compared, error) {
			c := audit.Comparison{DB: w.db, Syncer: w.syncer, Repair: repair}
			return c.Twice(w.t.Context(), ids, again)
		}
		got, err := look(false, between, ids...)
		if err != nil || waits != 1 || len(got) != 3 {
			w.t.Fatalf("after %d waits: %+v, %v", waits, got, err)
		}
		for n, want := range []int{0, 2, 0} {
			if r := got[n]; r.Account != ids[n] || r.Err != nil || len(r.Found) != want || len(r.Left) != want {
				w.t.Errorf("account %d, of which %d differences were there both times: %+v", n, want, r)
			}
		}
		ended := errors.New("stopped")
		if got, err := look(
			true, func(context.Context) error { return ended }, lasting.ID,
		); !errors.Is(err, ended) || got != nil || w.account(lasting.ID).Available != 0 {
			w.t.Errorf("cut off between the looks: %+v, %v", got, err)
		}
		got, err = look(true, none, lasting.ID)
		if err != nil || len(got[0].Found) != 2 || len(got[0].Left) != 0 || w.account(lasting.ID).Available != 100 {
			w.t.Errorf("repaired at the second look: %+v, %v", got, err)
		}
		if got, err = look(
			true, between, passing.ID, lasting.ID,
		); err != nil || waits != 1 || len(got[0].Found)+len(got[1].Found) != 0 {
			w.t.Errorf("of what is sound no one waits: %d, %+v, %v", waits, got, err)
		}
	})
}

// TestComparedTwiceOtherwise proves that a difference counts only if both looks find the same one. The first look finds
// a lot without its payment. The second finds an order that should have moved on. Neither was there at both looks.
func TestComparedTwiceOtherwise(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, o := w.buyer()
		_, err := w.syncer.Sync(t.Context(), a.ID, billing.CauseEvent)
		must(w.t, err)
		w.exec(`UPDATE lots SET grant_key = 'stripe:invoice:in_nowhere:il_1'`)
		c := audit.Comparison{DB: w.db, Syncer: w.syncer}
		wants := func(again audit.Wait, kinds ...billing.DriftKind) {
			w.t.Helper()
			got, err := c.Twice(w.t.Context(), []billing.AccountID{a.ID}, again)
			if err != nil || len(got) != 1 || len(got[0].Found) != len(kinds) || len(got[0].Left) != len(kinds) ||
				len(kinds) == 1 && got[0].Found[0].Kind != kinds[0] {
				w.t.Errorf("found %+v (%v), want %v", got, err, kinds)
			}
		}
		wants(none, billing.DriftPayment)
		wants(func(context.Context) error {
			w.exec(`UPDATE lots SET grant_key = 'stripe:checkout:` + string(o.CheckoutID) + `'`)
			w.exec(`UPDATE orders SET status = 'pending', fulfilled_at = NULL`)
			return nil
		})
		wants(none, billing.DriftOrder)
	})
}

// none is an audit.Wait that takes no time.
func none(context.Context) error { return nil }
