package checkout_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

// together runs both replicas n times each, all at once.
func (s *tops) together(n int, others ...func()) {
	s.t.Helper()
	var all sync.WaitGroup
	for _, r := range s.replicas {
		for range n {
			all.Go(func() {
				if err := r.Run(s.t.Context()); err != nil {
					s.t.Error(err)
				}
			})
		}
	}
	for _, f := range others {
		all.Go(f)
	}
	all.Wait()
}

// settled runs until no order waits, and checks that every charge at Stripe has its order and its points, once.
func (s *tops) settled(id billing.AccountID, want int) {
	s.t.Helper()
	s.run()
	paid, granted := 0, 0
	for _, i := range s.intents() {
		if i["status"] == "succeeded" {
			paid++
		}
	}
	for _, o := range s.automatic(id) {
		if o.Status == billing.OrderFulfilled {
			granted++
		}
	}
	if paid != want || granted != want {
		s.t.Errorf("%d charges and %d grants, want %d", paid, granted, want)
	}
	lots, err := s.db.LotsByGrant(s.t.Context(), id, "stripe:checkout:")
	if err != nil || len(lots) != 0 {
		s.t.Errorf("%+v, %v", lots, err)
	}
	must(s.t, ledger.Audit(s.t.Context(), s.db, id))
}

// TestTopUpTogether proves that a hundred spends that cross the threshold, while two replicas run the job, cause one
// charge at Stripe and one grant.
func TestTopUpTogether(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	a := s.buyer()
	s.put(a.ID, wish)
	spends := make([]func(), 100)
	for i := range spends {
		spends[i] = func() {
			if _, err := ledger.Spend(t.Context(), s.db, a.ID, ledger.SpendRequest{Amount: 1}); err != nil {
				t.Error(err)
			}
		}
	}
	s.together(10, spends...)
	s.settled(a.ID, 1)
	if got := s.account(a.ID).Available; got != 100 {
		t.Errorf("%d points", got)
	}
}

// TestTopUpCoolOff proves that the time between two attempts applies to every replica, even if the customer changes or
// deletes the top-up in the meantime. It also applies after an attempt that was declined.
func TestTopUpCoolOff(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	a := s.low()
	s.together(3)
	s.settled(a.ID, 1)
	s.spend(a.ID, 100)
	s.Advance(coolOff - time.Minute)
	must(t, s.replicas[0].Delete(t.Context(), a.ID, ""))
	s.put(a.ID, wish)
	s.together(3)
	s.settled(a.ID, 1)
	s.Advance(time.Minute)
	s.card(a, "pm_card_chargeCustomerFail")
	s.together(3)
	s.put(a.ID, wish)
	s.card(a, "pm_card_visa")
	s.together(3)
	if got := s.automatic(a.ID); len(got) != 2 {
		t.Errorf("%d orders: a declined one is an attempt too", len(got))
	}
	s.Advance(coolOff)
	s.together(3)
	s.settled(a.ID, 2)
}

// TestTopUpMonth proves that the month's limit holds across replicas, whatever a customer sets, and that the next month
// starts again from zero, at midnight UTC.
func TestTopUpMonth(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	a := s.buyer()
	twice := wish
	twice.MonthlyLimit = 2
	s.put(a.ID, twice)
	s.spend(a.ID, 60)
	for range 4 {
		s.together(3)
		if left := s.account(a.ID).Available; left > 0 {
			s.spend(a.ID, left)
		}
		s.Advance(coolOff)
		s.put(a.ID, twice)
	}
	s.settled(a.ID, 2)
	_, next := billing.MonthOf(s.Now())
	s.Advance(next.Sub(s.Now()) - time.Minute)
	s.together(3)
	s.settled(a.ID, 2)
	s.Advance(2 * time.Minute)
	s.together(3)
	s.settled(a.ID, 3)
	if got := s.get(a.ID); got.Used != 1 {
		t.Errorf("%+v", got)
	}
}

// TestTopUpRaisedLimit proves that a customer who raises the limit need not wait for the next month.
func TestTopUpRaisedLimit(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	a := s.buyer()
	w := wish
	w.MonthlyLimit = 1
	s.put(a.ID, w)
	s.spend(a.ID, 60)
	s.run()
	s.Advance(coolOff)
	s.spend(a.ID, 100)
	s.settled(a.ID, 1)
	w.MonthlyLimit = 2
	s.put(a.ID, w)
	s.settled(a.ID, 2)
}

