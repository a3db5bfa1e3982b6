package checkout_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// ask is one request for a change, under a key.
type ask func(s *planShop, id billing.AccountID, key string) (checkout.Changed, error)

func changeTo(plan string, quantity int64) ask {
	return func(s *planShop, id billing.AccountID, key string) (checkout.Changed, error) {
		return s.service.Change(s.t.Context(), id, checkout.ChangeRequest{Plan: plan, Quantity: quantity, Key: key})
	}
}

func cancelAt(at billing.CancelTime) ask {
	return func(s *planShop, id billing.AccountID, key string) (checkout.Changed, error) {
		return s.service.Cancel(s.t.Context(), id, checkout.CancelRequest{At: at, Key: key})
	}
}

func resume(s *planShop, id billing.AccountID, key string) (checkout.Changed, error) {
	return s.service.Resume(s.t.Context(), id, checkout.ResumeRequest{Key: key})
}

// TestChangeCutOff proves that a repeat continues a change that was cut off at any of its requests to Stripe. The cut
// comes before the request arrived, or after it had its effect. The two have one effect in all.
func TestChangeCutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before []ask
		do     ask
		state  string
	}{
		"Up": {nil, changeTo("pro", 1), "active pro"},
		"UpWhileScheduled": {
			[]ask{changeTo("yearly", 1), changeTo("basic", 1)}, changeTo("yearly", 1), "active yearly",
		},
		"UpWhileEnding": {[]ask{cancelAt(billing.CancelAtPeriodEnd)}, changeTo("team", 2), "active team × 2"},
		"Down":          {[]ask{changeTo("pro", 1)}, changeTo("basic", 1), "active pro then basic"},
		"DownAgain": {
			[]ask{changeTo("pro", 1), changeTo("team", 1)}, changeTo("basic", 1), "active pro then basic",
		},
		"Cancel": {
			[]ask{changeTo("pro", 1), changeTo("basic", 1)}, cancelAt(billing.CancelAtPeriodEnd), "active pro ends",
		},
		"CancelNow": {
			[]ask{changeTo("pro", 1), changeTo("basic", 1)}, cancelAt(billing.CancelNow), "canceled pro",
		},
		"Resume":       {[]ask{changeTo("pro", 1), changeTo("basic", 1)}, resume, "active pro"},
		"ResumeEnding": {[]ask{cancelAt(billing.CancelAtPeriodEnd)}, resume, "active basic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachPlanShop(t, func(t *testing.T, s *planShop) {
				begin := func() billing.Account {
					a := s.subscriber("basic", 1)
					for i, before := range c.before {
						changed, err := before(s, a.ID, fmt.Sprint("before-", i))
						must(t, err)
						a = changed.Account
					}
					s.Advance(time.Hour)
					return a
				}
				whole := begin()
				seen := s.cutAt(0, false)
				done, err := c.do(s, whole.ID, "key")
				s.Gate.Open()
				must(t, err)
				invoices, points := len(s.of("/v1/invoices", whole)), done.Account.Available
				for n := int64(1); n <= seen.Load(); n++ {
					for _, late := range []bool{false, true} {
						a := begin()
						s.cutAt(n, late)
						_, cut := c.do(s, a.ID, "key")
						s.Gate.Open()
						if cut != nil {
							s.refused(cut, billing.EStripeUnavailable)
						}
						again, err := c.do(s, a.ID, "key")
						if err != nil || cut == nil && !again.Replayed {
							t.Fatalf("cut at %d, late %t: %v, then %v", n, late, cut, err)
						}
						s.wants(a, c.state, points)
						if got := len(s.of("/v1/invoices", a)); got != invoices {
							t.Errorf("cut at %d, late %t: %d invoices, want %d", n, late, got, invoices)
						}
					}
				}
			})
		})
	}
}

// TestOneChangeTogether proves that copies of one request have one effect, and that all of them get the same response.
func TestOneChangeTogether(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		for _, c := range []struct {
			do    ask
			state string
		}{
			{changeTo("pro", 1), "active pro"}, {cancelAt(billing.CancelAtPeriodEnd), "active basic ends"},
			{cancelAt(billing.CancelNow), "canceled basic"},
		} {
			a := s.subscriber("basic", 1)
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					if _, err := c.do(s, a.ID, "one"); err != nil && !passing(err) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			done, err := c.do(s, a.ID, "one")
			must(t, err)
			s.wants(a, c.state, done.Account.Available)
			if n := len(s.of("/v1/invoices", a)); n > 2 {
				t.Errorf("%s: %d invoices", c.state, n)
			}
		}
	})
}

