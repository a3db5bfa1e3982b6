package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// book is one account's points, with short methods to change and read them. Each change moves the clock by a
// millisecond, so that ids sort in the order of the changes, and ends with an audit.
type book struct {
	t     failer
	db    *store.DB
	clock *storetest.Clock
	id    billing.AccountID
}

// failer is the common part of a *testing.T and a *rapid.T.
type failer interface {
	Helper()
	Failed() bool
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// never is the lifetime of a lot that does not expire.
const never = time.Duration(0)

func eachBook(t *testing.T, f func(t *testing.T, b *book)) {
	t.Helper()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		f(t, &book{t: t, db: db, clock: clock, id: storetest.NewAccount(t, db).ID})
	})
}

// write runs f on the locked account.
func (b *book) write(f func(ctx context.Context, tx *store.Tx, a billing.Account) error) error {
	ctx := context.Background()
	return b.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, b.id)
		if err != nil {
			return err
		}
		return f(ctx, tx, a)
	})
}

func (b *book) tell(f func(ctx context.Context, tx *store.Tx, a billing.Account) error) {
	b.t.Helper()
	if err := b.write(f); err != nil {
		b.t.Fatal(err)
	}
	b.tick()
}

func (b *book) tick() {
	b.t.Helper()
	b.clock.Advance(time.Millisecond)
	if err := ledger.Audit(context.Background(), b.db, b.id); err != nil {
		b.t.Fatal(err)
	}
}

func (b *book) grant(key string, n billing.Points, lasts time.Duration) {
	b.t.Helper()
	b.grantFrom(key, billing.Grant{Key: key, Amount: n}, lasts)
}

func (b *book) grantFrom(source string, g billing.Grant, lasts time.Duration) {
	b.t.Helper()
	g.Source = source
	if lasts != never {
		g.ExpiresAt = new(b.clock.Now().Add(lasts))
	}
	if g.Replaces && g.Period == nil || source == "subscription" {
		g.Period = &billing.Period{Start: b.clock.Now(), End: b.clock.Now().Add(lasts)}
	}
	if !b.tryGrant(g) {
		b.t.Fatalf("%s granted nothing", g.Key)
	}
}

func (b *book) grantUntil(key string, n billing.Points, end *time.Time) {
	b.t.Helper()
	b.tryGrant(billing.Grant{Key: key, Source: key, Amount: n, ExpiresAt: end})
}

func (b *book) tryGrant(g billing.Grant) (ok bool) {
	b.t.Helper()
	b.tell(func(ctx context.Context, tx *store.Tx, a billing.Account) (err error) {
		_, ok, err = ledger.Grant(ctx, tx, a, g)
		return err
	})
	return ok
}

func (b *book) clawback(key string, total billing.Points) {
	b.t.Helper()
	b.tell(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		_, err := ledger.Clawback(ctx, tx, a, key, total, "refund")
		return err
	})
}

func (b *book) expire(source string, at *time.Time) {
	b.t.Helper()
	b.tell(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		_, err := ledger.Expire(ctx, tx, a, tx.Now, func(l billing.Lot) billing.Lot {
			if l.Source == source {
				l.ExpiresAt = at
			}
			return l
		})
		return err
	})
}

func (b *book) spend(n billing.Points) ledger.Spent {
	b.t.Helper()
	s, err := ledger.Spend(context.Background(), b.db, b.id, ledger.SpendRequest{Amount: n})
	if err != nil {
		b.t.Fatal(err)
	}
	b.tick()
	return s
}

func (b *book) refused(n billing.Points) {
	b.t.Helper()
	s, err := ledger.Spend(context.Background(), b.db, b.id, ledger.SpendRequest{Amount: n})
	if billing.CodeOf(err) != billing.EInsufficientPoints || s.Account.ID != b.id {
		b.t.Errorf("spend %d: got %v and the account %q, want %s", n, err, s.Account.ID, billing.EInsufficientPoints)
	}
	b.tick()
}

// stored returns the account as its row is, whether or not it was settled.
func (b *book) stored() billing.Account {
	b.t.Helper()
	a, err := b.db.Account(context.Background(), b.id)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func (b *book) wantBalance(want billing.Balance) {
	b.t.Helper()
	a, err := ledger.Current(context.Background(), b.db, b.id)
	if err != nil || a.Balance != want {
		b.t.Errorf("the balance is %+v (%v), want %+v", a.Balance, err, want)
	}
}

func (b *book) wantVersion(want int64) {
	b.t.Helper()
	if got := b.stored().Version; got != want {
		b.t.Errorf("the version is %d, want %d", got, want)
	}
}

// wantLots compares the lots in burn order, written "key points, key points+held".
func (b *book) wantLots(want string) {
	b.t.Helper()
	_, lots, err := ledger.Show(context.Background(), b.db, b.id)
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, l := range lots {
		got = append(got, lotText(keyOf(l), l.Remaining, l.Held))
	}
	if strings.Join(got, ", ") != want {
		b.t.Errorf("the lots are %q, want %q", strings.Join(got, ", "), want)
	}
	b.tick()
}

// keyOf returns the name of a lot: its grant's key, or "restored" if the key cannot be known before.
func keyOf(l billing.Lot) string {
	if key, _, _ := strings.Cut(l.GrantKey, "restore:"); key != "" {
		return key
	}
	return "restored"
}

func lotText(key string, remaining, held billing.Points) string {
	if held == 0 {
		return fmt.Sprintf("%s %d", key, remaining)
	}
	return fmt.Sprintf("%s %d+%d", key, remaining, held)
}

// wantEntries compares the entries, oldest first, written "kind amount -> balance after".
func (b *book) wantEntries(want ...string) {
	b.t.Helper()
	var got []string
	for _, e := range entriesOf(b.t, b.db, b.id) {
		got = append(got, fmt.Sprintf("%s %d -> %d", e.Kind, e.Amount, e.BalanceAfter))
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("the entries are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (b *book) wantSum(want billing.Points) {
	b.t.Helper()
	var sum billing.Points
	for _, e := range entriesOf(b.t, b.db, b.id) {
		sum += e.Amount
	}
	if sum != want {
		b.t.Errorf("the entries add up to %d, want %d", sum, want)
	}
}

// entriesOf lists all entries, oldest first.
func entriesOf(t failer, db *store.DB, id billing.AccountID) []billing.Entry {
	t.Helper()
	entries, err := db.Entries(context.Background(), id, "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(entries)
	return entries
}
