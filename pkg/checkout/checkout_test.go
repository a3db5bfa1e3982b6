package checkout_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// isPage reports whether a request to Stripe opens a payment page.
func isPage(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/v1/checkout/sessions"
}

// TestReplyLost proves that if Stripe has opened the page and its reply is lost, the same key gets that page. Nothing
// is sold twice, and the order exists in the meantime.
func TestReplyLost(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if !isPage(r) {
				s.Gate.Stripe.ServeHTTP(out, r)
				return
			}
			s.Gate.Stripe.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		})
		request := checkout.Request{Item: "pack_100", Quantity: 3, Key: "one"}
		if _, _, err := s.service.Create(
			t.Context(), a.ID, request,
		); billing.CodeOf(err) != billing.EStripeUnavailable {
			t.Fatalf("got %v", err)
		}
		s.Gate.Open()
		pages := s.list("/v1/checkout/sessions")
		o, replayed, err := s.service.Create(t.Context(), a.ID, request)
		if err != nil || !replayed || len(pages) != 1 || string(o.CheckoutID) != pages[0]["id"] {
			t.Errorf("got %+v, %t, %v; Stripe had %v", o, replayed, err, pages)
		}
		orders, err := s.db.Orders(t.Context(), a.ID, "", 10)
		if err != nil || len(orders) != 1 || len(s.list("/v1/checkout/sessions")) != 1 {
			t.Errorf("%d orders, %v", len(orders), err)
		}
		if o = s.pay(o); o.Status != billing.OrderFulfilled || o.Points != 300 {
			t.Errorf("paid: %+v", o)
		}
	})
}

// TestCallerGone proves that a caller who leaves while Stripe is being asked can continue the purchase.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			s.Gate.Stripe.ServeHTTP(out, r)
			if isPage(r) {
				leave()
				<-r.Context().Done()
			}
		})
		request := checkout.Request{Item: "pro_monthly", Key: "one"}
		if _, _, err := s.service.Create(ctx, a.ID, request); err == nil {
			t.Fatal("a caller who left got an answer")
		}
		s.Gate.Open()
		o := s.order(a.ID, request)
		if pages := s.list("/v1/checkout/sessions"); len(pages) != 1 || string(o.CheckoutID) != pages[0]["id"] {
			t.Errorf("%+v is not the page of %v", o, pages)
		}
	})
}

// TestRepeats proves what a repeated request returns: the page that is still open, or the state of the key's order.
func TestRepeats(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a, other := storetest.NewAccount(t, s.db), storetest.NewAccount(t, s.db)
		keyed := checkout.Request{Item: "pack_100", Key: "one"}
		first := s.order(a.ID, keyed)
		if again := s.order(a.ID, checkout.Request{Item: "pack_100"}); again.ID != first.ID {
			t.Errorf("the open page was not handed out again: %+v", again)
		}
		second := checkout.Request{Item: "pack_100", Key: "second"}
		if again := s.order(a.ID, second); again.ID != first.ID {
			t.Errorf("the open page was not handed out under another key: %+v", again)
		}
		if two := s.order(a.ID, checkout.Request{Item: "pack_100", Quantity: 2}); two.ID == first.ID {
			t.Error("another quantity is another order")
		}
		if theirs := s.order(other.ID, keyed); theirs.ID == first.ID {
			t.Error("a key is its account's own")
		}
		if _, _, err := s.service.Create(
			t.Context(), a.ID, checkout.Request{Item: "pack_1000", Key: "one"},
		); billing.CodeOf(err) != billing.EKeyReused {
			t.Errorf("another request under the key: %v", err)
		}
		s.pay(first)
		if paid := s.order(a.ID, keyed); paid.ID != first.ID || paid.Status != billing.OrderFulfilled ||
			paid.URL != "" {
			t.Errorf("the key of a paid order: %+v", paid)
		}
		if again := s.order(a.ID, second); again.ID != first.ID {
			t.Errorf("the second key was answered with the first order, and is now with %+v", again)
		}
		if next := s.order(a.ID, checkout.Request{Item: "pack_100"}); next.ID == first.ID {
			t.Error("a paid order was handed out to be paid again")
		}
		if _, _, err := s.service.Status(t.Context(), other.ID, first.ID); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("another's order: %v", err)
		}
	})
}