// lose passes a request to Stripe and drops the reply.
func (s *tops) lose(out http.ResponseWriter, r *http.Request) {
	if !isCharge(r) {
		s.Gate.Stripe.ServeHTTP(out, r)
		return
	}
	s.Gate.Stripe.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// TestTopUpReplyLost proves that a charge whose reply is lost is one charge and has its points, whatever runs next.
// That may be the job, with any card and however late, even if the customer has disabled the top-up. Or it may be a
// sync that a webhook caused.
func TestTopUpReplyLost(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(s *tops, a billing.Account){
		"job":        func(s *tops, _ billing.Account) { s.together(3) },
		"other card": func(s *tops, a billing.Account) { s.card(a, "pm_card_mastercard"); s.together(3) },
		"much later": func(s *tops, _ billing.Account) { s.Advance(26 * time.Hour); s.together(3) },
		"turned off": func(s *tops, a billing.Account) {
			must(s.t, s.replicas[0].Delete(s.t.Context(), a.ID, ""))
			s.together(3)
		},
		"webhook": func(s *tops, a billing.Account) {
			_, err := s.syncer.Sync(s.t.Context(), a.ID, billing.CauseEvent)
			must(s.t, err)
		},
		"key is gone": func(s *tops, _ billing.Account) { s.Advance(reconcile.ChargeAge + time.Minute); s.together(3) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTops(t, store.Postgres)
			a := s.low()
			s.Gate.Intercept(s.lose)
			s.run()
			s.Gate.Open()
			if got := s.automatic(a.ID); len(got) != 1 || got[0].Status != billing.OrderPending ||
				len(s.intents()) != 1 {
				t.Fatalf("%+v, %v", got, s.intents())
			}
			s.untilRetried()
			next(s, a)
			s.settled(a.ID, 1)
		})
	}
}

// TestTopUpDeclineLost proves that the next run or sync cancels a declined charge whose reply was lost.
func TestTopUpDeclineLost(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	a := s.buyer()
	s.put(a.ID, wish)
	s.card(a, "pm_card_chargeCustomerFail")
	s.spend(a.ID, 60)
	s.Gate.Intercept(s.lose)
	s.run()
	s.Gate.Open()
	_, err := s.syncer.Sync(t.Context(), a.ID, billing.CauseEvent) // a webhook of the declined charge
	must(t, err)
	if got := s.automatic(a.ID)[0].Status; got != billing.OrderPending {
		t.Errorf("given up while it could be paid: %s", got)
	}
	s.untilRetried()
	s.together(3)
	if got, i := s.get(a.ID), s.intents(); got.Declines != 1 || len(i) != 1 || i[0]["status"] != "canceled" ||
		s.automatic(a.ID)[0].Status != billing.OrderFailed {
		t.Errorf("%+v, %v", got, i)
	}
}

// TestTopUpNeverAsked proves that an order that could not be charged in time is given up and not charged any more.
// Nothing is charged for a customer who disabled the top-up before Stripe was asked.
func TestTopUpNeverAsked(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	down := func(out http.ResponseWriter, r *http.Request) {
		if isCharge(r) {
			panic(http.ErrAbortHandler)
		}
		s.Gate.Stripe.ServeHTTP(out, r)
	}
	late, off := s.buyer(), s.buyer()
	for _, a := range []billing.Account{late, off} {
		s.put(a.ID, wish)
		s.spend(a.ID, 60)
	}
	s.Gate.Intercept(down)
	s.run()
	s.Gate.Open()
	gone := wish
	gone.Enabled = false
	s.put(off.ID, gone)
	s.untilRetried()
	s.run() // charges the one that is still wanted
	if got := s.automatic(late.ID)[0].Status; got != billing.OrderFulfilled ||
		s.automatic(off.ID)[0].Status != billing.OrderPending {
		t.Errorf("%s, %s", got, s.automatic(off.ID)[0].Status)
	}
	s.spend(late.ID, 100)
	s.Advance(coolOff)
	s.Gate.Intercept(down)
	s.run()
	s.Gate.Open()
	s.Advance(reconcile.ChargeAge)
	s.run()
	if n := len(s.intents()); n != 1 {
		t.Errorf("%d charges: one came too late", n)
	}
	s.Advance(reconcile.UnchargedAge - reconcile.ChargeAge + time.Minute)
	s.run() // gives them up
	s.run() // and starts again if the customer still wants it
	if got := s.automatic(off.ID); len(got) != 1 || got[0].Status != billing.OrderExpired {
		t.Errorf("turned off: %+v", got)
	}
	if got := s.automatic(late.ID); len(got) != 3 || got[1].Status != billing.OrderExpired ||
		got[0].Status != billing.OrderFulfilled || len(s.intents()) != 2 {
		t.Errorf("too late: %+v", got)
	}
}

