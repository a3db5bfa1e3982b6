package inbox_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// full makes the tests use the numbers of docs/proofs.md, which takes many minutes.
var full = flag.Bool("full", false, "run the counts in full, as make counts does")

// counted returns how many repetitions to make.
func counted(few, many int) int {
	if *full {
		return many
	}
	return few / slowdown
}

// customers returns a replica on PostgreSQL and some customers whose state at Stripe it knows. Each has one paid pack
// and one open page.
func customers(t *testing.T, n int) (*world, []billing.Account, map[billing.AccountID]string) {
	t.Helper()
	w := newShop(t).replica(t, storetest.URL(t, store.Postgres))
	all := make([]billing.Account, n)
	for i := range all {
		all[i] = w.draft()
		open, paid := w.sell(all[i], "pro_monthly"), w.sell(all[i], "pack_100")
		w.insert(all[i], open, paid)
		w.pay(paid)
	}
	w.start(t)
	for i, a := range all {
		w.ring(fmt.Sprint("evt_truth_", i), a.CustomerID)
	}
	w.waitIdle()
	truth := map[billing.AccountID]string{}
	for _, a := range all {
		truth[a.ID] = w.dump(a.ID)
		if got := w.account(a.ID); got.Available != 100 {
			t.Fatalf("%d points before it began", got.Available)
		}
	}
	return w, all, truth
}

// wantTruth requires that the rows of all customers are unchanged, and that what comes after is handled as before.
func (w *world) wantTruth(all []billing.Account, truth map[billing.AccountID]string) {
	w.t.Helper()
	w.waitIdle()
	for i, a := range all {
		if rows := w.dump(a.ID); rows != truth[a.ID] {
			w.t.Errorf("the rows of customer %d are\n%s\nand were\n%s", i, rows, truth[a.ID])
		}
	}
	o := w.sell(all[0], "pack_1000")
	w.insertOrder(o)
	w.pay(o)
	w.ring("evt_after", all[0].CustomerID)
	w.wantStatus("evt_after", billing.InboxProcessed)
	if got := w.account(all[0].ID); got.Available != 1100 {
		w.t.Errorf("after it all, a purchase leads to %d points", got.Available)
	}
}

// Proves that signed events that contradict Stripe change nothing and hinder nothing. A full run sends 1,000 of them,
// of many kinds and amounts. Each is about one of ten customers, and some name another one inside.
func TestManyLies(t *testing.T) {
	t.Parallel()
	w, all, truth := customers(t, 10)
	lies, random := counted(200, 1000), rand.New(rand.NewPCG(1, 1))
	for n := range lies {
		about, other := all[random.IntN(len(all))], all[random.IntN(len(all))]
		must(t, w.deliver(lie(fmt.Sprint("evt_lie_", n), random, about, other)))
	}
	w.wantTruth(all, truth)
	if got := w.count(
		"SELECT count(*) FROM inbox_events WHERE id LIKE 'evt_lie_%' AND status = 'processed'",
	); got != lies {
		t.Errorf("%d of %d lies led to a look at Stripe", got, lies)
	}
	t.Logf("%d lying events: no row changed", lies)
}

