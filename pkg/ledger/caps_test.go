package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

func daily(n billing.Points) billing.CapPolicy {
	return billing.CapPolicy{Default: billing.Caps{Day: n}}
}

// spendUnder spends under caps, and returns the code of the refusal.
func (b *book) spendUnder(caps billing.CapPolicy, n billing.Points, key string) billing.Code {
	b.t.Helper()
	_, err := ledger.Spend(context.Background(), b.db, b.id, ledger.SpendRequest{Amount: n, Key: key, Caps: caps})
	b.tick()
	return billing.CodeOf(err)
}

func (b *book) holdUnder(caps billing.CapPolicy, n billing.Points, key string) (billing.Hold, billing.Code) {
	b.t.Helper()
	h, err := ledger.Hold(
		context.Background(), b.db, b.id, ledger.HoldRequest{Amount: n, TTL: time.Hour, Key: key, Caps: caps},
	)
	b.tick()
	return h.Hold, billing.CodeOf(err)
}

func (b *book) wantCode(got, want billing.Code) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("got %q, want %q", got, want)
	}
}

// Proves that 100 concurrent spends and holds of 1, from two replicas and under a cap of 30 a day, take exactly 30
// points, however many there are.
func TestCapTogether(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, store.Postgres)
	replicas := []*store.DB{storetest.OpenURL(t, url, nil), storetest.OpenURL(t, url, nil)}
	b := &book{t: t, db: replicas[0], clock: storetest.NewClock(), id: storetest.NewAccount(t, replicas[0]).ID}
	b.grant("pack", 1000, never)
	var taken, refused atomic.Int64
	err := together(100, func(i int) (err error) {
		ctx, db, key := context.Background(), replicas[i%2], fmt.Sprint(i)
		if i%4 < 3 {
			_, err = ledger.Spend(ctx, db, b.id, ledger.SpendRequest{Amount: 1, Key: key, Caps: daily(30)})
		} else {
			r := ledger.HoldRequest{Amount: 1, TTL: time.Hour, Key: key, Caps: daily(30)}
			_, err = ledger.Hold(ctx, db, b.id, r)
		}
		switch billing.CodeOf(err) {
		case "":
			taken.Add(1)
		case billing.EDailyCap:
			refused.Add(1)
		default:
			return err
		}
		return nil
	})
	if err != nil || taken.Load() != 30 || refused.Load() != 70 {
		t.Errorf("%d taken and %d refused (%v), want 30 and 70", taken.Load(), refused.Load(), err)
	}
	if a := b.stored(); a.Available != 970 || a.Day.Points != 30 {
		t.Errorf("stored %+v", a)
	}
}

// Proves that repeats count once: 20 concurrent copies of a request that takes the whole day's points all succeed.
func TestCapCountsRepeatsOnce(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.grant("pack", 100, never)
	err := together(20, func(int) error {
		_, err := ledger.Spend(
			context.Background(), b.db, b.id, ledger.SpendRequest{Amount: 7, Key: "k", Caps: daily(7)},
		)
		return err
	})
	if err != nil || b.stored().Day.Points != 7 {
		t.Errorf("%v; stored %+v", err, b.stored().Day)
	}
}

// Proves that a day's cap counts spends and holds, that a refusal leaves the key unused, and that the next day (UTC)
// begins at 0.
func TestDailyCap(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.clock.Set(time.Date(2030, 5, 1, 23, 0, 0, 0, time.UTC))
		b.grant("pack", 1000, never)
		b.wantCode(b.spendUnder(daily(10), 6, "a"), "")
		b.wantCode(b.spendUnder(daily(10), 5, "b"), billing.EDailyCap)
		_, code := b.holdUnder(daily(10), 5, "c")
		b.wantCode(code, billing.EDailyCap)
		_, code = b.holdUnder(daily(10), 4, "c")
		b.wantCode(code, "")
		b.wantCode(b.spendUnder(daily(10), 1, "d"), billing.EDailyCap)
		b.wantCode(b.spendUnder(daily(10), 6, "a"), "") // a repeat

		_, err := ledger.Spend(context.Background(), b.db, b.id, ledger.SpendRequest{Amount: 1, Caps: daily(10)})
		wait, today := refusalOf(err).RetryAfter, b.db.Now()
		if next := today.Add(wait); next.Hour() != 0 || next.Minute() != 0 || wait <= 0 || wait > time.Hour {
			t.Errorf("at %s told to retry after %s", today, wait)
		}
		_, err = ledger.Spend(context.Background(), b.db, b.id, ledger.SpendRequest{Amount: 11, Caps: daily(10)})
		if e := refusalOf(err); e.Code != billing.EDailyCap || e.RetryAfter != 0 {
			t.Errorf("more than any day allows: got %+v", e)
		}
		b.clock.Advance(time.Hour)
		b.wantCode(b.spendUnder(daily(10), 10, "e"), "")
		b.wantCode(b.spendUnder(daily(10), 1, "f"), billing.EDailyCap)
	})
}