// TestTopUpPaidAfterAll proves that a charge brings its points although the order was given up before it: the process
// slept between its look at the order's age and the charge, while another one's sync gave the order up. It is granted
// once, also beside the next order. In a parked account both wait until the account is approved, and syncs go on.
func TestTopUpPaidAfterAll(t *testing.T) {
	t.Parallel()
	for name, parks := range map[string]bool{"Free": false, "Parked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTops(t, store.Postgres)
			if parks {
				s.Policy.ParkGrants = 1
				s.wire()
			}
			a := s.low()
			var slept atomic.Bool
			s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
				if isCharge(r) && slept.CompareAndSwap(false, true) {
					s.Advance(givenUp)
					s.syncNow(a.ID)
					if got := s.automatic(a.ID); len(got) != 1 || got[0].Status != billing.OrderExpired {
						t.Errorf("not given up: %+v", got)
					}
					s.Gate.Open()
					s.run() // the next order, charged before the first one
				}
				s.Gate.Stripe.ServeHTTP(out, r)
			})
			s.run()
			s.syncNow(a.ID)
			if parks {
				if got := s.account(a.ID); got.Parking.At == nil || got.Available != 40 {
					t.Errorf("not parked: %+v", got)
				}
				s.unpark(a.ID)
			}
			s.syncNow(a.ID)
			s.settled(a.ID, 2)
			if got := s.account(a.ID).Available; got != 40+2*100 {
				t.Errorf("%d points", got)
			}
		})
	}
}

// TestTopUpDeclineCounted proves that a declined charge is counted once, although two concurrent syncs see its order
// end.
func TestTopUpDeclineCounted(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	a := s.buyer()
	s.put(a.ID, wish)
	s.card(a, "pm_card_chargeCustomerFail")
	s.spend(a.ID, 60)
	s.Gate.Intercept(s.lose)
	s.run()
	s.Gate.Open()
	s.Ask(http.MethodPost, "/v1/payment_intents/"+s.intents()[0]["id"].(string)+"/cancel", nil)
	sync := func() {
		if _, err := s.syncer.Sync(t.Context(), a.ID, billing.CauseEvent); err != nil {
			t.Error(err)
		}
	}
	var looks atomic.Int32
	secondLooks, firstIsApplied, secondIsApplied := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/subscriptions" {
			switch looks.Add(1) {
			case 1:
				go func() { defer close(secondIsApplied); sync() }()
				<-secondLooks
			case 2:
				close(secondLooks)
				<-firstIsApplied
			}
		}
		s.Gate.Stripe.ServeHTTP(out, r)
	})
	sync()
	close(firstIsApplied)
	<-secondIsApplied
	if got := s.get(a.ID).Declines; got != 1 {
		t.Errorf("one declined charge is counted %d times", got)
	}
}

// TestTopUpAskedTwice proves that two replicas that both found no charge and requested one make one charge, because
// both use the order's key.
func TestTopUpAskedTwice(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	a := s.low()
	s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		if isCharge(r) {
			panic(http.ErrAbortHandler)
		}
		s.Gate.Stripe.ServeHTTP(out, r)
	})
	s.run() // leaves the order for both to continue
	s.untilRetried()
	before := s.Gate.Asked("POST /v1/payment_intents")
	s.Gate.Gather(2, isCharge)
	s.together(1)
	s.Gate.Open()
	s.settled(a.ID, 1)
	if n := s.Gate.Asked("POST /v1/payment_intents") - before; n < 2 {
		t.Errorf("%d asked", n)
	}
}
