package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves which facts become events, in which order, and with what contents: the account as the transaction left it, and
// the entry, the order or the subscription. Holds, releases, rollovers and entries that move nothing become no event.
func TestTold(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook")
		id := o.account(1000)
		entry := o.spend(id, 10)
		ctx := context.Background()
		held, err := ledger.Hold(ctx, o.db, id, ledger.HoldRequest{
			Amount: 100, Action: "minute", Quantity: 50, TTL: time.Hour,
		})
		must(t, err)
		_, err = ledger.Capture(ctx, o.db, id, ledger.CaptureRequest{Hold: held.Hold.ID, Amount: 40})
		must(t, err)
		other, err := ledger.Hold(ctx, o.db, id, ledger.HoldRequest{Amount: 100, TTL: time.Hour})
		must(t, err)
		_, err = ledger.Release(ctx, o.db, id, ledger.ReleaseRequest{Hold: other.Hold.ID})
		must(t, err)
		end := o.db.Now().Add(time.Hour)
		o.grant(id, billing.Grant{Key: "lasts an hour", Source: "test", Amount: 50, ExpiresAt: &end})
		o.grant(id, billing.Grant{Key: "nothing", Source: "test"})
		o.clock.Advance(time.Hour)
		_, err = ledger.Current(ctx, o.db, id)
		must(t, err)
		o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			if a, err = ledger.Correct(ctx, tx, a, 1, "too many", billing.Actor{}); err != nil {
				return err
			}
			if a, err = ledger.Clawback(ctx, tx, a, "first:"+string(id), 500, "refund"); err != nil {
				return err
			}
			_, err := ledger.Restore(ctx, tx, a, "first:"+string(id), 0, "won")
			return err
		})
		want := []billing.OutgoingType{
			"points.granted", "points.spent", "points.spent", "points.granted", "points.expired", "points.corrected",
			"points.clawed_back", "points.restored",
		}
		if got := o.kinds(w, 0); !slices.Equal(got, want) {
			t.Fatalf("told %v, want %v", got, want)
		}
		sent := o.sent(w)
		var spent struct {
			Type      string
			Timestamp time.Time
			Data      struct {
				AccountID billing.AccountID `json:"account_id"`
				Version   int64
				Points    map[string]int64
				Entry     map[string]any
			}
		}
		must(t, json.Unmarshal([]byte(sent[1].Body), &spent))
		d := spent.Data
		if spent.Type != "points.spent" || spent.Timestamp.IsZero() || d.AccountID != id || d.Version != entry.Seq ||
			d.Points["available"] != 990 ||
			d.Entry["id"] != string(entry.ID) || d.Entry["amount"] != -10.0 || d.Entry["balance_after"] != 990.0 ||
			d.Entry["hold_id"] != nil {
			t.Errorf("a spend is told as %s", sent[1].Body)
		}
		var captured struct {
			Data struct{ Entry map[string]any }
		}
		must(t, json.Unmarshal([]byte(sent[2].Body), &captured))
		if e := captured.Data.Entry; e["hold_id"] != string(held.Hold.ID) || e["action"] != "minute" ||
			e["quantity"] != 50.0 {
			t.Errorf("a capture is told as %s", sent[2].Body)
		}
		for _, d := range sent {
			if d.Status != billing.DeliveryPending || d.AccountID != id || d.Attempts != 0 {
				t.Errorf("%+v", d)
			}
		}
	})
}

// Proves that an order and a subscription give an event when they change. An order that is fulfilled a second time,
// because its money came back, does not.
func TestToldOfOrders(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook")
		a := storetest.NewAccount(t, o.db)
		order := billing.Order{
			ID:        billing.NewOrderID(o.db.Now()),
			AccountID: a.ID,
			Item:      "pack_100",
			Kind:      billing.KindPack,
			Quantity:  1,
			Points:    100,
			Amount:    500,
			Currency:  "usd",
			Status:    billing.OrderPending, CreatedAt: o.db.Now(),
		}
		o.change(
			a.ID,
			func(ctx context.Context, tx *store.Tx, _ billing.Account) error { return tx.InsertOrder(ctx, order) },
		)
		for _, status := range []billing.OrderStatus{
			billing.OrderPaid, billing.OrderFulfilled, billing.OrderFulfilled, billing.OrderRefunded,
			billing.OrderFulfilled, billing.OrderRefunded, billing.OrderFailed, billing.OrderExpired,
		} {
			order.Status = status
			o.change(
				a.ID,
				func(ctx context.Context, tx *store.Tx, _ billing.Account) error { return tx.SaveOrder(ctx, order) },
			)
		}
		o.change(a.ID, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			a.Subscription = &billing.Subscription{
				ID:                 "sub_1",
				Plan:               "pro_monthly",
				Status:             billing.SubActive,
				CurrentPeriodStart: tx.Now,
				CurrentPeriodEnd:   tx.Now,
			}
			a.Version++
			return tx.SaveSubscription(ctx, a)
		})
		want := []billing.OutgoingType{
			"order.fulfilled", "order.refunded", "order.refunded", "order.failed", "subscription.changed",
		}
		if got := o.kinds(w, 0); !slices.Equal(got, want) {
			t.Fatalf("told %v, want %v", got, want)
		}
		body := o.sent(w)[0].Body
		for _, part := range []string{
			`"id":"` + string(order.ID), `"item":"pack_100"`, `"quantity":1`, `"points":100`, `"amount":500`,
			`"currency":"usd"`, `"status":"fulfilled"`,
		} {
			if _, about, _ := strings.Cut(body, `"order":{`); !strings.Contains(about, part) {
				t.Errorf("an order is told as %s, want %s in it", body, part)
			}
		}
	})
}