// TestAddressesNameTheOrder proves that the addresses to which Stripe's page leads back name the order, on the order
// and at Stripe.
func TestAddressesNameTheOrder(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		o := s.order(storetest.NewAccount(t, s.db).ID, checkout.Request{
			Item: "pack_100", SuccessURL: "https://shop.example/paid?o={ORDER_ID}",
			CancelURL: "https://shop.example/no?o={ORDER_ID}&again={ORDER_ID}",
		})
		id := string(o.ID)
		paid, no := "https://shop.example/paid?o="+id, "https://shop.example/no?o="+id+"&again="+id
		page := s.list("/v1/checkout/sessions")[0]
		if o.SuccessURL != paid || o.CancelURL != no || page["success_url"] != paid || page["cancel_url"] != no {
			t.Errorf("%+v leads back to %v and %v", o, page["success_url"], page["cancel_url"])
		}
	})
}

// TestStatusOfDoneOrder proves that Stripe is not asked about an order that is decided.
func TestStatusOfDoneOrder(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		o := s.pay(s.order(storetest.NewAccount(t, s.db).ID, checkout.Request{Item: "pack_100"}))
		syncs := s.accountNow(o.AccountID).Sync.TicketIssued
		got, a, err := s.service.Status(t.Context(), o.AccountID, o.ID)
		if err != nil || got.Status != billing.OrderFulfilled || a.Available != 100 || a.Sync.TicketIssued != syncs {
			t.Errorf("%+v, %d points after %d more syncs, %v", got, a.Available, a.Sync.TicketIssued-syncs, err)
		}
	})
}

// TestOneSubscription proves that while there is a live subscription, another plan is refused in each of three ways.
// These are a new request, the key of an order that was cut off before it had a page, and a page that is still open.
func TestOneSubscription(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if isPage(r) {
				panic(http.ErrAbortHandler)
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		cutOff := checkout.Request{Item: "basic_monthly", Key: "cut off"}
		if _, _, err := s.service.Create(t.Context(), a.ID, cutOff); err == nil {
			t.Fatal("Stripe was down")
		}
		s.Gate.Open()
		basic := s.order(a.ID, checkout.Request{Item: "basic_monthly", Key: "open"})
		pro := s.order(a.ID, checkout.Request{Item: "pro_monthly"})
		if n := s.openPages(); n != 1 {
			t.Errorf("%d open pages", n)
		}
		if pro = s.pay(pro); pro.Status != billing.OrderFulfilled {
			t.Fatalf("paid: %+v", pro)
		}
		pages := len(s.list("/v1/checkout/sessions"))
		for _, r := range []checkout.Request{{Item: "basic_monthly"}, {Item: "pro_monthly", Key: "another"}, cutOff} {
			if _, _, err := s.service.Create(t.Context(), a.ID, r); billing.CodeOf(err) != billing.ESubscriptionExists {
				t.Errorf("%+v: %v", r, err)
			}
		}
		if n := len(s.list("/v1/checkout/sessions")); n != pages {
			t.Errorf("%d pages were opened for them", n-pages)
		}
		if o := s.order(
			a.ID, checkout.Request{Item: "basic_monthly", Key: "open"},
		); o.ID != basic.ID || o.Status != billing.OrderExpired || o.URL != "" {
			t.Errorf("the key of the page that was closed: %+v", o)
		}
		if n := s.openPages(); n != 0 {
			t.Errorf("%d open pages", n)
		}
		s.order(a.ID, checkout.Request{Item: "pack_100"}) // packs are still sold
	})
}

// TestPaidMeanwhile proves that if another plan is requested while the first one's page is being paid, there is one
// subscription in the end.
func TestPaidMeanwhile(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		basic := s.order(a.ID, checkout.Request{Item: "basic_monthly"})
		s.Ask(
			http.MethodPost, "/v1/payment_pages/"+string(basic.CheckoutID)+"/confirm",
			map[string][]string{"payment_method": {"pm_card_visa"}},
		)
		if _, _, err := s.service.Create(
			t.Context(), a.ID, checkout.Request{Item: "pro_monthly"},
		); billing.CodeOf(err) != billing.ESubscriptionExists {
			t.Errorf("got %v", err)
		}
		if n := s.openPages(); n != 0 {
			t.Errorf("%d open pages", n)
		}
	})
}

// TestPortal proves that the portal is only for customers who have bought, and leads back only to allowed places.
func TestPortal(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		if _, err := s.service.Portal(
			t.Context(), a.ID, checkout.PortalRequest{},
		); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("before the first purchase: %v", err)
		}
		s.order(a.ID, checkout.Request{Item: "pack_100"})
		if url, err := s.service.Portal(t.Context(), a.ID, checkout.PortalRequest{}); err != nil || url == "" {
			t.Errorf("got %q, %v", url, err)
		}
		if _, err := s.service.Portal(
			t.Context(), a.ID, checkout.PortalRequest{ReturnURL: "https://evil.example/"},
		); billing.CodeOf(err) != billing.EInvalid {
			t.Errorf("got %v", err)
		}
	})
}
