package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestTimelinePages proves that an account's timeline has each of its rows of every kind once, in pages of every size.
// It has no rows of another account that lie between them in time.
func TestTimelinePages(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		lives := make([]*life, 2)
		for n := range lives {
			clock.Advance(time.Second)
			lives[n] = &life{t: t, db: db, Account: storetest.NewAccount(t, db)}
			lives[n].notes(billing.MomentRegistered, string(lives[n].ID))
		}
		if err := write(db, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.InsertWebhook(ctx, billing.Webhook{ID: "whk_1", CreatedAt: tx.Now}, 1)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for round := range 2 { // two rows of each kind
			for step := range len(lives[0].steps(0)) {
				for n, l := range lives {
					clock.Advance(time.Second)
					l.do(l.steps(int64(2*round + n + 1))[step])
				}
			}
		}
		for n, l := range lives {
			if len(l.rows) != 1+2*12 {
				t.Fatalf(
					"account %d has %d rows, want that of its own and two of each of the 12 other kinds", n,
					len(l.rows),
				)
			}
			slices.Reverse(l.rows) // the timeline begins with the latest
			for _, limit := range []int{1, 2, 3, 100} {
				whose := fmt.Sprintf("account %d", n)
				samePages(t, whose, l.rows, limit, func(after billing.Position) ([]billing.Moment, error) {
					if after == (billing.Position{}) {
						after = store.EndOfTime
					}
					return db.Timeline(context.Background(), l.ID, after, limit)
				}, func(m billing.Moment) (billing.Position, string) {
					return m.Position, string(m.Kind) + " " + m.Ref
				})
			}
		}
	})
}

// life is an account that records which moments of its timeline it has made.
type life struct {
	billing.Account
	t    *testing.T
	db   *store.DB
	rows []string
}

func (l *life) notes(kind billing.MomentKind, ref string) {
	l.rows = append(l.rows, string(kind)+" "+ref)
}

type writing = func(ctx context.Context, tx *store.Tx) error

func (l *life) do(step writing) {
	l.t.Helper()
	if err := write(l.db, step); err != nil {
		l.t.Fatal(err)
	}
}

// steps returns functions that make one row of each kind, each at its own time. n is unique among all accounts.
func (l *life) steps(n int64) []writing {
	name, a := fmt.Sprint(n), l.ID
	login, event := billing.SessionID("ses_"+name), billing.StripeEventID("evt_"+name)
	order := anOrder(l.db, a)
	order.ID, order.CheckoutID = billing.OrderID("ord_"+name), billing.CheckoutID("cs_"+name)
	step := func(kind billing.MomentKind, ref string, do writing) writing {
		return func(ctx context.Context, tx *store.Tx) error { l.notes(kind, ref); return do(ctx, tx) }
	}
	return []writing{
		step(billing.MomentLoginBegan, string(login), func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertLogin(
				ctx, billing.Login{ID: login, AccountID: a, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour)},
			)
		}),
		step(billing.MomentAdmin, "act_"+name, func(ctx context.Context, tx *store.Tx) error {
			act := billing.AdminAction{
				ID: billing.ActionID("act_" + name), AccountID: a, Action: billing.ActionRole, CreatedAt: tx.Now,
			}
			return tx.InsertAdminAction(ctx, act)
		}),
		step(billing.MomentOrderMade, string(order.ID), func(ctx context.Context, tx *store.Tx) error {
			order.CreatedAt = tx.Now
			return tx.InsertOrder(ctx, order)
		}),
		step(billing.MomentOrderFulfilled, string(order.ID), func(ctx context.Context, tx *store.Tx) error {
			order.Status, order.FulfilledAt = billing.OrderFulfilled, &tx.Now
			return tx.SaveOrder(ctx, order)
		}),
		step(billing.MomentChange, "chg_"+name, func(ctx context.Context, tx *store.Tx) error {
			change := aChange(l.db, a)
			change.ID, change.Status, change.EndedAt = billing.ChangeID("chg_"+name), billing.ChangeDone, &tx.Now
			return tx.InsertChange(ctx, change)
		}),
		step(billing.MomentEventReceived, string(event), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.InsertEvent(ctx, billing.InboxEvent{
				ID:         event,
				Type:       "invoice.paid",
				AccountID:  a,
				Status:     billing.InboxPending,
				CreatedAt:  tx.Now,
				ReceivedAt: tx.Now,
			})
			return errors.Join(err, tx.StampEvents(ctx, a, n))
		}),
		step(billing.MomentSyncBegan, name, func(ctx context.Context, tx *store.Tx) error {
			return tx.BeginSync(ctx, a, n, billing.CauseEvent)
		}),
		step(billing.MomentEventProcessed, string(event), func(ctx context.Context, tx *store.Tx) error {
			return tx.ProcessEvents(ctx, a, n)
		}),
		step(billing.MomentSyncEnded, name, func(ctx context.Context, tx *store.Tx) error {
			return tx.EndSync(ctx, a, n, billing.SyncEnd{Outcome: billing.SyncApplied})
		}),
		step(billing.MomentPoints, "ent_"+name, func(ctx context.Context, tx *store.Tx) error {
			entry := billing.Entry{
				ID:        billing.EntryID("ent_" + name),
				AccountID: a,
				Kind:      billing.EntryGrant,
				Amount:    5,
				Seq:       n,
				CreatedAt: tx.Now,
			}
			return tx.AppendEntry(ctx, entry)
		}),
		step(billing.MomentDelivery, "msg_"+name+" whk_1", func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertDeliveries(ctx, billing.Delivery{
				ID:        billing.MessageID("msg_" + name),
				AccountID: a,
				Type:      billing.OutPointsGranted,
				Body:      "{}",
				CreatedAt: tx.Now,
			})
		}),
		step(
			billing.MomentLoginEnded, string(login),
			func(ctx context.Context, tx *store.Tx) error { return tx.RevokeLogin(ctx, a, login) },
		),
	}
}

