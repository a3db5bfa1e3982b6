package store_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that an account is read as it was written, in every field, and that it is found by email and by customer.
// Texts that look like times or SQL stay unchanged.
func TestAccountRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		ctx := context.Background()
		at := func(d time.Duration) *time.Time { v := clock.Now().Add(d); return &v }
		want := billing.Account{
			ID:           "acc_1",
			Email:        "a@example.com",
			PasswordHash: "2030-01-01T12:00:00Z",
			CustomerID:   "cus_'; --",
			Role:         billing.RoleAdmin,
			Balance:      billing.Balance{Available: 7, Held: 2},
			Unsettled:    3,
			NextExpiry:   at(time.Microsecond),
			Version:      9,
			Subscription: &billing.Subscription{
				ID:                 "sub_1",
				Plan:               "pro",
				Status:             billing.SubPastDue,
				CurrentPeriodStart: *at(1),
				CurrentPeriodEnd:   *at(time.Hour),
				CancelAtPeriodEnd:  true, Window: &billing.Window{From: *at(0), Until: *at(2 * time.Hour)},
			},
			Sync: billing.SyncState{
				TicketIssued:  4,
				TicketApplied: 3,
				BudgetAt:      *at(0),
				InvoicesSince: at(-time.Hour),
				LastSyncedAt:  at(-1),
			},
			CreatedAt: *at(-time.Hour),
		}
		want.Subscription.CurrentPeriodStart = clock.Now() // a nanosecond more than both databases keep is cut off
		want.Sync.LastSyncedAt = at(-time.Microsecond)
		err := write(db, func(ctx context.Context, tx *store.Tx) error { return tx.InsertAccount(ctx, want) })
		if err != nil {
			t.Fatal(err)
		}
		byID, err1 := db.Account(ctx, want.ID)
		byEmail, err2 := db.AccountByEmail(ctx, want.Email)
		var byCustomer billing.Account
		err3 := write(db, func(ctx context.Context, tx *store.Tx) (err error) {
			byCustomer, err = tx.LockAccountByCustomer(ctx, want.CustomerID)
			return err
		})
		for i, got := range []billing.Account{byID, byEmail, byCustomer} {
			if !reflect.DeepEqual(got, want) {
				t.Errorf("read %d:\ngot  %+v\nwant %+v (%v, %v, %v)", i, got, want, err1, err2, err3)
			}
		}
	})
}

// Proves that a missing row is ENotFound, and that a write to it is too.
func TestErrNotFound(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		_, byID := db.Account(ctx, "acc_nobody")
		_, byEmail := db.AccountByEmail(ctx, "nobody@example.com")
		_, order := db.Order(ctx, "acc_nobody", "ord_none")
		saved := write(db, func(ctx context.Context, tx *store.Tx) error {
			return tx.SavePoints(ctx, billing.Account{ID: "acc_nobody"})
		})
		for i, err := range []error{byID, byEmail, order, saved} {
			if code := billing.CodeOf(err); code != billing.ENotFound {
				t.Errorf("%d: got %v, want %s", i, err, billing.ENotFound)
			}
		}
	})
}

// Proves that an email belongs to one account, in any letter case.
func TestErrEmailTaken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		insert := func(id billing.AccountID, email string) error {
			return write(db, func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertAccount(
					ctx,
					billing.Account{ID: id, Email: email, CreatedAt: tx.Now, Sync: billing.SyncState{BudgetAt: tx.Now}},
				)
			})
		}
		if err := insert("acc_1", "ann@example.com"); err != nil {
			t.Fatal(err)
		}
		if err := insert("acc_2", "Ann@Example.com"); billing.CodeOf(err) != billing.EEmailTaken {
			t.Errorf("got %v, want %s", err, billing.EEmailTaken)
		}
	})
}

// Proves that Debit takes only points that are available, and never after the next expiry. A refused debit changes
// nothing.
func TestDebit(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		a := storetest.NewAccount(t, db)
		a.Available, a.Held, a.NextExpiry = 10, 4, new(clock.Now().Add(time.Hour))
		if err := write(
			db, func(ctx context.Context, tx *store.Tx) error { return tx.SavePoints(ctx, a) },
		); err != nil {
			t.Fatal(err)
		}
		debit := func(n billing.Points) (left billing.Account, ok bool) {
			err := write(db, func(ctx context.Context, tx *store.Tx) (err error) {
				left, ok, err = tx.Debit(ctx, a.ID, "", n, billing.CapPolicy{})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return left, ok
		}
		left, ok := debit(6)
		if now := accountOf(t, db, a.ID); !ok || !reflect.DeepEqual(left, now) || now.Available != 4 ||
			now.Unsettled != 6 || now.Version != 1 || now.Held != 4 {
			t.Errorf("6 of 10: ok %v, answered %+v, stored %+v", ok, left, now)
		}
		before := accountOf(t, db, a.ID)
		if _, ok := debit(5); ok || !reflect.DeepEqual(accountOf(t, db, a.ID), before) {
			t.Errorf("5 of 4: ok %v, stored %+v", ok, accountOf(t, db, a.ID))
		}
		clock.Advance(time.Hour)
		if _, ok := debit(1); ok || !reflect.DeepEqual(accountOf(t, db, a.ID), before) {
			t.Errorf("at the next expiry: ok %v, stored %+v", ok, accountOf(t, db, a.ID))
		}
	})
}

// Proves that a picture of Stripe is applied unless one that began later has been applied, and that none is applied
// twice.
func TestApplyTicket(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		a := storetest.NewAccount(t, db)
		for range 3 {
			if err := write(
				db, func(ctx context.Context, tx *store.Tx) error { return tx.IssueTicket(ctx, a.ID, tx.Now) },
			); err != nil {
				t.Fatal(err)
			}
		}
		apply := func(ticket int64) (before billing.Account, ok bool, err error) {
			err = write(db, func(ctx context.Context, tx *store.Tx) (err error) {
				before, ok, err = tx.ApplyTicket(ctx, a.ID, ticket, nil)
				return err
			})
			return before, ok, err
		}
		for _, step := range []struct {
			ticket, before int64
			ok             bool
		}{{2, 0, true}, {1, 2, false}, {2, 2, false}, {3, 2, true}} {
			clock.Advance(time.Second)
			before, ok, err := apply(step.ticket)
			if err != nil || ok != step.ok || before.Sync.TicketApplied != step.before {
				t.Errorf(
					"ticket %d: ok %v after %d (%v), want %v after %d", step.ticket, ok, before.Sync.TicketApplied, err,
					step.ok, step.before,
				)
			}
		}
		if got := accountOf(t, db, a.ID).Sync; got.TicketApplied != 3 || got.LastSyncedAt == nil ||
			!got.LastSyncedAt.Equal(clock.Now()) {
			t.Errorf("stored %+v", got)
		}
		if _, _, err := apply(4); err == nil {
			t.Error("a ticket that nobody issued was applied")
		}
	})
}

// Proves that an account keeps the first Stripe customer that it was tied to.
func TestSetCustomer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db)
		for _, id := range []billing.CustomerID{"cus_1", "cus_2"} {
			if err := write(
				db, func(ctx context.Context, tx *store.Tx) error { return tx.SetCustomer(ctx, a.ID, id) },
			); err != nil {
				t.Fatal(err)
			}
		}
		if got := accountOf(t, db, a.ID).CustomerID; got != "cus_1" {
			t.Errorf("got %s, want the first", got)
		}
	})
}

func accountOf(t *testing.T, db *store.DB, id billing.AccountID) billing.Account {
	t.Helper()
	a, err := db.Account(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
