package checkout_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// follow runs the job that completes changes, as a server does every few seconds.
func (s *planShop) follow() {
	s.t.Helper()
	must(s.t, s.service.FollowChanges(s.t.Context()))
}

// synced returns an account after a sync, as an event causes one.
func (s *planShop) synced(a billing.Account) billing.Account {
	s.t.Helper()
	must(s.t, synced(s.syncer.Sync(s.t.Context(), a.ID, billing.CauseChange)))
	a, err := s.db.Account(s.t.Context(), a.ID)
	must(s.t, err)
	return a
}

// subscriptionAt changes an account's subscription at Stripe, as an operator does there.
func (s *planShop) subscriptionAt(a billing.Account, form url.Values) {
	s.t.Helper()
	s.Ask(http.MethodPost, "/v1/subscriptions/"+string(a.Subscription.ID), form)
}

// arrangement is something that is scheduled for a subscription of basic or pro, with its effect if nothing else
// happens.
type arrangement struct {
	plan    string
	arrange func(s *planShop, a billing.Account)
	state   string // the state until then
	up      string // an upgrade that replaces it
	then    string // the state when the period is over
}

var arrangements = map[string]arrangement{
	"Cancelled": {"basic", func(s *planShop, a billing.Account) {
		_, err := cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "before")
		must(s.t, err)
	}, "active basic ends", "pro", "canceled basic ends"},
	"DateOfAnOperator": {"basic", func(s *planShop, a billing.Account) {
		s.subscriptionAt(a, url.Values{"cancel_at": {stampOf(a.Subscription.CurrentPeriodEnd.Add(-day))}})
	}, "active basic", "pro", "canceled basic"},
	"ScheduledDown": {"pro", func(s *planShop, a billing.Account) {
		_, err := changeTo("basic", 1)(s, a.ID, "before")
		must(s.t, err)
	}, "active pro then basic", "yearly", "active basic"},
	"ScheduledEnd": {"pro", func(s *planShop, a billing.Account) {
		_, err := changeTo("basic", 1)(s, a.ID, "before")
		must(s.t, err)
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "after")
		must(s.t, err)
	}, "active pro ends", "yearly", "canceled pro"},
}

