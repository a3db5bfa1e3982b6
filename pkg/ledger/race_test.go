package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// together runs f n times at once and returns the first error.
func together(n int, f func(i int) error) error {
	start := make(chan struct{})
	var all errgroup.Group
	for i := range n {
		all.Go(func() error {
			<-start
			return f(i)
		})
	}
	close(start)
	return all.Wait()
}

// newBook returns a book on PostgreSQL, where claims about concurrency are tested. It uses the machine's running
// clock.
func newBook(t *testing.T) *book {
	t.Helper()
	db := storetest.Open(t, store.Postgres)
	return &book{t: t, db: db, clock: storetest.NewClock(), id: storetest.NewAccount(t, db).ID}
}

// Proves that of 100 concurrent spends of 1 on a balance of 30 exactly 30 succeed, from two replicas.
func TestSpendsTogether(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, store.Postgres)
	replicas := []*store.DB{storetest.OpenURL(t, url, nil), storetest.OpenURL(t, url, nil)}
	b := &book{t: t, db: replicas[0], clock: storetest.NewClock(), id: storetest.NewAccount(t, replicas[0]).ID}
	b.grant("pack", 30, never)
	var spent, refused atomic.Int64
	err := together(100, func(i int) error {
		_, err := ledger.Spend(
			context.Background(), replicas[i%2], b.id, ledger.SpendRequest{Amount: 1, Key: fmt.Sprint(i)},
		)
		switch billing.CodeOf(err) {
		case "":
			spent.Add(1)
		case billing.EInsufficientPoints:
			refused.Add(1)
		default:
			return err
		}
		return nil
	})
	if err != nil || spent.Load() != 30 || refused.Load() != 70 {
		t.Errorf("%d spent and %d refused (%v), want 30 and 70", spent.Load(), refused.Load(), err)
	}
	b.wantBalance(billing.Balance{})
	b.wantSum(0)
	b.tick()
}

// Proves that 20 concurrent copies of one request make one debit and get 20 equal results, 19 of them marked as
// repeats. With points to spare, a copy finds the key by its entry. With the last points, it finds no points left.
func TestOneKeyTogether(t *testing.T) {
	t.Parallel()
	for name, grants := range map[string]billing.Points{"ToSpare": 100, "TheLast": 7, "NotTwice": 13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBook(t)
			b.grant("pack", grants, never)
			answers := make([]ledger.Spent, 20)
			err := together(20, func(i int) (err error) {
				answers[i], err = ledger.Spend(context.Background(), b.db, b.id, ledger.SpendRequest{
					Amount: 7, Key: "k", Description: "one", Metadata: map[string]string{"a": "b"},
				})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			firsts := 0
			for i, s := range answers {
				if !s.Replayed {
					firsts++
				}
				if !reflect.DeepEqual(s.Entry, answers[0].Entry) || s.Account.Available != grants-7 {
					t.Errorf("answer %d is %+v, the first %+v", i, s, answers[0])
				}
			}
			if firsts != 1 {
				t.Errorf("%d answers say that they are the first, want 1", firsts)
			}
			b.wantBalance(billing.Balance{Available: grants - 7})
			b.tick()
		})
	}
}

// Proves that two requests that compete for one key end as one debit and one refusal of the key.
func TestOneKeyTwoRequests(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.grant("pack", 3, never)
	var spent, reused atomic.Int64
	err := together(20, func(i int) error {
		_, err := ledger.Spend(
			context.Background(), b.db, b.id, ledger.SpendRequest{Amount: billing.Points(2 + i%2), Key: "k"},
		)
		switch billing.CodeOf(err) {
		case "":
			spent.Add(1)
		case billing.EKeyReused:
			reused.Add(1)
		default:
			return err
		}
		return nil
	})
	if err != nil || spent.Load() != 10 || reused.Load() != 10 {
		t.Errorf("%d answers and %d refusals (%v), want 10 and 10", spent.Load(), reused.Load(), err)
	}
	if got := len(entriesOf(t, b.db, b.id)); got != 2 {
		t.Errorf("%d entries, want the grant and one spend", got)
	}
	b.tick()
}

// Proves that one business fact, reported 20 times at once, grants to an account once. A key belongs to its account:
// ten accounts with one key have ten grants. The store guarantees that no fact of Stripe's reaches two accounts.
func TestOneGrantTogether(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	grant := func(b *book, key string) (ok bool, err error) {
		err = b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) (err error) {
			_, ok, err = ledger.Grant(ctx, tx, a, billing.Grant{Key: key, Source: "order", Amount: 10})
			return err
		})
		return ok && err == nil, err
	}
	var granted atomic.Int64
	err := together(20, func(int) error {
		ok, err := grant(b, "stripe:checkout:cs_1")
		if ok {
			granted.Add(1)
		}
		return err
	})
	if err != nil || granted.Load() != 1 {
		t.Errorf("one account: %d grants (%v), want 1", granted.Load(), err)
	}
	b.wantBalance(billing.Balance{Available: 10})

	books := make([]*book, 10)
	for i := range books {
		books[i] = &book{t: t, db: b.db, clock: b.clock, id: storetest.NewAccount(t, b.db).ID}
	}
	granted.Store(0)
	err = together(len(books), func(i int) error {
		ok, err := grant(books[i], "stripe:checkout:cs_2")
		if ok {
			granted.Add(1)
		}
		return err
	})
	var sum billing.Points
	for _, other := range books {
		other.tick()
		sum += other.stored().Available
	}
	if err != nil || granted.Load() != 10 || sum != 100 {
		t.Errorf("ten accounts: %d grants of %d points (%v), want 10 of 100", granted.Load(), sum, err)
	}
}

// Proves that an account still adds up after concurrent grants, spends, refunds, expiries and reads. What was granted
// minus what was spent and taken back is what is there, and every balance follows from the one before.
func TestEverythingTogether(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	const packs = 12
	var spent atomic.Int64
	ctx := context.Background()
	err := together(packs*5, func(i int) error {
		key := fmt.Sprint("pack:", i%packs)
		switch i / packs {
		case 0:
			return b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
				a, _, err := ledger.Grant(
					ctx, tx, a, billing.Grant{Key: key, Source: key, Amount: 10, ExpiresAt: new(tx.Now.Add(time.Hour))},
				)
				if err != nil {
					return err
				}
				_, err = ledger.Clawback(ctx, tx, a, key, 1, "refund")
				return err
			})
		case 1, 2:
			_, err := ledger.Spend(ctx, b.db, b.id, ledger.SpendRequest{Amount: 3, Key: fmt.Sprint(i)})
			if billing.CodeOf(err) == billing.EInsufficientPoints {
				return nil
			}
			if err == nil {
				spent.Add(3)
			}
			return err
		case 3:
			return b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
				_, err := ledger.Clawback(ctx, tx, a, key, 4, "refund")
				return err
			})
		default:
			a, lots, err := ledger.Show(ctx, b.db, b.id)
			var sum billing.Points
			for _, l := range lots {
				sum += l.Remaining
			}
			if err == nil && sum != a.Available {
				err = errors.New("shown lots do not add up to the shown balance")
			}
			return errors.Join(err, ledger.Audit(ctx, b.db, b.id))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	b.tick()
	want := billing.Points(packs*10) - billing.Points(spent.Load())
	for _, e := range entriesOf(t, b.db, b.id) {
		if e.Kind == billing.EntryClawback {
			want += e.Amount
		}
	}
	if got := b.stored().Total(); got != want {
		t.Errorf("the balance is %d, want %d", got, want)
	}
}