// passing reports whether an error asks to repeat the request.
func passing(err error) bool {
	switch billing.CodeOf(err) {
	case billing.EConflict, billing.EStripeUnavailable, billing.ETooMany:
		return true
	}
	return false
}

// TestChangesTogether proves that different concurrent changes of one account end in the state of one of them, or of
// one after the other. Stripe and the database agree on it, and nothing was charged that did not happen.
func TestChangesTogether(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		for round := range 5 {
			a := s.subscriber("basic", 1)
			asks := []ask{
				changeTo("pro", 1), changeTo("team", 3), cancelAt(billing.CancelAtPeriodEnd), changeTo("yearly", 1),
			}
			var all sync.WaitGroup
			var mu sync.Mutex
			done := 0
			for i, do := range asks {
				all.Go(func() {
					_, err := do(s, a.ID, fmt.Sprint("key-", i))
					if err != nil && !passing(err) {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						done++
					}
				})
			}
			all.Wait()
			if done == 0 {
				t.Fatalf("round %d: nothing was done", round)
			}
			a, err := s.db.Account(t.Context(), a.ID)
			must(t, err)
			s.wants(a, stateOf(a.Subscription), a.Available)
			if got := len(s.of("/v1/invoices", a)); got > 1+done {
				t.Errorf("round %d: %d invoices after %d changes", round, got, done)
			}
		}
	})
}

// TestSecondChangeWaits proves that no change begins while another one is being worked on. A change that was cut off
// and not continued is given up for the next one. If its caller got no reply, it is not made without the customer's
// knowledge.
func TestSecondChangeWaits(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				_, err := cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "beside")
				s.refused(err, billing.EConflict)
				panic(http.ErrAbortHandler)
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		up := changeTo("pro", 1)
		_, err := up(s, a.ID, "cut")
		s.refused(err, billing.EStripeUnavailable)
		s.Gate.Open()
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "early")
		s.refused(err, billing.EConflict)
		s.Advance(2 * time.Minute)
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "later")
		must(t, err)
		_, err = up(s, a.ID, "cut")
		s.refused(err, billing.EConflict)
		s.wants(a, "active basic ends", 500)

		b := s.subscriber("basic", 1)
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				panic(http.ErrAbortHandler)
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		_, err = up(s, b.ID, "old")
		s.refused(err, billing.EStripeUnavailable)
		s.Gate.Open()
		s.Advance(day) // Stripe has deleted the key: a repeat could charge twice
		_, err = up(s, b.ID, "old")
		s.refused(err, billing.EConflict)
		s.wants(b, "active basic", 500)
	})
}

// TestSlowDecisionHoldsOn proves that the minute for which a change blocks others begins when it is decided what to ask
// of Stripe, and again with each repeat. Here the decision takes 50 s, and then the server dies. 20 s later another
// change has to wait. After 30 s more the repeat is cut off as well, and 20 s later another change has to wait again.
func TestSlowDecisionHoldsOn(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				panic(http.ErrAbortHandler)
			}
			if r.URL.Path == "/v1/subscriptions/"+string(a.Subscription.ID) {
				s.Skew(50 * time.Second)
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		_, err := changeTo("pro", 1)(s, a.ID, "slow")
		s.refused(err, billing.EStripeUnavailable)
		s.Gate.Open()
		s.Skew(20 * time.Second)
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "early")
		s.refused(err, billing.EConflict)
		s.Skew(30 * time.Second)
		s.diesWhen(http.MethodPost, false)
		_, err = changeTo("pro", 1)(s, a.ID, "slow")
		s.refused(err, billing.EStripeUnavailable)
		s.Gate.Open()
		s.Skew(20 * time.Second)
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "early")
		s.refused(err, billing.EConflict)
		s.Skew(time.Minute)
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "later")
		must(t, err)
	})
}

