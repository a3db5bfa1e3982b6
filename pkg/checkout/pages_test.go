package checkout_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// eachDebitShop runs a suite on both databases, in a shop that sells in euros. Its pages accept bank debits, as set in
// the dashboard.
func eachDebitShop(t *testing.T, f func(t *testing.T, s *shop)) {
	t.Helper()
	items, err := catalog.Parse(strings.NewReader(`
currency: eur
plans:
  - {id: basic_monthly, name: Basic, interval: month, amount: 900, points: 500}
  - {id: pro_monthly, name: Pro, interval: month, amount: 1900, points: 1200}
packs: [{id: pack_100, name: Pack, amount: 500, points: 100, max_quantity: 10}]
`))
	must(t, err)
	eachShopOf(t, housetest.Options{Catalog: items, Retries: true}, func(t *testing.T, s *shop) {
		s.Gate.Intercept(s.takeDebits)
		f(t, s)
	})
}

// takeDebits makes each page that is opened take bank debits, and passes all requests to Stripe.
func (s *shop) takeDebits(out http.ResponseWriter, r *http.Request) {
	if isPage(r) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.t.Error(err)
		}
		form := string(body) + "&payment_method_types[0]=card&payment_method_types[1]=sepa_debit"
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	}
	s.Gate.Stripe.ServeHTTP(out, r)
}

// payByDebit pays on the order's page from a bank account: the page is complete, and the payment is under way for an
// hour.
func (s *shop) payByDebit(o billing.Order) {
	s.t.Helper()
	method := s.Ask(http.MethodPost, "/v1/payment_methods", url.Values{
		"type": {"sepa_debit"}, "sepa_debit[iban]": {"AT611904300234573201"}, "billing_details[name]": {"Ada"},
		"billing_details[email]": {"ada@example.com"},
	})["id"].(string)
	s.Ask(http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm", url.Values{"payment_method": {method}})
}

// Proves that a page is returned again only while it can be paid. In four cases a request makes a new order with a new
// page: the customer has paid on the page by debit, or by card, the operator closed it, or Stripe has forgotten it. No
// event has reported any of it. A repeat of the old key still gets the first order. All this holds whether or not the
// database knows of it.
func TestEndedPageIsNotHandedOutAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *shop, o billing.Order){
		"Debit": func(s *shop, o billing.Order) { s.payByDebit(o) },
		"DebitAndSynced": func(s *shop, o billing.Order) {
			s.payByDebit(o)
			_, err := s.syncer.Sync(s.t.Context(), o.AccountID, billing.CauseEvent)
			must(s.t, err)
		},
		"Card": func(s *shop, o billing.Order) {
			s.Ask(
				http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm",
				url.Values{"payment_method": {"pm_card_visa"}},
			)
		},
		"ClosedByOperator": func(s *shop, o billing.Order) {
			s.Ask(http.MethodPost, "/v1/checkout/sessions/"+string(o.CheckoutID)+"/expire", nil)
		},
		"Forgotten": func(s *shop, o billing.Order) {
			s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v1/checkout/sessions/"+string(o.CheckoutID)) {
					out.WriteHeader(http.StatusNotFound)
					_, _ = io.WriteString(
						out,
						`{"error":{"type":"invalid_request_error","code":"resource_missing","param":"session",
							"message":"No such session"}}`,
					)
					return
				}
				s.takeDebits(out, r)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachDebitShop(t, func(t *testing.T, s *shop) {
				a := storetest.NewAccount(t, s.db)
				first := s.order(a.ID, checkout.Request{Item: "pack_100", Key: "first"})
				if again := s.order(a.ID, checkout.Request{Item: "pack_100", Key: "again"}); again.ID != first.ID {
					t.Fatalf("the open page was not handed out again: %+v", again)
				}
				end(s, first)
				second := s.order(a.ID, checkout.Request{Item: "pack_100", Key: "second"})
				if second.ID == first.ID || second.URL == "" || second.Status != billing.OrderPending {
					t.Errorf("a new key gets %+v", second)
				}
				known, err := s.db.Order(t.Context(), a.ID, first.ID)
				if must(t, err); known.URL != "" && name != "Forgotten" {
					t.Errorf("the first order still leads to its page: %+v", known)
				}
				if third := s.order(a.ID, checkout.Request{Item: "pack_100"}); third.ID != second.ID {
					t.Errorf("the second page is open and was not handed out again: %+v", third)
				}
				for _, key := range []string{"first", "again"} {
					o, replayed, err := s.service.Create(
						t.Context(), a.ID, checkout.Request{Item: "pack_100", Key: key},
					)
					if err != nil || !replayed || o.ID != first.ID {
						t.Errorf("the key %q gets %+v, %v", key, o, err)
					}
				}
			})
		})
	}
}

