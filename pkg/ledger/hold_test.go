package ledger_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a hold moves points from available to held, that they cannot be spent in the meantime, and that each
// step has its entry: a capture spends them, in full or in part, and a release gives them back.
func TestHold(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		whole, part, none := b.hold(4, time.Hour), b.hold(3, time.Hour), b.hold(2, time.Hour)
		b.wantBalance(billing.Balance{Available: 1, Held: 9})
		b.refused(2)
		b.refusedHold(2)
		b.wantHold(whole.ID, billing.HoldActive, 0)
		b.capture(whole.ID, 0)
		b.wantBalance(billing.Balance{Available: 1, Held: 5})
		b.capture(part.ID, 1)
		b.wantBalance(billing.Balance{Available: 3, Held: 2})
		b.release(none.ID)
		b.wantBalance(billing.Balance{Available: 5})
		b.wantHold(whole.ID, billing.HoldCaptured, 4)
		b.wantHold(part.ID, billing.HoldCaptured, 1)
		b.wantHold(none.ID, billing.HoldReleased, 0)
		for _, h := range []billing.Hold{whole, part, none} {
			b.ended(h.ID)
		}
		b.wantLots("pack 5")
		b.wantEntries(
			"grant 10 -> 10", "hold 0 -> 10", "hold 0 -> 10", "hold 0 -> 10", "capture -4 -> 6", "capture -1 -> 5",
			"release 0 -> 5",
		)
	})
}

// Proves that a hold takes the points that expire first, and that a capture uses those first. The rest returns to the
// lots that it came from.
func TestHoldBurnOrder(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		b.grant("month", 5, 9*time.Hour)
		b.spend(2)
		h := b.hold(8, time.Hour)
		b.wantLots("month 0+3, pack 5+5")
		b.capture(h.ID, 4)
		b.wantLots("pack 9")
	})
}

// Proves that a hold expires by itself. A spend finds its points again without an earlier read, and from its last
// moment on it can be neither captured nor released.
func TestHoldExpires(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		h := b.hold(10, time.Hour)
		b.clock.Set(h.ExpiresAt.Add(-time.Microsecond))
		b.refused(1)
		b.clock.Set(h.ExpiresAt)
		b.spend(6)
		b.ended(h.ID)
		b.wantHold(h.ID, billing.HoldExpired, 0)
		b.wantBalance(billing.Balance{Available: 4})
		b.wantEntries("grant 10 -> 10", "hold 0 -> 10", "release 0 -> 10", "spend -6 -> 4")
	})
}

// besideAnother makes another account in the same database, and gives both this many points without an expiry.
func (b *book) besideAnother(t *testing.T, points billing.Points) *book {
	t.Helper()
	other := *b
	other.id = storetest.NewAccount(t, b.db).ID
	for _, book := range []*book{b, &other} {
		book.grant("pack:"+string(book.id), points, never)
	}
	return &other
}

// Proves that points come back even if no one reads the account, and only for accounts whose holds have expired.
func TestReleaseDue(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		other := b.besideAnother(t, 10)
		b.hold(1, time.Hour)
		b.hold(2, 3*time.Hour)
		other.hold(4, 2*time.Hour)
		for _, step := range []struct {
			at         time.Duration
			done       int
			mine, them billing.Points
		}{{0, 0, 3, 4}, {time.Hour, 1, 2, 4}, {2 * time.Hour, 2, 0, 0}} {
			b.clock.Advance(step.at)
			n, err := ledger.ReleaseDue(context.Background(), b.db, 10)
			if err != nil || n != step.done || b.stored().Held != step.mine || other.stored().Held != step.them {
				t.Errorf(
					"%d accounts settled (%v), %d and %d points held, want %+v", n, err, b.stored().Held,
					other.stored().Held, step,
				)
			}
		}
		if b.stored().NextExpiry != nil {
			t.Errorf("something is still due: %v", b.stored().NextExpiry)
		}
	})
}

// Proves that an account that cannot be settled does not keep other accounts' points from coming back, and is named.
func TestReleaseDueOfBrokenAccount(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		other := b.besideAnother(t, 10)
		b.hold(1, time.Hour)
		other.hold(4, 2*time.Hour)
		if _, err := b.db.SQL().Exec(
			"UPDATE accounts SET unsettled = 1000 WHERE id = '" + string(b.id) + "'",
		); err != nil {
			t.Fatal(err)
		}
		b.clock.Advance(3 * time.Hour)
		n, err := ledger.ReleaseDue(context.Background(), b.db, 10)
		if n != 1 || err == nil || !strings.Contains(
			err.Error(), string(b.id),
		) || b.stored().Held != 1 || other.stored().Held != 0 {
			t.Errorf("%d accounts settled (%v), %d and %d points held", n, err, b.stored().Held, other.stored().Held)
		}
	})
}