// TestCopyWasFaster proves that a request whose copy makes the change while Stripe is asked returns that change. Stripe
// then shows the new plan, and a request without a copy would be refused because the subscription has it already.
func TestCopyWasFaster(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		up := checkout.ChangeRequest{Plan: "pro", Quantity: 1, Key: "up"}
		var asked atomic.Bool
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/subscriptions/"+string(a.Subscription.ID) && asked.CompareAndSwap(false, true) {
				c, err := s.service.Change(t.Context(), a.ID, up)
				if err != nil || c.Payment != checkout.PaymentSettled {
					t.Errorf("the copy: %+v, %v", c, err)
				}
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		c, err := s.service.Change(t.Context(), a.ID, up)
		if err != nil || c.Payment != checkout.PaymentSettled || !asked.Load() {
			t.Errorf("%+v, %v", c, err)
		}
		s.wants(a, "active pro", 1200)
	})
}

// TestChangeStripeDown proves that a change fails while Stripe is unreachable, and that its key stays unused.
func TestChangeStripeDown(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.Gate.Intercept(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		_, err := changeTo("pro", 1)(s, a.ID, "key")
		s.refused(err, billing.EStripeUnavailable)
		s.Gate.Open()
		// No request reached Stripe, so the key is unused.
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "key")
		must(t, err)
		s.wants(a, "active basic ends", 500)
	})
}

// TestPaidLater proves that a change whose payment is refused, or has to be confirmed, leaves the plan as it was. It is
// made once the customer pays on Stripe's page, and a repeat of its request returns the current state.
func TestPaidLater(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		up := changeTo("pro", 1)
		for method, confirms := range map[string]bool{
			"pm_card_chargeCustomerFail": false, "pm_card_authenticationRequired": true,
		} {
			a := s.subscriber("basic", 1)
			s.card(a, method)
			_, err := up(s, a.ID, "key")
			page := s.owed(err)
			s.wants(a, "active basic", 500)
			syncs := s.accountNow(a.ID).Sync.TicketIssued
			_, err = up(s, a.ID, "key")
			if s.owed(err) != page {
				t.Error("a repeat leads to another page")
			}
			if n := s.accountNow(a.ID).Sync.TicketIssued - syncs; n != 0 {
				t.Errorf("%d syncs for a payment that has not changed", n)
			}
			if confirms {
				s.browse(page, typed("4000002760003184"))
				s.browse(page, map[string][]string{"challenge": {"accept"}})
			} else {
				s.browse(page, typed("4242424242424242"))
			}
			again, err := up(s, a.ID, "key")
			if err != nil || !again.Replayed || again.Account.Available <= 500 {
				t.Errorf("%s: %+v, %v", method, again, err)
			}
			s.wants(a, "active pro", again.Account.Available)
			if n := len(s.of("/v1/invoices", a)); n != 2 {
				t.Errorf("%d invoices", n)
			}
		}
	})
}

// TestUnpaidGivenUp proves that the next change replaces a change that waits for its payment, and that the replaced one
// can no longer be paid.
func TestUnpaidGivenUp(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		for _, next := range []ask{
			changeTo("basic", 1), cancelAt(billing.CancelAtPeriodEnd), changeTo("team", 2), cancelAt(billing.CancelNow),
		} {
			a := s.subscriber("basic", 1)
			s.card(a, "pm_card_chargeCustomerFail")
			_, err := changeTo("pro", 1)(s, a.ID, "key")
			s.owed(err)
			unpaid := s.of("/v1/invoices", a)[0]["id"].(string)
			s.card(a, "pm_card_visa")
			_, err = next(s, a.ID, "next")
			must(t, err)
			if status := s.Ask(http.MethodGet, "/v1/invoices/"+unpaid, nil)["status"]; status != "void" {
				t.Errorf("the unpaid invoice is %v", status)
			}
			_, err = changeTo("pro", 1)(s, a.ID, "key")
			s.refused(err, billing.EConflict)
			a, err = s.db.Account(t.Context(), a.ID)
			must(t, err)
			s.wants(a, stateOf(a.Subscription), a.Available)
		}
	})
}

// TestChangePaidMeanwhile proves that a change that finds the previous one paid at the last moment reports so and does
// nothing.
func TestChangePaidMeanwhile(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.card(a, "pm_card_chargeCustomerFail")
		_, err := changeTo("pro", 1)(s, a.ID, "key")
		page := s.owed(err)
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				s.Gate.Open()
				s.browse(page, typed("4242424242424242"))
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "next")
		s.refused(err, billing.EConflict)
		a, err = s.db.Account(t.Context(), a.ID)
		must(t, err)
		s.wants(a, "active pro", a.Available)
	})
}
