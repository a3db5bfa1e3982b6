package account

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestTimeline proves that an account's timeline contains every kind of moment in order. Causes come before effects of
// the same time. Nothing is repeated or left out, however small the pages are.
func TestTimeline(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		admin := storetest.NewAccount(t, db)
		clock.Advance(time.Second)
		a := live(t, db, clock, admin, "1")
		live(t, db, clock, admin, "2")
		want := []string{
			"account.registered registered as " + a.Email, "login.began logged in",
			"order.made ordered 1 × pack_100 for 500 usd",
			"event.received Stripe sent charge.refunded about charge ch_1",
			"sync.began sync 1 began: an event asked for it",
			"points.moved 100 points granted: pack_100; the balance is 100",
			"points.moved 20 points clawed back: refund; the balance is 80",
			"order.fulfilled the order of pack_100 was fulfilled", "event.processed sync 1 processed charge.refunded",
			"sync.ended sync 1 was applied: subscription none → pro_monthly active",
			"points.moved 7 points spent: picture × 2, for the title page; the balance is 73",
			"sync.began sync 2 began: a spend asked for it", "sync.ended sync 2 failed: Stripe did not answer",
			"points.moved 5 points granted: sorry; the balance is 78",
			"admin.acted admin " + string(admin.ID) + " granted points: sorry",
			"event.received Stripe sent invoice.paid about charge ch_1; ignored: because",
			"event.received Stripe sent customer.updated about charge ch_1; pending",
			"points.moved 30 points set aside: one film; the balance is 78",
			"points.moved 20 points used of what was set aside: one film; the balance is 58",
			"points.moved 8 points set aside: another; the balance is 58",
			"points.moved 8 points set aside no longer: released; the balance is 58",
			"login.ended the login was ended", "admin.acted the command line changed the role from user to admin",
		}
		for _, limit := range []int{1, 2, 3, 7, 100} {
			if got := told(t, db, a.ID, limit); !slices.Equal(got, want) {
				t.Errorf("in pages of %d:\n%s\nwant\n%s", limit, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		first, _, err := Timeline(context.Background(), db, a.ID, "", 18)
		if err != nil || first[9].Amount != 5 || first[9].Balance != 78 || first[9].Version == 0 {
			t.Errorf("a movement of points has its numbers: %+v, %v", first[9], err)
		}
	})
}

// TestTimelineOfDeleted proves that the story of an account tells who deleted it and when its person was erased. It
// does not guess how an erased account began.
func TestTimelineOfDeleted(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		for who, operator := range map[string]bool{"customer": false, "operator": true} {
			a := storetest.NewAccount(t, db)
			clock.Advance(time.Second)
			storetest.Change(t, db, a.ID, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
				if operator {
					if err := tx.InsertAdminAction(ctx, billing.AdminAction{
						ID: billing.NewActionID(tx.Now), AccountID: a.ID, Action: billing.ActionDelete,
						Reason: "asked by mail", CreatedAt: tx.Now,
					}); err != nil {
						return err
					}
				}
				return tx.SetDeleting(ctx, a.ID)
			})
			want := []string{
				"account.registered registered as " + a.Email,
				"deletion.began the " + who + " deleted the account: it is closed for good",
			}
			if operator {
				want = append(want, "admin.acted the command line deleted the account: asked by mail")
			}
			if got := told(t, db, a.ID, 1); !slices.Equal(got, want) {
				t.Errorf("asked for: %q, want %q", got, want)
			}
			clock.Advance(time.Second)
			storetest.Change(t, db, a.ID, func(ctx context.Context, tx *store.Tx, now billing.Account) error {
				return tx.ErasePerson(ctx, now)
			})
			want[0] = "account.registered registered; the name was erased since"
			want = append(want, "deletion.ended the person's data were erased")
			if got := told(t, db, a.ID, 1); !slices.Equal(got, want) {
				t.Errorf("erased: %q, want %q", got, want)
			}
		}
	})
}

// TestTimelineRefusals proves that a cursor that never ended a page, and an account that does not exist, are refused.
func TestTimelineRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db)
		for _, plain := range []string{
			"", "1 2 3", "x 1 1 r", "1 -1 1 r", "1 10 1 r", "999999999999999999 1 1 r", "1 1 9223372036854775808 r",
			"1 1 1 \x00", "1 1 1 \xff",
		} {
			if _, _, err := Timeline(
				t.Context(), db, a.ID, base64.RawURLEncoding.EncodeToString([]byte(plain))+"A", 1,
			); billing.CodeOf(err) != billing.EInvalid {
				t.Errorf("%q: got %v", plain, err)
			}
		}
		odd := base64.RawURLEncoding.EncodeToString([]byte("1 9 9223372036854775807 ' OR 1=1"))
		if story, next, err := Timeline(t.Context(), db, a.ID, odd, 1); err != nil || len(story) != 0 || next != "" {
			t.Errorf("before the beginning: %v, %q, %v", story, next, err)
		}
		if _, _, err := Timeline(t.Context(), db, "acc_nobody", "", 1); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("of nobody: %v", err)
		}
	})
}