// Proves what happens to held points whose lot ends in the meantime: because it expired, because of the next period,
// or because of its source. The hold keeps the points and may be captured. What it gives back expires.
func TestHoldOutlivesLot(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(b *book){
		"ByTime":   func(b *book) { b.clock.Advance(2 * time.Hour); b.wantBalance(billing.Balance{Held: 10}) },
		"Unseen":   func(b *book) { b.clock.Advance(2 * time.Hour) },
		"BySource": func(b *book) { b.expire("subscription", new(b.clock.Now())) },
		"ByTheNext": func(b *book) {
			b.grantFrom("subscription", billing.Grant{Key: "in_2", Amount: 0, Replaces: true}, 9*time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				b.grantFrom("subscription", billing.Grant{Key: "in_1", Amount: 10}, time.Hour)
				kept, back := b.hold(6, 5*time.Hour), b.hold(4, 5*time.Hour)
				end(b)
				// A lot whose expiry was not noticed lives on with its source. A lot that was ended does not.
				if name != "Unseen" {
					b.expire("subscription", new(b.clock.Now().Add(9*time.Hour)))
				}
				b.capture(kept.ID, 5)
				b.wantBalance(billing.Balance{Held: 4})
				b.release(back.ID)
				b.wantBalance(billing.Balance{})
				b.wantLots("")
				b.wantSum(0)
			})
		})
	}
}

// Proves that a lot that is extended takes its held points along, as it does the remaining ones.
func TestHoldFollowsLot(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grantFrom("subscription", billing.Grant{Key: "in_1", Amount: 10}, time.Hour)
		h := b.hold(10, 5*time.Hour)
		b.expire("subscription", new(b.clock.Now().Add(9*time.Hour)))
		b.clock.Advance(2 * time.Hour)
		b.release(h.ID)
		b.wantBalance(billing.Balance{Available: 10})
	})
}

// Proves that a refund does not reach into a hold. What it lacks becomes debt, and what the hold gives back pays that
// first, even if the rest of it expires.
func TestHoldPaysDebt(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("month", 10, time.Hour)
		first, second := b.hold(4, 5*time.Hour), b.hold(6, 5*time.Hour)
		b.clawback("month", 7)
		b.wantBalance(billing.Balance{Held: 10, Debt: 7})
		b.capture(first.ID, 1)
		b.wantBalance(billing.Balance{Held: 6, Debt: 4})
		b.clock.Advance(2 * time.Hour)
		b.release(second.ID)
		b.wantBalance(billing.Balance{})
		b.wantEntries(
			"grant 10 -> 10", "hold 0 -> 10", "hold 0 -> 10", "clawback -7 -> 3", "capture -1 -> 2", "release 0 -> 2",
			"expire -2 -> 0",
		)
	})
}

// Proves that each of the three requests has its effect once under its key, and that its copies report so. A key
// belongs to one request of any kind.
func TestHoldReplay(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		ctx := context.Background()
		b.grant("pack", 10, never)
		var holds []billing.HoldID
		for _, key := range []string{"one", "two"} {
			r := ledger.HoldRequest{
				Amount: 3, TTL: time.Hour, Description: "d", Metadata: map[string]string{"a": "b"}, Key: key,
			}
			first := b.twice(func() (ledger.Held, error) { return ledger.Hold(ctx, b.db, b.id, r) })
			holds = append(holds, first.Hold.ID)
			for _, change := range []func(*ledger.HoldRequest){
				func(r *ledger.HoldRequest) { r.Amount = 4 }, func(r *ledger.HoldRequest) { r.TTL *= 2 },
				func(r *ledger.HoldRequest) { r.Metadata = nil }, func(r *ledger.HoldRequest) { r.Amount = 100 },
			} {
				other := r
				change(&other)
				_, err := ledger.Hold(ctx, b.db, b.id, other)
				b.wantReused(err)
			}
		}
		capture := ledger.CaptureRequest{Hold: holds[0], Amount: 2, Key: "three"}
		b.twice(func() (ledger.Held, error) { return ledger.Capture(ctx, b.db, b.id, capture) })
		b.twice(func() (ledger.Held, error) {
			return ledger.Release(ctx, b.db, b.id, ledger.ReleaseRequest{Hold: holds[1], Key: "four"})
		})
		for _, key := range []string{"one", "three", "four"} {
			_, err := ledger.Spend(ctx, b.db, b.id, ledger.SpendRequest{Amount: 3, Key: key})
			b.wantReused(err)
			_, err = ledger.Release(ctx, b.db, b.id, ledger.ReleaseRequest{Hold: holds[0], Key: key})
			b.wantReused(err)
		}
		b.wantBalance(billing.Balance{Available: 8})
		b.wantEntries("grant 10 -> 10", "hold 0 -> 10", "hold 0 -> 10", "capture -2 -> 8", "release 0 -> 8")
	})
}

