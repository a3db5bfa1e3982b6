package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// buy is a request that inserts an order, which is its effect.
func buy(db *store.DB, r billing.Request) (id string, replayed bool, err error) {
	err = write(db, func(ctx context.Context, tx *store.Tx) error {
		id, replayed, err = tx.Once(ctx, r, func() (string, error) {
			o := anOrder(db, r.Account)
			o.CheckoutID = ""
			return string(o.ID), tx.InsertOrder(ctx, o)
		})
		return err
	})
	return id, replayed, err
}

func ordersOf(t *testing.T, db *store.DB, id billing.AccountID) []billing.Order {
	t.Helper()
	all, err := db.Orders(t.Context(), id, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Proves that a request has its effect once for each key: a repeat gets what the first made, and another request under
// the key is refused.
func TestOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db).ID
		first := billing.Request{Account: a, Operation: billing.OperationCheckout, Key: "key", Hash: "one"}
		id, replayed, err := buy(db, first)
		if err != nil || replayed || id == "" {
			t.Fatalf("the first: %q, %v, %v", id, replayed, err)
		}
		if again, replayed, err := buy(db, first); err != nil || !replayed || again != id {
			t.Errorf("the repeat: %q, %v, %v, want %q", again, replayed, err, id)
		}
		if known, ok, err := db.RequestResult(t.Context(), first); err != nil || !ok || known != id {
			t.Errorf("the key leads to %q, %v, %v, want %q", known, ok, err, id)
		}
		reused := first
		reused.Hash = "two"
		_, _, err = buy(db, reused)
		_, _, looked := db.RequestResult(t.Context(), reused)
		if billing.CodeOf(err) != billing.EKeyReused || billing.CodeOf(looked) != billing.EKeyReused {
			t.Errorf("another request under the key: %v; before it: %v", err, looked)
		}
		if n := len(ordersOf(t, db, a)); n != 1 {
			t.Errorf("%d effects of one key", n)
		}
	})
}

// Proves that keys of another operation or another account are other keys, and that without a key each request is new.
func TestOnceApart(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, other := storetest.NewAccount(t, db).ID, storetest.NewAccount(t, db).ID
		first := billing.Request{Account: a, Operation: billing.OperationCheckout, Key: "key", Hash: "one"}
		id, _, err := buy(db, first)
		if err != nil {
			t.Fatal(err)
		}
		apart, admins, theirs, keyless := first, first, first, first
		apart.Operation, admins.Operation, theirs.Account = billing.OperationChange, billing.OperationAdmin, other
		keyless.Key = ""
		for name, r := range map[string]billing.Request{
			"Change": apart, "Admin": admins, "OtherAccount": theirs, "NoKey": keyless, "NoKeyAgain": keyless,
		} {
			if got, replayed, err := buy(db, r); err != nil || replayed || got == id {
				t.Errorf("%s: %q, %v, %v", name, got, replayed, err)
			}
		}
		if _, ok, err := db.RequestResult(t.Context(), keyless); ok || err != nil {
			t.Errorf("no key leads to a result: %v", err)
		}
	})
}

// Proves that a request that fails leaves nothing, and its key unused.
func TestOnceFails(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db).ID
		r := billing.Request{Account: a, Operation: billing.OperationCheckout, Key: "key", Hash: "one"}
		broken := errors.New("broken")
		err := write(db, func(ctx context.Context, tx *store.Tx) error {
			_, _, err := tx.Once(ctx, r, func() (string, error) {
				return "x", errors.Join(tx.InsertOrder(ctx, anOrder(db, a)), broken)
			})
			return err
		})
		if !errors.Is(err, broken) || len(ordersOf(t, db, a)) != 0 {
			t.Errorf("got %v, and %d orders", err, len(ordersOf(t, db, a)))
		}
		if _, ok, err := db.RequestResult(t.Context(), r); ok || err != nil {
			t.Errorf("the key is used: %v", err)
		}
		if _, replayed, err := buy(db, r); err != nil || replayed {
			t.Errorf("the next try: replayed %v, %v", replayed, err)
		}
	})
}

// Proves that twenty requests with one key, none of which locks the account, have one effect, and that all of them get
// it. On PostgreSQL ten of them have begun their effect before any inserts the key, so the key itself decides.
func TestOnceTogether(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db).ID
		r := billing.Request{Account: a, Operation: billing.OperationCheckout, Key: "key", Hash: "one"}
		const requests = 20
		atOnce := int64(10)
		if db.Dialect() == store.SQLite {
			atOnce = 1 // one writer at a time
		}
		var begun, firsts atomic.Int64
		race := make(chan struct{}) // closed when so many have begun
		results := make([]string, requests)
		var group errgroup.Group
		for n := range requests {
			group.Go(func() error {
				var replayed bool
				err := write(db, func(ctx context.Context, tx *store.Tx) (err error) {
					results[n], replayed, err = tx.Once(ctx, r, func() (string, error) {
						if begun.Add(1) == atOnce {
							close(race)
						}
						<-race
						o := anOrder(db, a)
						o.CheckoutID = ""
						return string(o.ID), tx.InsertOrder(ctx, o)
					})
					return err
				})
				if err == nil && !replayed {
					firsts.Add(1)
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if n := len(ordersOf(t, db, a)); n != 1 || firsts.Load() != 1 {
			t.Errorf("%d orders, and %d of %d requests were the first", n, firsts.Load(), requests)
		}
		for _, result := range results {
			if result != results[0] {
				t.Errorf("one key led to %v", results)
			}
		}
	})
}

// Proves that the keys of an order or a change that is deleted are unused again, and no other key is.
func TestForgottenKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db).ID
		order := func(key string) billing.Request {
			return billing.Request{Account: a, Operation: billing.OperationCheckout, Key: key}
		}
		gone, _, err := buy(db, order("gone"))
		if err != nil {
			t.Fatal(err)
		}
		kept, _, err := buy(db, order("kept"))
		if err != nil {
			t.Fatal(err)
		}
		change := billing.Request{Account: a, Operation: billing.OperationChange, Key: "gone"}
		err = write(db, func(ctx context.Context, tx *store.Tx) error {
			id, _, err := tx.Once(ctx, change, func() (string, error) {
				c := aChange(db, a)
				return string(c.ID), tx.InsertChange(ctx, c)
			})
			if err != nil {
				return err
			}
			// A second key of an order that stays, which has a page.
			paged, err := tx.Order(ctx, a, billing.OrderID(kept))
			if err != nil {
				return err
			}
			paged.CheckoutID = "cs_1"
			_, _, err = tx.Once(ctx, order("second"), func() (string, error) { return kept, tx.SaveOrder(ctx, paged) })
			return errors.Join(
				err, tx.DeleteOrder(ctx, a, billing.OrderID(gone)), tx.DeleteOrder(ctx, a, billing.OrderID(kept)),
				tx.DeleteChange(ctx, a, billing.ChangeID(id)),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		for r, want := range map[billing.Request]string{
			order("gone"): "", change: "", order("kept"): kept, order("second"): kept,
		} {
			if got, ok, err := db.RequestResult(t.Context(), r); err != nil || got != want || ok != (want != "") {
				t.Errorf("%+v leads to %q, %v", r, got, err)
			}
		}
	})
}
