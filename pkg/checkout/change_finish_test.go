package checkout_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// diesWhen makes Stripe unreachable from the first request with a method on. That request fails before it arrives, or
// after it had its effect.
func (s *planShop) diesWhen(method string, late bool) {
	var died atomic.Bool
	s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		switch first := r.Method == method && died.CompareAndSwap(false, true); {
		case first && late:
			s.Gate.Stripe.ServeHTTP(httptest.NewRecorder(), r)
		case !first && !died.Load():
			s.Gate.Stripe.ServeHTTP(out, r)
			return
		}
		panic(http.ErrAbortHandler)
	})
}

// killed asks for a change under the key "key" of a server that dies. Two minutes later no server works on the change.
func (s *planShop) killed(a billing.Account, do ask, method string, late bool) {
	s.t.Helper()
	s.diesWhen(method, late)
	_, err := do(s, a.ID, "key")
	s.refused(err, billing.EStripeUnavailable)
	s.Gate.Open()
	s.Advance(2 * time.Minute)
}

// TestFollowUp proves what the job makes of an upgrade whose server died, in a subscription that was cancelled at its
// period's end. If Stripe was not asked for the upgrade, the job gives it up: nothing is paid and the cancellation
// stays. If Stripe has made it, the job withdraws the cancellation, as the upgrade would have.
func TestFollowUp(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		for _, late := range []bool{false, true} {
			a := s.subscriber("basic", 1)
			arrangements["Cancelled"].arrange(s, a)
			s.killed(a, changeTo("pro", 1), http.MethodPost, late)
			s.follow()
			got, err := changeTo("pro", 1)(s, a.ID, "key")
			if late {
				if err != nil || !got.Replayed {
					t.Errorf("made: %+v, %v", got, err)
				}
				s.wants(a, "active pro", got.Account.Available)
			} else {
				s.refused(err, billing.EConflict)
				s.wants(a, "active basic ends", 500)
			}
		}
	})
}

// TestFollowCancelNow proves that the job completes an immediate cancellation whose server died after Stripe had ended
// the subscription: the open invoice of 900 is voided, and the repeat lists it.
func TestFollowCancelNow(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.owing()
		due := s.newest(a, 900)
		s.killed(a, cancelAt(billing.CancelNow), http.MethodDelete, true)
		s.follow()
		got, err := cancelAt(billing.CancelNow)(s, a.ID, "key")
		if err != nil || !slices.Equal(got.Voided, []billing.VoidedInvoice{due}) {
			t.Errorf("%+v, %v", got.Voided, err)
		}
	})
}

// TestFollowRefused proves that a change that the job is to complete, and that Stripe definitely refuses, has failed.
// The job does not ask again and again, and the repeat returns the refusal.
func TestFollowRefused(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.owing()
		s.killed(a, cancelAt(billing.CancelNow), http.MethodDelete, true)
		asked := 0
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodDelete {
				s.Gate.Stripe.ServeHTTP(out, r)
				return
			}
			asked++
			out.WriteHeader(http.StatusForbidden)
			fmt.Fprint(out, `{"error":{"type":"invalid_request_error","message":"No permission."}}`)
		})
		s.follow()
		s.Advance(10 * time.Minute)
		s.follow()
		_, err := cancelAt(billing.CancelNow)(s, a.ID, "key")
		if billing.CodeOf(err) != billing.EStripeRefused || asked != 1 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

// TestFollowWaitingOnce proves that of two replicas that find the same change that waits for its payment, one looks at
// its invoice. The second one comes while the first one's look is under way.
func TestFollowWaitingOnce(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.card(a, "pm_card_chargeCustomerFail")
		_, err := changeTo("pro", 1)(s, a.ID, "up")
		s.owed(err)
		s.Advance(61 * time.Minute)
		looks := 0
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/v1/invoices/in_") {
				if looks++; looks == 1 {
					s.follow()
				}
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		s.follow()
		if looks != 1 {
			t.Errorf("%d looks at the invoice", looks)
		}
	})
}

// owing returns a subscriber of basic whose first renewal of 900 has failed.
func (s *planShop) owing() billing.Account {
	s.t.Helper()
	a := s.subscriber("basic", 1)
	s.card(a, "pm_card_chargeCustomerFail")
	s.Advance(32 * day)
	return s.synced(a)
}

// TestSameChangeForgotten proves what a copy of a request is told if the first one has failed and was forgotten in the
// meantime: a conflict that names when to repeat. The repeat makes the change, once.
func TestSameChangeForgotten(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		var looks atomic.Int64
		came, lets := make(chan struct{}, 2), [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/v1/subscriptions/") && r.Method == http.MethodGet {
				if n := looks.Add(1); n <= 2 {
					came <- struct{}{}
					<-lets[n-1]
					if n == 1 {
						out.WriteHeader(http.StatusServiceUnavailable)
						return
					}
				}
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		replies := [2]chan error{make(chan error, 1), make(chan error, 1)}
		for n := range replies {
			go func() {
				_, err := changeTo("pro", 1)(s, a.ID, "key")
				replies[n] <- err
			}()
			storetest.Next(t, came)
		}
		close(lets[0])
		s.refused(storetest.Next(t, replies[0]), billing.EStripeUnavailable)
		close(lets[1])
		err := storetest.Next(t, replies[1])
		var known *billing.Error
		if !errors.As(err, &known) || known.Code != billing.EConflict || known.RetryAfter <= 0 {
			t.Errorf("the copy is told %v", err)
		}
		got, err := changeTo("pro", 1)(s, a.ID, "key")
		must(t, err)
		s.wants(a, "active pro", got.Account.Available)
		if n := len(s.paid(a)); n != 2 || got.Replayed {
			t.Errorf("%d invoices are paid, replayed %v", n, got.Replayed)
		}
	})
}

// TestDeletedCustomerBuysPlan proves that an account whose customer was deleted at Stripe can buy a plan at once,
// although no event has reported that the subscription ended with its customer. The old page of a pack cannot be paid
// any more.
func TestDeletedCustomerBuysPlan(t *testing.T) {
	t.Parallel()
	eachShopOf(t, housetest.Options{}, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		s.pay(s.order(a.ID, checkout.Request{Item: "basic_monthly"}))
		s.order(a.ID, checkout.Request{Item: "pack_100"})
		s.remove(a)
		o := s.order(a.ID, checkout.Request{Item: "pro_monthly"})
		if n := s.openPages(); n != 1 {
			t.Errorf("%d pages are open", n)
		}
		if o = s.pay(o); o.Status != billing.OrderFulfilled || s.accountNow(a.ID).Available != 1200 {
			t.Errorf("%+v with %d points", o, s.accountNow(a.ID).Available)
		}
	})
}
