package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// live makes an account that has bought a pack and a plan, spent, had a refund, and received events.
func live(t *testing.T, db *store.DB, n string) billing.Account {
	t.Helper()
	a := storetest.NewAccount(t, db)
	now := db.Now()
	write(t, db, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.InsertWebhook(ctx, billing.Webhook{ID: billing.WebhookID("whk_" + n), CreatedAt: now}, 3)
		must(t, err)
		must(
			t,
			tx.InsertDeliveries(
				ctx,
				billing.Delivery{
					ID:        billing.NewMessageID(now),
					WebhookID: billing.WebhookID("whk_" + n),
					AccountID: a.ID,
					Type:      billing.OutPointsLow,
					CreatedAt: now,
				},
			),
		)
		must(t, tx.SetCustomer(ctx, a.ID, billing.CustomerID("cus_"+n)))
		pack := billing.Order{
			ID:          billing.NewOrderID(now),
			AccountID:   a.ID,
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
		}
		plan := pack
		plan.ID, plan.Kind, plan.Item, plan.CheckoutID =
			billing.NewOrderID(now), billing.KindPlan, "pro_monthly", billing.CheckoutID("cs_plan"+n)
		automatic := pack
		automatic.ID, automatic.CheckoutID, automatic.PaymentIntentID, automatic.Automatic =
			billing.NewOrderID(now), "", billing.PaymentIntentID("pi_"+n), true
		for _, o := range []billing.Order{pack, plan, automatic} {
			must(t, tx.InsertOrder(ctx, o))
		}
		_, err = tx.InsertEvent(ctx, event("evt_"+n, a.ID, billing.InboxPending, now))
		must(t, err)
		must(t, tx.IssueTicket(ctx, a.ID, now))
		must(t, tx.StampEvents(ctx, a.ID, 1))
		a, _, err := tx.ApplyTicket(ctx, a.ID, 1, nil)
		must(t, err)
		end := now.Add(24 * time.Hour)
		a = grant(
			t, tx, a, billing.Grant{Key: "stripe:checkout:cs_" + n, Source: "order:" + string(pack.ID), Amount: 100},
		)
		a = grant(
			t, tx, a,
			billing.Grant{Key: "stripe:payment_intent:pi_" + n, Source: "order:" + string(automatic.ID), Amount: 100},
		)
		a = grant(
			t, tx, a,
			billing.Grant{
				Key: "stripe:invoice:in_" + n + ":il", Source: "subscription:sub_" + n, Amount: 50, ExpiresAt: &end,
			},
		)
		a, err = ledger.Clawback(ctx, tx, a, "stripe:checkout:cs_"+n, 20, "refund")
		must(t, err)
		a.Subscription = &billing.Subscription{
			ID:                 billing.SubscriptionID("sub_" + n),
			Plan:               "pro_monthly",
			Status:             billing.SubActive,
			CurrentPeriodStart: now,
			CurrentPeriodEnd:   end,
			Window:             &billing.Window{From: now, Until: end},
		}
		must(t, tx.SaveSubscription(ctx, a))
		must(t, tx.ProcessEvents(ctx, a.ID, 1))
		_, err = tx.InsertEvent(ctx, event("evt_new"+n, a.ID, billing.InboxPending, now))
		return err
	})
	_, err := ledger.Hold(context.Background(), db, a.ID, ledger.HoldRequest{Amount: 5, TTL: 48 * time.Hour})
	must(t, err)
	_, err = ledger.Spend(context.Background(), db, a.ID, ledger.SpendRequest{Amount: 7})
	must(t, err)
	return a
}

func grant(t *testing.T, tx *store.Tx, a billing.Account, g billing.Grant) billing.Account {
	t.Helper()
	a, _, err := ledger.Grant(context.Background(), tx, a, g)
	must(t, err)
	return a
}

func event(id string, account billing.AccountID, status billing.InboxStatus, at time.Time) billing.InboxEvent {
	return billing.InboxEvent{
		ID:         billing.StripeEventID(id),
		Type:       "invoice.paid",
		AccountID:  account,
		Status:     status,
		CreatedAt:  at,
		ReceivedAt: at,
	}
}

// insertJob inserts a job of package inbox as the queue's library does.
func insertJob(t *testing.T, db *store.DB, kind, args string) {
	t.Helper()
	if db.Dialect() == store.SQLite {
		args = `jsonb('` + args + `')`
	} else {
		args = `'` + args + `'`
	}
	storetest.Exec(t, db, `INSERT INTO river_job (kind, args, max_attempts) VALUES ('`+kind+`', `+args+`, 1)`)
}

// all walks over all accounts in batches.
func all(t *testing.T, db *store.DB, batch int) (found []billing.Violation) {
	t.Helper()
	for last := billing.AccountID(""); ; {
		b, err := audit.Next(context.Background(), db, last, batch)
		must(t, err)
		found, last = append(found, b.Violations...), b.Last
		if b.Accounts < batch {
			return found
		}
	}
}

func write(t *testing.T, db *store.DB, f func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	must(t, db.InTx(context.Background(), func(tx *store.Tx) error { return f(context.Background(), tx) }))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
