package checkout_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// stopped is a request to Stripe that a test stops.
type stopped struct {
	come chan struct{}
	next chan bool // one true lets the request through; closed, it cuts all of them off
}

// stop stops the POST requests for a path, before Stripe has seen them.
func (s *shop) stop(path string) stopped {
	r := stopped{make(chan struct{}, 10), make(chan bool, 1)}
	s.Gate.Intercept(func(out http.ResponseWriter, asked *http.Request) {
		if asked.Method == http.MethodPost && asked.URL.Path == path {
			r.come <- struct{}{}
			if !<-r.next {
				panic(http.ErrAbortHandler)
			}
		}
		s.Gate.Stripe.ServeHTTP(out, asked)
	})
	return r
}

// asking orders an item, and returns what becomes of that.
func (s *shop) asking(id billing.AccountID, r checkout.Request) <-chan error {
	done := make(chan error, 1)
	go func() { _, _, err := s.service.Create(s.t.Context(), id, r); done <- err }()
	return done
}

// Proves that no customer with the person's email is left, here or at Stripe, if a request was about to make one when
// the account was deleted: neither a first customer, nor one in the place of a customer who was deleted at Stripe.
func TestCustomerMadeAfterDeletion(t *testing.T) {
	t.Parallel()
	for _, former := range []bool{false, true} {
		t.Run(fmt.Sprint("Former=", former), func(t *testing.T) {
			t.Parallel()
			eachShopOf(t, housetest.Options{}, func(t *testing.T, s *shop) {
				a := s.ada()
				if former {
					s.order(a.ID, checkout.Request{Item: "pack_100", Quantity: 2})
					s.remove(a)
				}
				before := s.accountNow(a.ID).CustomerID
				r := s.stop("/v1/customers")
				asked := s.asking(a.ID, checkout.Request{Item: "pack_100"})
				storetest.Next(t, r.come)
				must(t, s.askDeletion(a.ID, "asked by mail"))
				must(t, s.service.FinishDeletions(t.Context()))
				if !s.erased(a.ID) {
					t.Fatal("the deletion is not done")
				}
				r.next <- true
				if err := storetest.Next(t, asked); billing.CodeOf(err) != billing.EAccountClosed {
					t.Errorf("the order: %v", err)
				}
				if now := s.accountNow(a.ID).CustomerID; now != before {
					t.Errorf("the erased account has the customer %q", now)
				}
				s.Gate.Open()
				if left := s.list("/v1/customers"); len(left) > 0 {
					t.Errorf("left at Stripe: %v", left)
				}
			})
		})
	}
}

// Proves that an account is not erased while a request may be opening the page of an order that it wrote before the
// deletion. Then the page is closed. If the request was cut off, that takes two minutes.
func TestDeleteWhilePageOpens(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprint("Cut=", cut), func(t *testing.T) {
			t.Parallel()
			eachShopOf(t, housetest.Options{}, func(t *testing.T, s *shop) {
				a := s.ada()
				s.order(a.ID, checkout.Request{Item: "pack_100"})
				r := s.stop("/v1/checkout/sessions")
				asked := s.asking(a.ID, checkout.Request{Item: "pack_100", Quantity: 2})
				storetest.Next(t, r.come)
				must(t, s.askDeletion(a.ID, "asked by mail"))
				s.Advance(2*time.Minute - 10*time.Second)
				look := func(done bool) {
					t.Helper()
					must(t, s.service.FinishDeletions(t.Context()))
					if got := s.erased(a.ID); got != done {
						t.Errorf("erased: %v, want %v", got, done)
					}
				}
				look(false)
				if cut {
					close(r.next) // also for the transport's second try
				} else {
					r.next <- true
				}
				if err := storetest.Next(t, asked); (err != nil) != cut {
					t.Errorf("the order: %v", err)
				}
				if cut {
					look(false)
					s.Advance(10 * time.Second)
				}
				look(true)
				s.Gate.Open()
				if n := s.openPages(); n != 0 {
					t.Errorf("%d pages can still be paid", n)
				}
			})
		})
	}
}