// lie returns an event about a customer with false statements about them.
func lie(id string, random *rand.Rand, about, other billing.Account) string {
	number := random.IntN(1_000_000)
	fields := fmt.Sprintf(
		`"customer":%q,"metadata":{"pointsync_account":%q,"pointsync_item":"pro_monthly"}`, about.CustomerID, other.ID,
	)
	lies := []struct{ kind, object string }{
		{
			"customer.subscription.created",
			fmt.Sprintf(
				`{"object":"subscription","id":"sub_%d","status":"active","current_period_start":1,"current_period_end":9999999999,%s}`,
				number, fields,
			),
		},
		{
			"customer.subscription.updated",
			fmt.Sprintf(`{"object":"subscription","id":"sub_%d","status":"past_due",%s}`, number, fields),
		},
		{
			"customer.subscription.deleted",
			fmt.Sprintf(`{"object":"subscription","id":"sub_%d","status":"canceled",%s}`, number, fields),
		},
		{
			"invoice.paid",
			fmt.Sprintf(
				`{"object":"invoice","id":"in_%d","status":"paid","paid":true,"amount_paid":%d,"billing_reason":"subscription_cycle",%s}`,
				number, number, fields,
			),
		},
		{
			"checkout.session.completed",
			fmt.Sprintf(
				`{"object":"checkout.session","id":"cs_test_%d","status":"complete","payment_status":"paid","amount_total":%d,%s}`,
				number, number, fields,
			),
		},
		{
			"checkout.session.expired",
			fmt.Sprintf(`{"object":"checkout.session","id":"cs_test_%d","status":"expired",%s}`, number, fields),
		},
		{
			"charge.refunded",
			fmt.Sprintf(
				`{"object":"charge","id":"ch_%d","amount":%d,"amount_refunded":%d,"refunded":true,%s}`, number, number,
				number, fields,
			),
		},
		{
			"charge.dispute.created",
			fmt.Sprintf(`{"object":"charge","id":"ch_%d","disputed":true,"amount":%d,%s}`, number, number, fields),
		},
		{"customer.deleted", fmt.Sprintf(`{"object":"customer","id":%q,"deleted":true}`, about.CustomerID)},
	}
	l := lies[random.IntN(len(lies))]
	return eventOf(id, l.kind, l.object)
}

// Proves that events which Stripe never sends change nothing and hinder nothing. They are either refused as invalid or
// kept as concerning no one: 1,000 of them in full, each of eight kinds in turn.
func TestManyPoisons(t *testing.T) {
	t.Parallel()
	w, all, truth := customers(t, 3)
	poisons, random := counted(200, 1000), rand.New(rand.NewPCG(1, 1))
	bodies := slices.Sorted(maps.Values(poison))
	refused := 0
	for n := range poisons {
		id, customer := fmt.Sprint("evt_poison_", n), all[random.IntN(len(all))].CustomerID
		good := eventOf(id, "customer.updated", fmt.Sprintf(`{"object":"customer","id":%q}`, customer))
		var err error
		wantRefusal := true
		switch n % 8 {
		case 0: // cut off somewhere
			err = w.deliver(good[:random.IntN(len(good)-1)])
		case 1: // signed with another's secret
			err = w.inbox.Accept(t.Context(), []byte(good), signed(good, "whsec_guessed", w.Now()))
		case 2: // signed long ago
			err = w.inbox.Accept(
				t.Context(), []byte(good),
				signed(good, secret, w.Now().Add(-time.Duration(6+random.IntN(1000))*time.Minute)),
			)
		case 3: // changed after it was signed
			err = w.inbox.Accept(
				t.Context(), []byte(strings.Replace(good, "updated", "deleted", 1)), signed(good, secret, w.Now()),
			)
		case 4: // of a customer whom no one knows
			err, wantRefusal = w.deliver(
				strings.Replace(good, string(customer), fmt.Sprint("cus_stranger", n), 1),
			), false
		case 5: // of the other mode
			err, wantRefusal = w.deliver(strings.Replace(good, `"livemode":false`, `"livemode":true`, 1)), false
		case 6: // with ids without an end
			err = w.deliver(strings.Replace(good, id, id+strings.Repeat("x", 300+random.IntN(100_000)), 1))
		case 7: // one of the odd ones that TestPoison has
			err = w.deliver(bodies[n/8%len(bodies)])
			wantRefusal = err != nil
		}
		if err != nil {
			refused++
		}
		if (err != nil) != wantRefusal || (err != nil && billing.CodeOf(err) != billing.EInvalid) {
			t.Errorf("poison %d of kind %d: %v", n, n%8, err)
		}
	}
	w.wantTruth(all, truth)
	if n := w.count(
		"SELECT count(*) FROM inbox_events WHERE status <> 'ignored' AND id NOT LIKE 'evt_truth_%' AND id <> 'evt_after'",
	); n != 0 {
		t.Errorf("%d poisons concern somebody", n)
	}
	t.Logf("%d poison events: %d refused, the others nobody's concern, no row changed", poisons, refused)
}
