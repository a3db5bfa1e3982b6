package ledger_test

import (
	"context"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a request repeated under its key returns the first entry, complete and equal, debits once, and returns
// the account as it is now.
func TestSpendReplay(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		for _, r := range []ledger.SpendRequest{
			{Amount: 2, Key: "plain"},
			{
				Amount:      3,
				Key:         "told",
				Description: "2030-01-01T00:00:00Z",
				Metadata:    map[string]string{"b": "1", "a": ""},
			},
			{Amount: 5, Key: "last"}, // uses up the balance, so its copy takes the slow path
		} {
			first, err := ledger.Spend(context.Background(), b.db, b.id, r)
			if err != nil || first.Replayed {
				t.Fatalf("%s: %+v, %v", r.Key, first, err)
			}
			b.tick()
			again, err := ledger.Spend(context.Background(), b.db, b.id, r)
			if err != nil || !again.Replayed || !reflect.DeepEqual(again.Entry, first.Entry) {
				t.Errorf("%s: got %+v (%v)\nwant the entry %+v", r.Key, again, err, first.Entry)
			}
			if !reflect.DeepEqual(again.Account, first.Account) {
				t.Errorf("%s: answered the account %+v\nand then %+v", r.Key, first.Account, again.Account)
			}
			b.tick()
		}
		b.wantEntries("grant 10 -> 10", "spend -2 -> 8", "spend -3 -> 5", "spend -5 -> 0")
	})
}

// Proves that a key belongs to its first request. Another amount, description or metadata is refused and debits
// nothing, even if there would be points for it.
func TestErrKeyReused(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		first := ledger.SpendRequest{Amount: 2, Key: "k", Description: "d", Metadata: map[string]string{"a": "1"}}
		if _, err := ledger.Spend(context.Background(), b.db, b.id, first); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*ledger.SpendRequest){
			"Amount":      func(r *ledger.SpendRequest) { r.Amount = 3 },
			"Unpayable":   func(r *ledger.SpendRequest) { r.Amount = 1000 },
			"Description": func(r *ledger.SpendRequest) { r.Description = "e" },
			"Metadata":    func(r *ledger.SpendRequest) { r.Metadata = map[string]string{"a": "2"} },
			"NoMetadata":  func(r *ledger.SpendRequest) { r.Metadata = nil },
		} {
			other := first
			change(&other)
			if _, err := ledger.Spend(
				context.Background(), b.db, b.id, other,
			); billing.CodeOf(err) != billing.EKeyReused {
				t.Errorf("%s: got %v, want %s", name, err, billing.EKeyReused)
			}
		}
		b.wantBalance(billing.Balance{Available: 8})
		b.wantEntries("grant 10 -> 10", "spend -2 -> 8")
	})
}

// Proves that a key belongs to one account.
func TestKeyOfAnotherAccount(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		other := *b
		other.id = storetest.NewAccount(t, b.db).ID
		for i, book := range []*book{b, &other} {
			book.grant("pack:"+string(book.id), 10, never)
			s, err := ledger.Spend(
				context.Background(), b.db, book.id, ledger.SpendRequest{Amount: billing.Points(i + 1), Key: "k"},
			)
			if err != nil || s.Replayed {
				t.Errorf("account %d: %+v, %v", i, s, err)
			}
		}
	})
}

// Proves that a refused spend leaves its key unused. Once there are points, the same request succeeds.
func TestRefusalLeavesKey(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack:1", 3, never)
		r := ledger.SpendRequest{Amount: 5, Key: "k"}
		before := b.stored()
		if _, err := ledger.Spend(
			context.Background(), b.db, b.id, r,
		); billing.CodeOf(err) != billing.EInsufficientPoints {
			t.Fatalf("got %v, want %s", err, billing.EInsufficientPoints)
		}
		if after := b.stored(); !reflect.DeepEqual(after, before) {
			t.Errorf("a refusal changed the account from %+v to %+v", before, after)
		}
		b.grant("pack:2", 3, never)
		s, err := ledger.Spend(context.Background(), b.db, b.id, r)
		if err != nil || s.Replayed || s.Account.Available != 1 {
			t.Errorf("got %+v, %v", s, err)
		}
	})
}

// Proves that a copy of a request gets the same result even after the points behind it have expired and the window has
// moved.
func TestReplayAfterExpiry(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("month", 10, time.Hour)
		r := ledger.SpendRequest{Amount: 4, Key: "k"}
		first, err := ledger.Spend(context.Background(), b.db, b.id, r)
		if err != nil {
			t.Fatal(err)
		}
		b.clock.Advance(2 * time.Hour)
		again, err := ledger.Spend(context.Background(), b.db, b.id, r)
		if err != nil || !again.Replayed || again.Entry.ID != first.Entry.ID || again.Account.Available != 0 {
			t.Errorf("got %+v, %v", again, err)
		}
	})
}

// Proves that amounts out of bounds are refused before any query.
func TestErrInvalidAmount(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		for _, n := range []billing.Points{0, -1, math.MinInt64, math.MaxInt64, billing.MaxPoints + 1} {
			if _, err := ledger.Spend(
				context.Background(), b.db, b.id, ledger.SpendRequest{Amount: n},
			); billing.CodeOf(err) != billing.EInvalid {
				t.Errorf("%d: got %v, want %s", n, err, billing.EInvalid)
			}
		}
		if _, err := ledger.Spend(
			context.Background(), b.db, "acc_nobody", ledger.SpendRequest{Amount: 1},
		); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("nobody: got %v, want %s", err, billing.ENotFound)
		}
		b.wantBalance(billing.Balance{Available: 10})
	})
}

// Proves that an audit finds what does not add up.
func TestAudit(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"Balance": `UPDATE accounts SET available = available + 1`,
		"Entry":   `UPDATE entries SET amount = amount + 1 WHERE kind = 'grant'`,
		"Lot":     `UPDATE lots SET remaining = remaining - 1`,
		"Spend":   `UPDATE accounts SET unsettled = unsettled - 1`,
		"Held":    `UPDATE entries SET held = held + 1 WHERE kind = 'hold'`,
		"Hold":    `UPDATE holds SET amount = amount + 1`,
		"Part":    `UPDATE hold_parts SET points = points + 1`,
		"LotHeld": `UPDATE lots SET held = held - 1`,
		"Ended":   `UPDATE lots SET ended_at = created_at`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				b.grant("pack", 10, never)
				b.hold(3, time.Hour)
				b.spend(2)
				if _, err := b.db.SQL().Exec(statement); err != nil {
					t.Fatal(err)
				}
				if err := ledger.Audit(context.Background(), b.db, b.id); err == nil {
					t.Error("the audit saw nothing")
				}
			})
		})
	}
}
