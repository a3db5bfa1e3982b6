package simtest

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	crowdPoints   = 1_000_000 // for each user: more than they can spend
	crowdSpenders = 2         // at once for each user
	crowdPatience = 60 * time.Second
)

// crowd is load: all users spend without a break, each by the rules for clients, and record what they are told.
type crowd struct {
	w            *world
	acknowledged atomic.Int64
	over         chan struct{}
	ends         sync.WaitGroup
}

// newCrowd registers all users, gives them points, and lets them begin.
func (w *world) newCrowd() *crowd {
	w.t.Helper()
	c := &crowd{w: w, over: make(chan struct{})}
	for _, u := range w.users {
		u.register()
		w.give(u, crowdPoints)
		for range crowdSpenders {
			c.ends.Go(func() { c.spend(u) })
		}
	}
	return c
}

// give grants points that were not paid for, so that the proof does not involve Stripe.
func (w *world) give(u *user, points billing.Points) {
	w.t.Helper()
	w.must(w.db.InTx(w.ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(w.ctx, billing.AccountID(u.account))
		if err != nil {
			return err
		}
		_, _, err = ledger.Grant(w.ctx, tx, a, billing.Grant{Key: "test:" + u.email, Source: "test", Amount: points})
		return err
	}))
}

func (c *crowd) spend(u *user) {
	for {
		select {
		case <-c.over:
			return
		default:
		}
		in := u.newSpend(1 + rand.Int64N(3))
		u.try(in, "", patience)
		if in.state == acknowledged {
			c.acknowledged.Add(1)
		}
	}
}

// await waits until that many more spends are acknowledged. Then the servers are well, and the crowd is in the middle
// of its work.
func (c *crowd) await(more int64) {
	c.w.t.Helper()
	want, deadline := c.acknowledged.Load()+more, time.Now().Add(crowdPatience)
	for try := 0; c.acknowledged.Load() < want; try++ {
		if time.Now().After(deadline) {
			c.w.tell()
			c.w.t.Fatalf("%s went by without %d spends acknowledged", crowdPatience, more)
		}
		pause(c.w.ctx, min(try, 3))
	}
}

// end lets all users finish their open requests, and compares the books with their journals. Nothing acknowledged is
// lost, nothing happened twice, and the servers are the ones that were started.
func (c *crowd) end() {
	w := c.w
	w.t.Helper()
	close(c.over)
	c.ends.Wait()
	var wait sync.WaitGroup
	for _, u := range w.users {
		wait.Go(func() { u.finish(finishPatience) })
	}
	wait.Wait()
	w.checkServers()
	for _, u := range w.users {
		w.must(w.checkBooks(u))
	}
	if len(w.broken()) > 0 {
		w.tell()
		return
	}
	if said, err := w.command("audit"); err != nil {
		w.t.Errorf("%v\n%s", err, said)
	}
}

// wantInbox proves that the servers' queue works as well: the webhook alone fulfills a purchase.
func (w *world) wantInbox() {
	w.t.Helper()
	u := w.users[0]
	made, ok := u.orderWithin(finishPatience, map[string]any{"item": "odd"})
	if !ok {
		w.t.Fatal("nothing can be ordered")
	}
	if status := u.pay(made, "pm_card_visa"); status != http.StatusOK {
		w.t.Fatalf("paying answers %d", status)
	}
	w.must(w.deliverAll())
	deadline := time.Now().Add(*agreement)
	for try := 0; ; try++ {
		o, err := w.db.Order(w.ctx, billing.AccountID(u.account), billing.OrderID(made.id))
		w.must(err)
		if o.Status == billing.OrderFulfilled {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf(
				"the order is %s, %s after it was paid; the jobs that wait: %v", o.Status, *agreement, w.waitingJobs(),
			)
		}
		pause(w.ctx, try)
	}
}

// rounds returns how often to repeat something: a few times here, more often under make counts.
func rounds(t testing.TB, few, many int) int {
	t.Helper()
	if *full {
		return many
	}
	return few
}