func stampOf(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// TestRefusedChangeGivesNothingUp proves that an upgrade whose payment is refused keeps what the customer or the
// operator had scheduled. It happens as if there had been no upgrade, and nothing is charged for the upgrade. Basic
// costs 900 and pro 1900. So the paid invoices are the first one and, if the subscription continues as basic, its
// renewal of 900.
func TestRefusedChangeGivesNothingUp(t *testing.T) {
	t.Parallel()
	for name, c := range arrangements {
		for card, method := range map[string]string{
			"Declined": "pm_card_chargeCustomerFail", "Authentication": "pm_card_authenticationRequired",
		} {
			t.Run(name+card, func(t *testing.T) {
				t.Parallel()
				eachPlanShop(t, func(t *testing.T, s *planShop) {
					a := s.subscriber(c.plan, 1)
					c.arrange(s, a)
					a = s.synced(a)
					ends, points := a.Subscription.EndsAt, a.Available
					s.Advance(time.Hour)
					s.card(a, method)
					_, err := changeTo(c.up, 1)(s, a.ID, "up")
					s.owed(err)
					s.wants(a, c.state, points)
					if now := s.synced(a); !billing.SameTime(now.Subscription.EndsAt, ends) {
						t.Errorf("it ends at %v, and %v was arranged", now.Subscription.EndsAt, ends)
					}
					s.Advance(25 * time.Hour) // the change expires
					s.synced(a)
					s.follow()
					_, err = changeTo(c.up, 1)(s, a.ID, "up")
					s.refused(err, billing.EConflict)
					s.card(a, "pm_card_visa")
					s.Advance(32 * day)
					now := s.synced(a)
					if got := stateOf(now.Subscription); got != c.then {
						t.Errorf("in the end it is %q, want %q", got, c.then)
					}
					paid := s.paid(a)
					want := []float64{map[string]float64{"basic": 900, "pro": 1900}[c.plan]}
					if c.then == "active basic" {
						want = append([]float64{900}, want...)
					}
					if !slices.Equal(paid, want) {
						t.Errorf("paid %v, want %v", paid, want)
					}
				})
			})
		}
	}
}

// paid returns the sums that were paid for the account's invoices, newest first.
func (s *planShop) paid(a billing.Account) (sums []float64) {
	s.t.Helper()
	for _, i := range s.of("/v1/invoices", a) {
		if i["status"] == "paid" {
			sums = append(sums, i["amount_paid"].(float64))
		}
	}
	return sums
}

// TestPaidLaterReplaces proves that a change that its customer pays on Stripe's page withdraws what it replaces, even
// if no one repeats the request. The job does so whether or not a sync has seen the payment. Before the payment nothing
// is withdrawn.
func TestPaidLaterReplaces(t *testing.T) {
	t.Parallel()
	for name, c := range arrangements {
		for how, seen := range map[string]bool{"Seen": true, "EventLost": false} {
			t.Run(name+how, func(t *testing.T) {
				t.Parallel()
				eachPlanShop(t, func(t *testing.T, s *planShop) {
					a := s.subscriber(c.plan, 1)
					c.arrange(s, a)
					s.Advance(time.Hour)
					s.card(a, "pm_card_chargeCustomerFail")
					_, err := changeTo(c.up, 1)(s, a.ID, "up")
					page := s.owed(err)
					s.follow() // nothing is due
					s.wants(a, c.state, s.synced(a).Available)
					s.browse(page, typed("4242424242424242"))
					if seen {
						s.synced(a)
					} else {
						s.Advance(time.Hour + time.Minute)
					}
					s.follow()
					now := s.synced(a)
					if now.Subscription.EndsAt != nil {
						t.Errorf("it ends at %s, and was paid to go on", now.Subscription.EndsAt)
					}
					s.wants(a, "active "+c.up, now.Available)
					again, err := changeTo(c.up, 1)(s, a.ID, "up")
					if err != nil || !again.Replayed {
						t.Errorf("a repeat: %+v, %v", again, err)
					}
				})
			})
		}
	}
}

// TestLaterCancellationStays proves that a cancellation that was requested after the change is a separate request:
// paying for the change does not withdraw it.
func TestLaterCancellationStays(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.subscriptionAt(a, url.Values{"cancel_at_period_end": {"true"}})
		s.card(a, "pm_card_chargeCustomerFail")
		_, err := changeTo("pro", 1)(s, a.ID, "up")
		page := s.owed(err)
		// Resumed in the portal, and cancelled there once more.
		s.subscriptionAt(a, url.Values{"cancel_at_period_end": {"false"}})
		s.Advance(time.Minute)
		s.subscriptionAt(a, url.Values{"cancel_at_period_end": {"true"}})
		s.browse(page, typed("4242424242424242"))
		s.synced(a)
		s.follow()
		s.wants(a, "active pro ends", s.synced(a).Available)
	})
}

