package checkout_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// unpaid returns an account whose subscription has ended and left an invoice that can still be paid.
func (s *planShop) unpaid() billing.Account {
	s.t.Helper()
	a := s.subscriber("basic", 1)
	s.card(a, "pm_card_chargeCustomerFail")
	s.Advance(33 * day) // longer than any month
	s.synced(a)
	s.Ask(http.MethodDelete, "/v1/subscriptions/"+string(a.Subscription.ID), nil)
	if open := s.of("/v1/invoices", a); open[0]["status"] != "open" {
		s.t.Fatalf("the renewal is %v", open[0]["status"])
	}
	return a
}

// Proves that a deletion voids the open invoice of a subscription that has ended, although a newer one counts, and also
// if a look that was cut off has canceled that one too.
func TestDeleteVoidsInvoicesOfAll(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprint("Cut=", cut), func(t *testing.T) {
			t.Parallel()
			eachPlanShop(t, func(t *testing.T, s *planShop) {
				a := s.unpaid()
				newer := s.Ask(http.MethodPost, "/v1/subscriptions", url.Values{
					"customer": {string(a.CustomerID)}, "items[0][price]": {s.priceOf("pro")},
					"default_payment_method": {s.attached(a, "pm_card_visa")},
				})["id"].(string)
				if now := s.synced(a); now.Subscription.Status != billing.SubActive {
					t.Fatalf("the subscription that counts is %+v", now.Subscription)
				}
				must(t, s.askDeletion(a.ID, "asked by mail"))
				if cut {
					s.Ask(http.MethodDelete, "/v1/subscriptions/"+newer, nil)
				}
				must(t, s.service.FinishDeletions(t.Context()))
				if !s.erased(a.ID) {
					t.Error("the deletion is not done")
				}
				s.endedAtStripe()
				s.audited(a.ID)
			})
		})
	}
}

// Proves what a deletion does if an invoice is not voided: if Stripe refuses it, the person is erased anyway, and if
// Stripe does not reply, a later look tries again.
func TestDeleteVoidRefused(t *testing.T) {
	t.Parallel()
	for status, done := range map[int]bool{
		http.StatusBadRequest: true, http.StatusForbidden: true, http.StatusServiceUnavailable: false,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			eachPlanShop(t, func(t *testing.T, s *planShop) {
				a := s.unpaid()
				must(t, s.askDeletion(a.ID, "asked by mail"))
				refused := 0
				s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
					if strings.HasSuffix(r.URL.Path, "/void") {
						refused++
						out.WriteHeader(status)
						_, _ = out.Write([]byte(`{"error":{"type":"invalid_request_error","message":"no"}}`))
						return
					}
					s.Gate.Stripe.ServeHTTP(out, r)
				})
				must(t, s.service.FinishDeletions(t.Context()))
				if got := s.erased(a.ID); got != done || refused != 1 {
					t.Errorf("erased: %v, after %d refusals", got, refused)
				}
				s.Gate.Open()
				must(t, s.service.FinishDeletions(t.Context()))
				if !s.erased(a.ID) {
					t.Error("the deletion is not done")
				}
				if !done {
					s.endedAtStripe()
				}
			})
		})
	}
}