// Proves that while the payment of a plan is under way, no second plan is sold, whatever the database knows about the
// first one's page. Otherwise both could be paid, and the customer would have two subscriptions. A page that was opened
// at the same time is closed. A pack is still sold.
func TestNoSecondPlanBesideDebit(t *testing.T) {
	t.Parallel()
	eachDebitShop(t, func(t *testing.T, s *shop) {
		for _, synced := range []bool{false, true} {
			a := storetest.NewAccount(t, s.db)
			s.payByDebit(s.order(a.ID, checkout.Request{Item: "basic_monthly"}))
			if synced {
				_, err := s.syncer.Sync(t.Context(), a.ID, billing.CauseEvent)
				must(t, err)
			}
			before := s.openPages()
			for _, item := range []string{"pro_monthly", "basic_monthly"} {
				_, _, err := s.service.Create(t.Context(), a.ID, checkout.Request{Item: item, Key: item})
				if code := billing.CodeOf(err); code != billing.EConflict && code != billing.ESubscriptionExists {
					t.Errorf("a second plan (%s), synced %t: %v", item, synced, err)
				}
			}
			if n := s.openPages(); n != before {
				t.Errorf("%d open pages could sell a second subscription", n-before)
			}
			s.order(a.ID, checkout.Request{Item: "pack_100"})
		}
	})
}

// Proves that a plan's page is closed and refused if another plan is paid by debit while the page is opened: a moment
// before the other plan's page is to be closed for the newer one.
func TestDebitDuringAnotherPlan(t *testing.T) {
	t.Parallel()
	eachDebitShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		first := s.order(a.ID, checkout.Request{Item: "basic_monthly"})
		var paid atomic.Bool
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			expires := r.URL.Path == "/v1/checkout/sessions/"+string(first.CheckoutID)+"/expire"
			if expires && paid.CompareAndSwap(false, true) {
				s.payByDebit(first)
			}
			s.takeDebits(out, r)
		})
		_, _, err := s.service.Create(t.Context(), a.ID, checkout.Request{Item: "pro_monthly"})
		if code := billing.CodeOf(err); !paid.Load() ||
			code != billing.EConflict && code != billing.ESubscriptionExists {
			t.Errorf("paid %v: %v", paid.Load(), err)
		}
		if n := s.openPages(); n != 0 {
			t.Errorf("%d open pages could sell a second subscription", n)
		}
	})
}

// Proves that a request whose reply from Stripe comes late returns the order as it is if the page that its copy has
// opened was paid in the meantime. It does not offer that page again.
func TestPagePaidBeforeTheReply(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a, r := storetest.NewAccount(t, s.db), checkout.Request{Item: "pack_100", Key: "key"}
		var late atomic.Bool
		s.Gate.Intercept(func(out http.ResponseWriter, r2 *http.Request) {
			if !isPage(r2) || !late.CompareAndSwap(false, true) {
				s.Gate.Stripe.ServeHTTP(out, r2)
				return
			}
			reply := httptest.NewRecorder()
			s.Gate.Stripe.ServeHTTP(reply, r2)
			s.pay(s.order(a.ID, r))
			out.WriteHeader(reply.Code)
			_, _ = out.Write(reply.Body.Bytes())
		})
		o, _, err := s.service.Create(t.Context(), a.ID, r)
		must(t, err)
		kept, err := s.db.Order(t.Context(), a.ID, o.ID)
		if err != nil || !late.Load() || o.URL != "" || kept.URL != "" || kept.Status != billing.OrderFulfilled {
			t.Errorf("%+v, and in the database %+v, %v", o, kept, err)
		}
	})
}

// Proves that orders whose payment is under way do not count among the 20 that can be paid. With 20 packs that are paid
// by debit, the customer can buy one more. With 20 open pages, the purchase is refused.
func TestDebitsDoNotUseUpTheOrders(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		for url, want := range map[string]billing.Code{
			"": "", "https://checkout.stripe.example/page": billing.ETooMany,
		} {
			a := storetest.NewAccount(t, s.db)
			must(t, s.db.InTx(t.Context(), func(tx *store.Tx) error {
				for i := range 20 {
					o := billing.Order{
						ID:        billing.NewOrderID(tx.Now),
						AccountID: a.ID,
						Item:      "pack_1000",
						Kind:      billing.KindPack,
						Quantity:  1,
						Points:    1000,
						Amount:    4000,
						Currency:  "usd", Status: billing.OrderPending, CheckoutID: billing.CheckoutID(
							fmt.Sprint("cs_", a.ID, i),
						), URL: url, CreatedAt: tx.Now,
					}
					if err := tx.InsertOrder(t.Context(), o); err != nil {
						return err
					}
				}
				return nil
			}))
			if _, _, err := s.service.Create(
				t.Context(), a.ID, checkout.Request{Item: "pack_100"},
			); billing.CodeOf(err) != want {
				t.Errorf("pages at %q: %v, want %q", url, err, want)
			}
		}
	})
}

// Proves that a page in another currency than the order's is withdrawn, like a page with another amount: 500 cents are
// not 500 yen.
func TestPageInAnotherCurrency(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		for _, change := range []struct{ from, to string }{
			{`"currency": "usd"`, `"currency": "eur"`}, {`"amount_subtotal": 500`, `"amount_subtotal": 501`},
		} {
			s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
				if !isPage(r) {
					s.Gate.Stripe.ServeHTTP(out, r)
					return
				}
				changed(out, s.Gate.Stripe, r, change.from, change.to)
			})
			_, _, err := s.service.Create(t.Context(), a.ID, checkout.Request{Item: "pack_100", Key: change.to})
			if billing.CodeOf(err) != billing.EStripeRefused {
				t.Errorf("%s: %v", change.to, err)
			}
			if n := s.openPages(); n != 0 {
				t.Errorf("%s: %d pages stayed open", change.to, n)
			}
			s.Gate.Open()
		}
	})
}
