package inbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// endpoint is one of the operator's. It hands on the id of each event that comes, and then answers.
func (w *world) endpoint(answer http.HandlerFunc) (billing.Webhook, chan string) {
	w.t.Helper()
	came := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		came <- r.Header.Get("webhook-id")
		if answer != nil {
			answer(out, r)
		}
	}))
	w.t.Cleanup(server.Close)
	hook, err := outbox.NewPost(w.db, true).Add(context.Background(), "", outbox.Wish{URL: server.URL})
	must(w.t, err)
	return hook, came
}

// rich is an account with points and no customer at Stripe.
func (w *world) rich() billing.AccountID {
	w.t.Helper()
	id := storetest.NewAccount(w.t, w.db).ID
	w.grant(id, "first")
	return id
}

func (w *world) grant(id billing.AccountID, key string) {
	w.t.Helper()
	ctx := context.Background()
	must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		_, _, err = ledger.Grant(ctx, tx, a, billing.Grant{Key: key + string(id), Source: "test", Amount: 100})
		return err
	}))
}

func (w *world) next(came chan string) string {
	w.t.Helper()
	select {
	case id := <-came:
		return id
	case <-time.After(patience):
		w.t.Fatal("nothing came")
	}
	return ""
}

const pendingDeliveries = "SELECT count(*) FROM deliveries WHERE status = 'pending'"

// Proves that what happens here is delivered by jobs, at once, once, and that what is there when a server begins is delivered too. The
// sweeper does not look a second time: it is the ring of each commit that is heard.
func TestOutgoing(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		id := w.rich()
		_, came := w.endpoint(nil)
		w.grant(id, "before the server began")
		w.inbox.NoSweeper()
		w.start(w.t)
		first := w.next(came)
		for n := range 20 {
			w.grant(id, fmt.Sprint(n))
			if next := w.next(came); next <= first {
				t.Errorf("%s came after %s", next, first)
			} else {
				first = next
			}
		}
		waitFor(w.t, "all is noted and no job is left", func() bool { return w.count(pendingDeliveries) == 0 && w.count(unfinishedJobs) == 0 })
		if n := len(came); n != 0 {
			t.Errorf("%d events came twice", n)
		}
	})
}

// Proves that when the job is lost the table is not: the sweeper asks for another one.
func TestOutgoingJobLost(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		id := w.rich()
		_, came := w.endpoint(nil)
		w.grant(id, "lost")
		must(w.t, w.inbox.Sweep(context.Background()))
		if n := w.count("SELECT count(*) FROM river_job WHERE kind = 'deliver'"); n != 1 {
			t.Fatalf("%d jobs", n)
		}
		w.exec("DELETE FROM river_job")
		must(w.t, w.inbox.Sweep(context.Background()))
		must(w.t, w.inbox.Sweep(context.Background()))
		if n := w.count("SELECT count(*) FROM river_job WHERE kind = 'deliver'"); n != 1 {
			t.Fatalf("%d jobs after the first was lost", n)
		}
		w.start(w.t)
		w.next(came)
	})
}

// Proves that a job which finds its endpoint taken comes again by itself: the one that has it may be past its last look, and what was
// written since would wait for the sweeper.
func TestOutgoingTaken(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		ctx, id := context.Background(), w.rich()
		hook, came := w.endpoint(nil)
		w.inbox.NoSweeper()
		w.start(w.t)
		until := time.Now().Add(time.Hour).Truncate(time.Microsecond)
		must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error {
			_, ok, _, err := tx.TakeWebhook(ctx, hook.ID, time.Now(), until)
			if err == nil && !ok {
				t.Error("somebody else has it")
			}
			return err
		}))
		w.grant(id, "written meanwhile")
		waitFor(w.t, "a job has found it taken", func() bool {
			return w.count("SELECT count(*) FROM river_job WHERE kind = 'deliver' AND attempted_at IS NOT NULL AND state <> 'running'") == 1
		})
		if n := len(came); n != 0 {
			t.Errorf("%d events came from a job that does not have the endpoint", n)
		}
		must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error { return tx.LeaveWebhook(ctx, hook.ID, until) }))
		w.next(came)
	})
}

// Proves that what is forgotten of long ago includes events that ended, and none that waits.
func TestForgetsDeliveries(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		id := w.rich()
		w.endpoint(nil)
		for _, key := range []string{"ended", "waits", "ended lately"} {
			w.grant(id, key)
			if key != "waits" {
				w.exec("UPDATE deliveries SET status = 'delivered', delivered_at = created_at WHERE id = (SELECT max(id) FROM deliveries)")
			}
			w.advance(20 * 24 * time.Hour)
		}
		must(w.t, w.inbox.Forget(context.Background()))
		if all, waiting := w.count("SELECT count(*) FROM deliveries"), w.count(pendingDeliveries); all != 2 || waiting != 1 {
			w.t.Errorf("%d events are remembered, %d of them wait; want that of 20 days ago and the one that waits", all, waiting)
		}
	})
}

// Proves that a failed event is tried again by a job that waits for its time.
func TestOutgoingRetry(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		id := w.rich()
		var mu sync.Mutex
		tried := 0
		_, came := w.endpoint(func(out http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if tried++; tried == 1 {
				out.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		w.start(w.t)
		w.grant(id, "tried twice")
		first := w.next(came)
		waitFor(w.t, "a job waits for the second attempt", func() bool {
			return w.count("SELECT count(*) FROM river_job WHERE kind = 'deliver' AND state = 'scheduled'") == 1
		})
		if second := w.next(came); second != first {
			t.Errorf("%s and then %s", first, second)
		}
	})
}

// Proves that endpoints which do not answer keep neither a sync waiting nor another endpoint, however many events wait for them.
func TestDeadEndpoints(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		over := make(chan struct{})
		defer close(over) // before anybody waits for those who wait
		var stuck []chan string
		for range outbox.MaxWebhooks - 1 {
			_, came := w.endpoint(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
				case <-over:
				}
			})
			stuck = append(stuck, came)
		}
		_, came := w.endpoint(nil)
		ids := make([]billing.AccountID, 10)
		w.start(w.t)
		for n := range ids {
			ids[n] = w.rich()
		}
		for _, s := range stuck {
			w.next(s)
		}
		for range ids {
			w.next(came)
		}
		a, _ := w.buyer()
		w.ring("evt_1", a.CustomerID)
		w.wantStatus("evt_1", billing.InboxProcessed)
	})
}

// Proves on PostgreSQL that two replicas deliver once what both of them wrote, each account's in its order.
func TestOutgoingReplicas(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	database := storetest.URL(t, store.Postgres)
	replicas := []*world{s.replica(t, database), s.replica(t, database)}
	_, came := replicas[0].endpoint(nil)
	for _, w := range replicas {
		w.start(t)
	}
	const accounts, spends = 10, 20
	var all sync.WaitGroup
	for n := range accounts {
		id := replicas[0].rich()
		all.Go(func() {
			for m := range spends {
				_, err := ledger.Spend(context.Background(), replicas[(n+m)%2].db, id, ledger.SpendRequest{Amount: 1})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for range accounts * (spends + 1) {
		seen[replicas[0].next(came)] = true
	}
	waitFor(t, "all is noted", func() bool { return replicas[0].count(pendingDeliveries) == 0 })
	if len(seen) != accounts*(spends+1) || len(came) != 0 {
		t.Errorf("%d different events came, and %d more", len(seen), len(came))
	}
}