// TestPagesOfAccounts proves the lists over all accounts that jobs and commands read page by page. They contain each of
// their rows once, in the order of the ids, and none of the rows between them.
func TestPagesOfAccounts(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		want := map[string][]string{}
		for n := range 12 {
			clock.Advance(time.Millisecond) // ids depend on their time
			a := storetest.NewAccount(t, db)
			want["all"] = append(want["all"], string(a.ID))
			if err := write(
				db, func(ctx context.Context, tx *store.Tx) error { return takesPart(ctx, tx, a, n, want) },
			); err != nil {
				t.Fatal(err)
			}
		}
		ctx, now := context.Background(), clock.Advance(time.Second)
		for _, limit := range []int{1, 2, 3, 100} {
			ids := func(name string, list func(after billing.AccountID) ([]billing.AccountID, error)) {
				t.Helper()
				samePages(
					t, name, want[name], limit, list,
					func(id billing.AccountID) (billing.AccountID, string) { return id, string(id) },
				)
			}
			ids(
				"all",
				func(after billing.AccountID) ([]billing.AccountID, error) { return db.AccountIDs(ctx, after, limit) },
			)
			ids("customers", func(after billing.AccountID) ([]billing.AccountID, error) {
				return db.CustomerAccounts(ctx, after, limit)
			})
			ids("due top-ups", func(after billing.AccountID) ([]billing.AccountID, error) {
				return db.DueTopUps(ctx, now, after, limit)
			})
			samePages(t, "parked", want["parked"], limit,
				func(after billing.AccountID) ([]billing.Account, error) {
					return db.ParkedAccounts(ctx, after, limit)
				},
				func(a billing.Account) (billing.AccountID, string) { return a.ID, string(a.ID) })
			samePages(t, "orders to charge", want["orders to charge"], limit,
				func(after billing.OrderID) ([]billing.Order, error) {
					return db.UnchargedOrders(ctx, now, after, limit)
				},
				func(o billing.Order) (billing.OrderID, string) { return o.ID, string(o.ID) })
			samePages(t, "changes to look at", want["changes to look at"], limit,
				func(after billing.ChangeID) ([]billing.SubscriptionChange, error) {
					return db.DueChanges(ctx, now, after, limit)
				},
				func(c billing.SubscriptionChange) (billing.ChangeID, string) { return c.ID, string(c.ID) })
		}
	})
}