// Proves that what a hold gives back on the day that it was taken no longer counts: by a release, by a capture of a
// part, or because it expired. What it gives back on a later day changes nothing.
func TestCapGivesBack(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.clock.Set(time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC))
		b.grant("pack", 1000, never)
		caps := daily(10)
		released, _ := b.holdUnder(caps, 10, "a")
		b.release(released.ID)
		part, code := b.holdUnder(caps, 10, "b")
		b.wantCode(code, "")
		b.capture(part.ID, 4)
		_, code = b.holdUnder(caps, 6, "c")
		b.wantCode(code, "")
		b.wantCode(b.spendUnder(caps, 1, "d"), billing.EDailyCap)
		b.clock.Advance(2 * time.Hour) // the hold expires
		late, code := b.holdUnder(caps, 6, "e")
		b.wantCode(code, "")
		b.clock.Set(time.Date(2030, 5, 2, 0, 0, 0, 0, time.UTC))
		b.wantCode(b.spendUnder(caps, 10, "f"), "")
		b.wantHold(late.ID, billing.HoldExpired, 0)
		b.wantCode(b.spendUnder(caps, 1, "g"), billing.EDailyCap)
	})
}

// Proves that one request may take as much as the cap and not more, and that no lock or sync is needed to allow it: the
// statement that debits checks the caps.
func TestRequestCap(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 1000, never)
		caps := billing.CapPolicy{Default: billing.Caps{Request: 10}}
		b.wantCode(b.spendUnder(caps, 10, "a"), "")
		b.wantCode(b.spendUnder(caps, 11, "b"), billing.ERequestCap)
		_, code := b.holdUnder(caps, 11, "b")
		b.wantCode(code, billing.ERequestCap)
		b.wantCode(b.spendUnder(billing.CapPolicy{}, 500, "b"), "")
		b.wantCode(b.spendUnder(caps, 500, "b"), "") // a repeat, although the cap is lower by now
	})
}

// Proves that the statement that debits and billing.CapPolicy.Check agree on which caps hold for which account: by
// plan, inside and outside its window, and after spends of the same day.
func TestCapsByPlan(t *testing.T) {
	t.Parallel()
	caps := billing.CapPolicy{
		Default: billing.Caps{Request: 5, Day: 8},
		Plans:   map[string]billing.Caps{"pro": {Request: 50, Day: 80}, "free": {Request: 3}},
	}
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 100_000, never)
		for _, plan := range []string{"", "pro", "free", "other"} {
			for _, inside := range []bool{true, false} {
				for _, n := range []billing.Points{1, 3, 4, 5, 6, 8, 9, 50, 51, 80} {
					for _, spent := range []billing.Points{0, 1, 75} {
						b.clock.Advance(48 * time.Hour)
						b.subscribe(plan, inside)
						if spent > 0 {
							b.spendUnder(billing.CapPolicy{}, spent, "")
						}
						before := b.stored()
						want := caps.Check(before, n, b.db.Now()) == nil
						var got bool
						undo := errors.New("undo")
						err := b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) (err error) {
							if _, got, err = tx.Debit(ctx, a.ID, "", n, caps); err == nil {
								err = undo // there is no entry for it
							}
							return err
						})
						if !errors.Is(err, undo) || got != want {
							t.Errorf("%q %v, %d after %d: %v, want %v (%v)", plan, inside, n, spent, got, want, err)
						}
					}
				}
			}
		}
	})
}