// live makes a short life of an account: all of one purchase at one time, and the rest a second apart.
func live(t *testing.T, db *store.DB, clock *storetest.Clock, admin billing.Account, n string) billing.Account {
	t.Helper()
	a := storetest.NewAccount(t, db)
	do := func(f func(ctx context.Context, tx *store.Tx) error) {
		t.Helper()
		if err := db.InTx(t.Context(), func(tx *store.Tx) error { return f(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	login := billing.Login{
		ID: billing.NewSessionID(db.Now()), AccountID: a.ID, CreatedAt: db.Now(), ExpiresAt: db.Now().Add(time.Hour),
	}
	do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertLogin(ctx, login) })
	clock.Advance(time.Second)
	do(func(ctx context.Context, tx *store.Tx) error { return purchase(ctx, tx, a.ID, n) })
	clock.Advance(time.Second)
	if _, err := ledger.Spend(
		t.Context(), db, a.ID, ledger.SpendRequest{
			Amount: 7, Action: "picture", Quantity: 2, Description: "for the title page",
		},
	); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second)
	do(func(ctx context.Context, tx *store.Tx) error { return tx.BeginSync(ctx, a.ID, 2, billing.CauseSpend) })
	clock.Advance(time.Second)
	do(func(ctx context.Context, tx *store.Tx) error {
		return tx.EndSync(ctx, a.ID, 2, billing.SyncEnd{Outcome: billing.SyncFailed, Detail: "Stripe did not answer"})
	})
	clock.Advance(time.Second)
	r := Adjustment{Action: billing.ActionGrant, Amount: 5, Reason: "sorry", Key: "k"}
	if _, err := newService(t, db).Adjust(t.Context(), billing.AdminID(admin.ID), a.ID, r); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second)
	do(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.InsertEvent(ctx, billing.InboxEvent{
			ID:         billing.StripeEventID("evt_ignored" + n),
			Type:       "invoice.paid",
			ObjectType: "charge",
			ObjectID:   "ch_1",
			AccountID:  a.ID,
			Status:     billing.InboxIgnored, Reason: "because", CreatedAt: tx.Now, ReceivedAt: tx.Now,
		})
		return err
	})
	clock.Advance(time.Second)
	do(func(ctx context.Context, tx *store.Tx) error {
		return receive(ctx, tx, a.ID, billing.StripeEventID("evt_new"+n), "customer.updated")
	})
	hold(t, db, clock, a.ID)
	clock.Advance(time.Second)
	do(func(ctx context.Context, tx *store.Tx) error { return tx.RevokeLogin(ctx, login.AccountID, login.ID) })
	clock.Advance(time.Second)
	if _, err := SetRole(t.Context(), db, a.Email, billing.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	return a
}

// hold makes two holds. It uses some of the first and none of the second.
func hold(t *testing.T, db *store.DB, clock *storetest.Clock, id billing.AccountID) {
	t.Helper()
	set := func(amount billing.Points, what string) billing.HoldID {
		t.Helper()
		clock.Advance(time.Second)
		made, err := ledger.Hold(
			t.Context(), db, id, ledger.HoldRequest{Amount: amount, TTL: time.Minute, Description: what},
		)
		if err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Second)
		return made.Hold.ID
	}
	if _, err := ledger.Capture(
		t.Context(), db, id, ledger.CaptureRequest{Hold: set(30, "one film"), Amount: 20},
	); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Release(t.Context(), db, id, ledger.ReleaseRequest{Hold: set(8, "another")}); err != nil {
		t.Fatal(err)
	}
}

// purchase makes a whole purchase and its refund in one transaction.
func purchase(ctx context.Context, tx *store.Tx, id billing.AccountID, n string) error {
	now := tx.Now
	a, err := tx.LockAccount(ctx, id)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error {
			return tx.InsertOrder(ctx, billing.Order{
				ID:          billing.NewOrderID(now),
				AccountID:   id,
				Item:        "pack_100",
				Kind:        billing.KindPack,
				Quantity:    1,
				Points:      100,
				Amount:      500,
				Currency:    "usd",
				Status:      billing.OrderFulfilled,
				CheckoutID:  billing.CheckoutID("cs_" + n),
				CreatedAt:   now,
				FulfilledAt: &now,
			})
		},
		func() error { return receive(ctx, tx, id, billing.StripeEventID("evt_"+n), "charge.refunded") },
		func() error { return tx.IssueTicket(ctx, id, now) },
		func() error { return tx.BeginSync(ctx, id, 1, billing.CauseEvent) },
		func() error { return tx.StampEvents(ctx, id, 1) },
		func() (err error) { a, _, err = tx.ApplyTicket(ctx, id, 1, nil); return },
		func() (err error) {
			a, _, err = ledger.Grant(
				ctx, tx, a,
				billing.Grant{Key: "stripe:checkout:cs_" + n, Source: "order", Amount: 100, Description: "pack_100"},
			)
			return
		},
		func() (err error) {
			a, err = ledger.Clawback(ctx, tx, a, "stripe:checkout:cs_"+n, 20, "refund")
			return
		},
		func() error {
			return tx.EndSync(
				ctx, id, 1,
				billing.SyncEnd{
					Outcome: billing.SyncApplied, Detail: "subscription none → pro_monthly active", Version: a.Version,
				},
			)
		},
		func() error { return tx.ProcessEvents(ctx, id, 1) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func receive(ctx context.Context, tx *store.Tx, id billing.AccountID, event billing.StripeEventID, kind string) error {
	_, err := tx.InsertEvent(ctx, billing.InboxEvent{
		ID:         event,
		Type:       kind,
		ObjectType: "charge",
		ObjectID:   "ch_1",
		AccountID:  id,
		Status:     billing.InboxPending,
		CreatedAt:  tx.Now,
		ReceivedAt: tx.Now,
	})
	return err
}

// told returns an account's timeline, read page by page, oldest first.
func told(t *testing.T, db *store.DB, id billing.AccountID, limit int) (all []string) {
	t.Helper()
	for cursor := ""; ; {
		story, next, err := Timeline(context.Background(), db, id, cursor, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range story {
			all = append(all, string(m.Kind)+" "+m.Text)
		}
		if next == "" {
			slices.Reverse(all)
			return all
		}
		cursor = next
	}
}