// takesPart gives every other account what the lists contain, gives the ones between them something similar, and
// records which list each is in. Every account has a top-up and an automatic order. A top-up is due if no automatic
// order is open, so these two lists share the accounts.
func takesPart(ctx context.Context, tx *store.Tx, a billing.Account, n int, want map[string][]string) error {
	order := billing.Order{
		ID:        billing.NewOrderID(tx.Now),
		AccountID: a.ID,
		Item:      "pack",
		Kind:      billing.KindPack,
		Quantity:  1,
		Points:    5,
		Amount:    500,
		Currency:  "eur", Status: billing.OrderFailed, Automatic: true, CreatedAt: tx.Now,
	}
	topUp := billing.TopUp{
		AccountID:    a.ID,
		Status:       billing.TopUpOff,
		Pack:         "pack",
		Quantity:     1,
		Amount:       500,
		Currency:     "eur",
		Threshold:    5,
		MonthlyLimit: 1,
		DueAt:        tx.Now, CreatedAt: tx.Now,
	}
	change := billing.SubscriptionChange{
		ID:         billing.NewChangeID(tx.Now),
		AccountID:  a.ID,
		Kind:       billing.ChangePlan,
		Plan:       "pro",
		Status:     billing.ChangePending,
		LeaseUntil: tx.Now.Add(time.Hour), CreatedAt: tx.Now,
	}
	var err error
	note := func(list, id string) { want[list] = append(want[list], id) }
	if n%2 == 0 {
		change.LeaseUntil, a.Parking = tx.Now, billing.Parking{At: &tx.Now, Reason: "a test"}
		err = errors.Join(tx.SetCustomer(ctx, a.ID, billing.CustomerID("cus_"+fmt.Sprint(n))), tx.SaveParking(ctx, a))
		note("customers", string(a.ID))
		note("parked", string(a.ID))
		note("changes to look at", string(change.ID))
	}
	switch n % 4 {
	case 0:
		order.Status = billing.OrderPending
		note("orders to charge", string(order.ID))
	case 2:
		topUp.Status = billing.TopUpOn
		note("due top-ups", string(a.ID))
	}
	return errors.Join(err, tx.InsertOrder(ctx, order), tx.SaveTopUp(ctx, topUp), tx.InsertChange(ctx, change))
}

// TestDeliveriesPages proves that the deliveries of one endpoint are read in pages without those of another endpoint.
// With one status, they are read without those between them that have another status.
func TestDeliveriesPages(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		endpoints := []billing.WebhookID{"whk_1", "whk_2"}
		told := map[billing.WebhookID]map[billing.DeliveryStatus][]string{}
		for _, id := range endpoints {
			told[id] = map[billing.DeliveryStatus][]string{}
			if err := write(db, func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.InsertWebhook(ctx, billing.Webhook{ID: id, CreatedAt: tx.Now}, 5)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		accounts := []billing.Account{storetest.NewAccount(t, db), storetest.NewAccount(t, db)}
		statuses := []billing.DeliveryStatus{billing.DeliveryPending, billing.DeliveryDelivered, billing.DeliveryFailed}
		for n := range 24 {
			clock.Advance(time.Millisecond)
			d := billing.Delivery{
				ID:        billing.NewMessageID(db.Now()),
				AccountID: accounts[n/2%2].ID,
				WebhookID: endpoints[n%2],
				Type:      billing.OutPointsSpent,
				Body:      "{}", CreatedAt: db.Now(), Status: billing.DeliveryPending,
			}
			err := write(db, func(ctx context.Context, tx *store.Tx) error {
				after := d
				after.Status = statuses[n/2%3]
				if after.Status == billing.DeliveryDelivered {
					after.DeliveredAt = &tx.Now
				}
				return errors.Join(tx.InsertDeliveries(ctx, d), tx.SaveAttempt(ctx, d, after))
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, status := range []billing.DeliveryStatus{"", statuses[n/2%3]} {
				told[d.WebhookID][status] = slices.Insert(told[d.WebhookID][status], 0, string(d.ID)) // newest first
			}
		}
		for id, by := range told {
			for status, want := range by {
				for _, limit := range []int{1, 2, 3, 100} {
					samePages(t, fmt.Sprintf("%s %q", id, status), want, limit, func(
						before billing.MessageID,
					) ([]billing.Delivery, error) {
						return db.Deliveries(context.Background(), id, status, before, limit)
					}, func(d billing.Delivery) (billing.MessageID, string) { return d.ID, string(d.ID) })
				}
			}
		}
	})
}

// samePages reads a list to its end, each page from the end of the last one. It expects these rows in this order, and
// every page but the last one full.
func samePages[T, C any](
	t *testing.T, name string, want []string, limit int, list func(C) ([]T, error), of func(T) (C, string),
) {
	t.Helper()
	var got []string
	var from C
	for range len(want) + 2 {
		page, err := list(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page {
			next, ref := of(row)
			from, got = next, append(got, ref)
		}
		if len(page) < limit {
			break
		}
	}
	if len(want) < 3 || !slices.Equal(got, want) {
		t.Errorf("%s, in pages of %d: %v\nwant %v", name, limit, got, want)
	}
}