// twice asks twice and expects one effect.
func (b *book) twice(ask func() (ledger.Held, error)) ledger.Held {
	b.t.Helper()
	first, err := ask()
	if err != nil || first.Replayed {
		b.t.Fatalf("got %+v, %v", first, err)
	}
	b.tick()
	again, err := ask()
	if err != nil || !again.Replayed || !reflect.DeepEqual(again.Hold, first.Hold) || !reflect.DeepEqual(
		again.Account, first.Account,
	) {
		b.t.Errorf("got %+v (%v)\nwant %+v", again, err, first)
	}
	b.tick()
	return first
}

func (b *book) wantReused(err error) {
	b.t.Helper()
	if billing.CodeOf(err) != billing.EKeyReused {
		b.t.Errorf("got %v, want %s", err, billing.EKeyReused)
	}
}

// Proves that a refused request changes nothing and leaves its key unused.
func TestHoldRefusals(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		ctx := context.Background()
		b.grant("pack", 10, never)
		other := &book{t: t, db: b.db, clock: b.clock, id: storetest.NewAccount(t, b.db).ID}
		other.grant("theirs", 10, never)
		theirs := other.hold(1, time.Hour).ID
		mine := b.hold(4, time.Hour).ID
		before := b.stored()
		for name, refused := range map[string]struct {
			code billing.Code
			ask  func() (ledger.Held, error)
		}{
			"Nothing": {billing.EInvalid, func() (ledger.Held, error) { return hold(b.db, b.id, 0, time.Hour) }},
			"TooMuch": {
				billing.EInvalid,
				func() (ledger.Held, error) { return hold(b.db, b.id, billing.MaxPoints+1, time.Hour) },
			},
			"Unpayable": {
				billing.EInsufficientPoints, func() (ledger.Held, error) { return hold(b.db, b.id, 7, time.Hour) },
			},
			"TooLong": {
				billing.EInvalid, func() (ledger.Held, error) { return hold(b.db, b.id, 1, ledger.MaxHoldTTL+1) },
			},
			"TooShort": {billing.EInvalid, func() (ledger.Held, error) { return hold(b.db, b.id, 1, 0) }},
			"CaptureMore": {billing.EInvalid, func() (ledger.Held, error) {
				return ledger.Capture(ctx, b.db, b.id, ledger.CaptureRequest{Hold: mine, Amount: 5, Key: "k"})
			}},
			"CaptureTheirs": {billing.ENotFound, func() (ledger.Held, error) {
				return ledger.Capture(ctx, b.db, b.id, ledger.CaptureRequest{Hold: theirs, Key: "k"})
			}},
			"ReleaseNone": {billing.ENotFound, func() (ledger.Held, error) {
				return ledger.Release(ctx, b.db, b.id, ledger.ReleaseRequest{Hold: "hld_none", Key: "k"})
			}},
		} {
			if _, err := refused.ask(); billing.CodeOf(err) != refused.code {
				t.Errorf("%s: got %v, want %s", name, err, refused.code)
			}
		}
		if after := b.stored(); !reflect.DeepEqual(after, before) {
			t.Errorf("refusals changed the account from %+v to %+v", before, after)
		}
		if _, err := ledger.Spend(ctx, b.db, b.id, ledger.SpendRequest{Amount: 1, Key: "k"}); err != nil {
			t.Errorf("the refused key: %v", err)
		}
	})
}

func hold(db *store.DB, id billing.AccountID, n billing.Points, lasts time.Duration) (ledger.Held, error) {
	return ledger.Hold(context.Background(), db, id, ledger.HoldRequest{Amount: n, TTL: lasts, Key: "k"})
}
