package checkout_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
)

// TestPlanByDebit proves what happens to the order of a plan that is paid by bank debit. While the bank is processing,
// the order is pending and brings nothing. Then it is fulfilled with the plan's 500 points, or fails with none. A
// renewal by debit brings its 500 when the bank pays. The operator's endpoints get one event about the order's end,
// order.fulfilled or order.failed, and none about another order.
func TestPlanByDebit(t *testing.T) {
	t.Parallel()
	eachBankShop(t, func(t *testing.T, s *planShop) {
		outbox.Attach(s.db, 0)
		hook, err := outbox.NewPost(s.db, true).Add(t.Context(), "", outbox.Endpoint{
			URL: "https://example.com/hook", Types: []billing.OutgoingType{
				billing.OutOrderFulfilled, billing.OutOrderFailed, billing.OutOrderRefunded,
			},
		})
		must(t, err)
		for iban, want := range map[string]billing.OrderStatus{
			goodIBAN: billing.OrderFulfilled, badIBAN: billing.OrderFailed,
		} {
			a, o := s.debtor("euro", iban)
			if o.Status != billing.OrderPending || o.URL != "" || a.Available != 0 {
				t.Errorf("while the bank is asked it is %s at %q with %d points", o.Status, o.URL, a.Available)
			}
			a = s.answers(a)
			o, err := s.db.Order(t.Context(), a.ID, o.ID)
			must(t, err)
			points := map[billing.OrderStatus]billing.Points{billing.OrderFulfilled: 500}[want]
			if o.Status != want || a.Available != points {
				t.Errorf("in the end it is %s with %d points, want %s with %d", o.Status, a.Available, want, points)
			}
			s.told(hook, o, map[billing.OrderStatus]billing.OutgoingType{
				billing.OrderFulfilled: billing.OutOrderFulfilled, billing.OrderFailed: billing.OutOrderFailed,
			}[want])
			if want == billing.OrderFailed {
				continue
			}
			s.Advance(29*day + 3*time.Hour) // the renewal is debited an hour after the period moved
			s.synced(a)
			a = s.answers(a)
			s.wants(a, "active euro", 500)
			if n := s.debits(a); n != 2 {
				t.Errorf("%d debits, want the first and the renewal's", n)
			}
		}
	})
}

// TestPlanPaidAfterItsDebit proves that the order of a plan whose first debit failed is fulfilled after all if the
// customer pays the invoice with a card, and that the endpoints hear of both.
func TestPlanPaidAfterItsDebit(t *testing.T) {
	t.Parallel()
	eachBankShop(t, func(t *testing.T, s *planShop) {
		outbox.Attach(s.db, 0)
		hook, err := outbox.NewPost(s.db, true).Add(t.Context(), "", outbox.Endpoint{
			URL: "https://example.com/hook", Types: []billing.OutgoingType{
				billing.OutOrderFulfilled, billing.OutOrderFailed,
			},
		})
		must(t, err)
		a, o := s.debtor("euro", badIBAN)
		a = s.answers(a)
		s.Advance(time.Hour)
		invoice := s.of("/v1/invoices", a)[0]["id"].(string)
		form := url.Values{"payment_method": {s.attached(a, "pm_card_visa")}}
		if i := s.Ask(http.MethodPost, "/v1/invoices/"+invoice+"/pay", form); i["status"] != "paid" {
			t.Fatalf("the invoice is %v", i["status"])
		}
		a = s.synced(a)
		if o, err = s.db.Order(t.Context(), a.ID, o.ID); err != nil || o.Status != billing.OrderFulfilled ||
			o.FulfilledAt == nil || a.Available != 500 {
			t.Errorf("the order is %+v with %d points, %v", o, a.Available, err)
		}
		s.told(hook, o, billing.OutOrderFulfilled, billing.OutOrderFailed)
		s.synced(a)
		s.told(hook, o, billing.OutOrderFulfilled, billing.OutOrderFailed)
	})
}

// told compares the events about an order that an endpoint gets, the newest first.
func (s *planShop) told(hook billing.Webhook, o billing.Order, want ...billing.OutgoingType) {
	s.t.Helper()
	all, err := s.db.Deliveries(s.t.Context(), hook.ID, "", "", 100)
	must(s.t, err)
	var told []billing.OutgoingType
	for _, d := range all {
		if strings.Contains(d.Body, `"id":"`+string(o.ID)+`"`) {
			told = append(told, d.Type)
		}
	}
	if !slices.Equal(told, want) {
		s.t.Errorf("of order %s, which is %s, told %v, want %v", o.ID, o.Status, told, want)
	}
}

// TestTrialThenDebitFails proves the same for a plan whose order needs no payment. The trial fulfils it, whatever
// happens to the later debit.
func TestTrialThenDebitFails(t *testing.T) {
	t.Parallel()
	eachBankShop(t, func(t *testing.T, s *planShop) {
		a, o := s.debtor("euro_try", badIBAN)
		if o.Status != billing.OrderFulfilled || a.Available != 50 {
			t.Errorf("it is %s with %d points, want fulfilled with the trial's 50", o.Status, a.Available)
		}
		s.Advance(14*day + 2*time.Hour)
		s.synced(a)
		a = s.answers(a)
		if a.Subscription.Status != billing.SubPastDue {
			t.Errorf("the subscription is %s", a.Subscription.Status)
		}
		o, err := s.db.Order(t.Context(), a.ID, o.ID)
		if err != nil || o.Status != billing.OrderFulfilled {
			t.Errorf("the order is %s, %v", o.Status, err)
		}
	})
}