// Proves that a fact and its event are written together. A transaction that is rolled back leaves neither. If the event
// cannot be written, the fact is not written either.
func TestEventAndFactAreOne(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook")
		id := o.account(1000)
		ctx := context.Background()
		undone := errors.New("undone")
		err := o.db.InTx(ctx, func(tx *store.Tx) error {
			a, err := tx.LockAccount(ctx, id)
			must(t, err)
			if _, err := ledger.Correct(ctx, tx, a, 950, "undone", billing.Actor{}); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) || len(o.sent(w)) != 1 {
			t.Errorf("after %v there are the events %v", err, o.kinds(w, 0))
		}
		storetest.Exec(o.t, o.db, "ALTER TABLE deliveries RENAME TO mislaid")
		if _, err := ledger.Spend(ctx, o.db, id, ledger.SpendRequest{Amount: 950}); err == nil {
			t.Error("a spend went through untold")
		}
		storetest.Exec(o.t, o.db, "ALTER TABLE mislaid RENAME TO deliveries")
		a, err := o.db.Account(ctx, id)
		must(t, err)
		if a.Available != 1000 || len(o.sent(w)) != 1 {
			t.Errorf("%d points available, told %v", a.Available, o.kinds(w, 0))
		}
	})
}

// Proves that endpoints get the events that they subscribed to and nothing else, each event under one id. An event that
// no one wants is not written. What a disabled endpoint misses is kept.
func TestWanted(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		o.spend(o.account(10), 1)
		count := func() (n int) {
			must(t, o.db.SQL().QueryRow("SELECT count(*) FROM deliveries").Scan(&n))
			return n
		}
		if n := count(); n != 0 {
			t.Fatalf("%d events to nobody", n)
		}
		spends, lows, all := o.add(
			"https://example.com/1", billing.OutPointsSpent,
		), o.add("https://example.com/2", billing.OutPointsLow), o.add("https://example.com/3")
		off := o.add("https://example.com/4", billing.OutPointsLow)
		o.disable(off)
		id := o.account(low)
		o.spend(id, 1)
		if got := o.kinds(spends, 0); !slices.Equal(got, []billing.OutgoingType{"points.spent"}) {
			t.Errorf("who wants spends is told %v", got)
		}
		if got := o.kinds(lows, 0); !slices.Equal(got, []billing.OutgoingType{"points.low"}) {
			t.Errorf("who wants low points is told %v", got)
		}
		if got := o.kinds(all, 0); !slices.Equal(
			got, []billing.OutgoingType{"points.granted", "points.spent", "points.low"},
		) {
			t.Errorf("who wants all is told %v", got)
		}
		if o.sent(all)[1].ID != o.sent(spends)[0].ID || o.sent(all)[2].ID != o.sent(lows)[0].ID || count() != 6 {
			t.Error("an event has an id for each endpoint, or one was written for no endpoint")
		}
		if missed := o.sent(off); len(missed) != 1 || missed[0].Status != billing.DeliveryMissed {
			t.Errorf("who is disabled missed %+v", missed)
		}
	})
}

// disable does what a reply of 410 would do.
func (o *office) disable(w billing.Webhook) {
	o.t.Helper()
	ctx := context.Background()
	must(o.t, o.db.InTx(ctx, func(tx *store.Tx) error {
		w, err := tx.LockWebhook(ctx, w.ID)
		must(o.t, err)
		w.DisabledAt, w.DisabledWhy = &tx.Now, "it responded 410 Gone"
		return tx.SaveWebhook(ctx, w)
	}))
}

// Proves that the customer's threshold counts if they set one, and the operator's if not.
func TestThreshold(t *testing.T) {
	t.Parallel()
	five, none := billing.Points(5), billing.Points(0)
	for _, c := range []struct {
		own  *billing.Points
		want billing.Points
	}{{nil, low}, {&five, 5}, {&none, 0}} {
		if got := outbox.Threshold(billing.Account{LowPoints: c.own}, low); got != c.want {
			t.Errorf("got %d, want %d", got, c.want)
		}
	}
}