// TestChangeKilled proves that a change has no half effect if the server dies in the middle of it, at any of its
// requests to Stripe, and no one repeats the request. After a minute the job has finished the change, or given it up.
// If it gave it up, everything is as before. Nothing is paid that did not happen.
func TestChangeKilled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plan   string
		before func(s *planShop, a billing.Account)
		do     ask
		was    string
		state  string
	}{
		"UpWhileEnding": {
			"basic", arrangements["Cancelled"].arrange, changeTo("pro", 1), "active basic ends", "active pro",
		},
		"UpWhileScheduled": {
			"pro", arrangements["ScheduledDown"].arrange, changeTo("yearly", 1), "active pro then basic",
			"active yearly",
		},
		"DownWhileEnding": {
			"pro", arrangements["Cancelled"].arrange, changeTo("basic", 1), "active pro ends", "active pro then basic",
		},
		"DownWhileScheduled": {
			"pro", arrangements["ScheduledDown"].arrange, changeTo("team", 1), "active pro then basic",
			"active pro then team",
		},
		"CancelWhileScheduled": {
			"pro", arrangements["ScheduledDown"].arrange, cancelAt(billing.CancelAtPeriodEnd), "active pro then basic",
			"active pro ends",
		},
		"ResumeScheduledEnd": {"pro", arrangements["ScheduledEnd"].arrange, resume, "active pro ends", "active pro"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachPlanShop(t, func(t *testing.T, s *planShop) {
				for n := int64(1); ; n++ {
					reached := false
					for _, late := range []bool{false, true} {
						a := s.subscriber(c.plan, 1)
						c.before(s, a)
						s.Advance(time.Hour)
						asked := s.dieAt(n, late)
						_, err := c.do(s, a.ID, "killed")
						s.Gate.Open()
						reached = reached || asked.Load() >= n
						if asked.Load() >= n && err != nil {
							s.refused(err, billing.EStripeUnavailable)
						}
						s.Advance(2 * time.Minute)
						s.follow()
						now := s.synced(a)
						got := stateOf(now.Subscription)
						if got != c.was && got != c.state {
							t.Fatalf("died at %d, late %t: it is %q, want %q or %q", n, late, got, c.was, c.state)
						}
						s.wants(a, got, now.Available)
						if ups := len(s.paid(a)) - 1; ups == 1 && got == c.was || ups > 1 {
							t.Errorf("died at %d, late %t: %d changes are paid, and it is %q", n, late, ups, got)
						}
					}
					if !reached {
						return
					}
				}
			})
		})
	}
}

// dieAt makes the n-th request to Stripe and all later ones fail. The n-th fails before it arrives, or after it had its
// effect. It returns how many requests came.
func (s *planShop) dieAt(n int64, late bool) *atomic.Int64 {
	seen := new(atomic.Int64)
	s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		switch at := seen.Add(1); {
		case at < n:
			s.Gate.Stripe.ServeHTTP(out, r)
			return
		case at == n && late:
			s.Gate.Stripe.ServeHTTP(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	})
	return seen
}

// TestFollowTogether proves that replicas that complete changes concurrently do the work once, and that a change stays
// due while Stripe is unreachable.
func TestFollowTogether(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		arrangements["Cancelled"].arrange(s, a)
		s.card(a, "pm_card_chargeCustomerFail")
		_, err := changeTo("pro", 1)(s, a.ID, "up")
		s.browse(s.owed(err), typed("4242424242424242"))
		s.synced(a)
		s.Gate.Intercept(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		s.refused(s.service.FollowChanges(t.Context()), billing.EStripeUnavailable)
		s.Gate.Open()
		s.Advance(2 * time.Minute)
		done := make(chan error)
		for range 4 {
			go func() { done <- s.service.FollowChanges(t.Context()) }()
		}
		for range 4 {
			must(t, <-done)
		}
		s.wants(a, "active pro", s.synced(a).Available)
	})
}

// cutOff leaves a change to pro under the key "key" as a server leaves it that dies before it decides the steps.
func (s *planShop) cutOff(id billing.AccountID) {
	s.t.Helper()
	c := billing.SubscriptionChange{
		ID:         billing.NewChangeID(s.db.Now()),
		AccountID:  id,
		Kind:       billing.ChangePlan,
		Plan:       "pro",
		Quantity:   1,
		Status:     billing.ChangePending,
		CreatedAt:  s.db.Now(),
		LeaseUntil: s.db.Now(),
	}
	request := billing.Request{
		Account:   id,
		Operation: billing.OperationChange,
		Key:       "key",
		Hash:      billing.RequestHash("change", "pro", int64(1), int64(0)),
	}
	must(s.t, s.db.InTx(s.t.Context(), func(tx *store.Tx) error {
		_, _, err := tx.Once(s.t.Context(), request, func() (string, error) {
			return string(c.ID), tx.InsertChange(s.t.Context(), c)
		})
		return err
	}))
}

// TestNeverAsked proves that the job gives up a change for which Stripe was never asked, and that its key reports so.
func TestNeverAsked(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.cutOff(a.ID)
		s.Advance(time.Minute)
		s.follow()
		_, err := changeTo("pro", 1)(s, a.ID, "key")
		s.refused(err, billing.EConflict)
		s.wants(a, "active basic", 500)
	})
}