// subscribe gives the account a plan whose window contains the time, or ended before it.
func (b *book) subscribe(plan string, inside bool) {
	b.t.Helper()
	if err := b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		a.Subscription = nil
		if plan != "" {
			until := tx.Now
			if inside {
				until = tx.Now.Add(time.Hour)
			}
			a.Subscription = &billing.Subscription{
				ID: "sub_1", Plan: plan, Status: billing.SubActive,
				Window: &billing.Window{From: tx.Now.Add(-time.Hour), Until: until},
			}
		}
		return tx.SaveSubscription(ctx, a)
	}); err != nil {
		b.t.Fatal(err)
	}
}

// Proves that a cap costs no statement: the account's row, which is read under its lock, has all that a cap needs. A
// spend that is made alone is a single UPDATE, capped or not, and asks for nothing about caps without them.
func TestCapIsOneStatement(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 1000, never)
		var statements []string
		b.db.Watch(func(_ context.Context, statement string) { statements = append(statements, statement) })
		spend := func(
			spend func(context.Context, *store.DB, billing.AccountID, ledger.SpendRequest) (ledger.Spent, error),
			caps billing.CapPolicy,
		) []string {
			statements = nil
			_, err := spend(t.Context(), b.db, b.id, ledger.SpendRequest{Amount: 1, Caps: caps})
			if err != nil {
				b.t.Fatal(err)
			}
			return statements
		}
		for n, caps := range []billing.CapPolicy{{}, daily(100)} {
			alone := slices.DeleteFunc(spend(ledger.SpendAlone, caps), func(s string) bool {
				return strings.HasPrefix(s, "SET LOCAL")
			})
			if len(alone) != 2 || !strings.HasPrefix(alone[0], "UPDATE") || !strings.HasPrefix(alone[1], "INSERT") {
				t.Errorf("got %q, want an UPDATE and an INSERT", alone)
			}
			if capped := strings.Contains(alone[0], "<= CAST("); capped != (n > 0) {
				t.Errorf("with the caps %+v: %s", caps, alone[0])
			}
		}
		without, with := spend(ledger.Spend, billing.CapPolicy{}), spend(ledger.Spend, daily(100))
		if len(without) < 3 || len(with) != len(without) {
			t.Errorf("%q without caps, and %q with caps", without, with)
		}
	})
}

// refusalOf returns the coded error in err, or an empty one.
func refusalOf(err error) *billing.Error {
	refusal := &billing.Error{}
	errors.As(err, &refusal)
	return refusal
}

// Proves that a repeat that has no price any more is refused once its login has ended, as every repeat is. A service
// has no login, and gets the first outcome.
func TestReplayWithoutPrice(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		ctx := context.Background()
		b.grant("pack", 10, never)
		spend := ledger.SpendRequest{Amount: 3, Action: "picture", Quantity: 1, Key: "s"}
		hold := ledger.HoldRequest{Amount: 3, Action: "picture", Quantity: 1, TTL: time.Hour, Key: "h"}
		_, err := ledger.Spend(ctx, b.db, b.id, spend)
		b.wantCode(billing.CodeOf(err), "")
		_, err = ledger.Hold(ctx, b.db, b.id, hold)
		b.wantCode(billing.CodeOf(err), "")
		spend.Amount, hold.Amount = 0, 0 // unknown by now
		for login, want := range map[billing.SessionID]billing.Code{"": "", "ses_ended": billing.EUnauthorized} {
			spend.Login, hold.Login = login, login
			s, _, err := ledger.SpendReplay(ctx, b.db, b.id, spend)
			b.wantCode(billing.CodeOf(err), want)
			h, _, err := ledger.HoldReplay(ctx, b.db, b.id, hold)
			b.wantCode(billing.CodeOf(err), want)
			if want == "" && (s.Entry.Amount != -3 || !s.Replayed || h.Hold.Amount != 3 || !h.Replayed) {
				t.Errorf("got %+v and %+v", s, h)
			}
		}
		spend.Key, spend.Login = "unused", ""
		if _, ok, err := ledger.SpendReplay(ctx, b.db, b.id, spend); ok || err != nil {
			t.Errorf("an unused key: %v, %v", ok, err)
		}
	})
}