// Proves that a top-up that stops gives one event for each stop, with its reason, and that turning it on or off gives
// none.
func TestToldOfTopUps(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook")
		a := storetest.NewAccount(t, o.db)
		on := billing.TopUp{
			AccountID:    a.ID,
			Status:       billing.TopUpOn,
			Pack:         "pack_100",
			Quantity:     1,
			Amount:       500,
			Currency:     "usd",
			Threshold:    50,
			MonthlyLimit: 2,
			DueAt:        o.db.Now(), CreatedAt: o.db.Now(),
		}
		off := on
		off.Status = billing.TopUpOff
		disputed, declined := on.Stopped(billing.TopUpDisputed), on.Stopped(billing.TopUpDeclined)
		for _, next := range []billing.TopUp{on, disputed, disputed, on, declined, off} {
			o.change(
				a.ID,
				func(ctx context.Context, tx *store.Tx, _ billing.Account) error { return tx.SaveTopUp(ctx, next) },
			)
		}
		want := []billing.OutgoingType{"top_up.needs_attention", "top_up.needs_attention"}
		if got := o.kinds(w, 0); !slices.Equal(got, want) {
			t.Fatalf("told %v, want %v", got, want)
		}
		body := o.sent(w)[0].Body
		if !strings.Contains(
			body,
			`"top_up":{"status":"needs_attention","reason":"disputed","pack":"pack_100","quantity":1,"amount":500,"currency":"usd"}`,
		) {
			t.Errorf("told %s", body)
		}
	})
}

// Proves what an event says about a subscription: its window, its end, its scheduled change, and until when collection
// is paused. Each is there if it exists, and null if not.
func TestToldOfSubscriptions(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook", billing.OutSubscriptionChanged)
		id, now := o.account(0), o.db.Now()
		at := func(d time.Duration) *time.Time { v := now.Add(d); return &v }
		plain := billing.Subscription{
			ID:                 "sub_1",
			Plan:               "basic",
			Status:             billing.SubActive,
			Quantity:           1,
			CurrentPeriodStart: now,
			CurrentPeriodEnd:   *at(time.Hour),
		}
		full := plain
		full.Window = &billing.Window{From: now, Until: *at(time.Hour)}
		full.EndsAt, full.CancelAtPeriodEnd = at(time.Hour), true
		full.Scheduled = &billing.ScheduledChange{Plan: "pro", Quantity: 2, At: *at(time.Hour)}
		full.CollectionPaused = &billing.CollectionPause{Until: at(2 * time.Hour)}
		for _, s := range []billing.Subscription{plain, full} {
			o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
				a.Subscription = &s
				return tx.SaveSubscription(ctx, a)
			})
		}
		text := func(t *time.Time) string { return billing.Time(*t).String() }
		want := [][]string{
			{
				`"from":null`, `"until":null`, `"ends_at":null`, `"scheduled_change":null`, `"collection_paused":null`,
				`"cancel_at_period_end":false`, `"plan":"basic"`,
			},
			{
				`"from":"` + text(&now), `"until":"` + text(at(time.Hour)), `"ends_at":"` + text(at(time.Hour)),
				`"cancel_at_period_end":true`,
				`"scheduled_change":{"plan":"pro","quantity":2,"at":"` + text(at(time.Hour)),
				`"collection_paused":{"until":"` + text(at(2*time.Hour)),
			},
		}
		sent := o.sent(w)
		if len(sent) != len(want) {
			t.Fatalf("told %d times, want %d", len(sent), len(want))
		}
		for n, parts := range want {
			for _, part := range parts {
				if !strings.Contains(sent[n].Body, part) {
					t.Errorf("told as %s, want %s in it", sent[n].Body, part)
				}
			}
		}
	})
}

// Proves that an erased account is reported once, with the external id that it had, and a version above all before.
func TestToldOfDeletion(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w := o.add("https://example.com/hook")
		id := billing.NewAccountID(o.db.Now())
		must(t, o.db.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.EnterExternalID(t.Context(), "ada-7", id)
			must(t, err)
			return tx.InsertAccount(t.Context(), billing.Account{ID: id, ExternalID: "ada-7", CreatedAt: tx.Now})
		}))
		o.change(id, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
			return tx.SetDeleting(ctx, id)
		})
		o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error { return tx.ErasePerson(ctx, a) })
		sent := o.sent(w)
		if len(sent) != 1 || sent[0].Type != billing.OutAccountDeleted ||
			!strings.Contains(sent[0].Body, `"external_id":"ada-7"`) ||
			!strings.Contains(sent[0].Body, `"version":1,`) {
			t.Errorf("%+v", sent)
		}
	})
}
