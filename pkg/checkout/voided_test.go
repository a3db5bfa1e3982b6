package checkout_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// wantVoided cancels at once under a key, and then again. It requires that both list these invoices, which are void.
func (s *planShop) wantVoided(a billing.Account, key string, want ...billing.VoidedInvoice) {
	s.t.Helper()
	for n := range 2 {
		got, err := s.service.Cancel(s.t.Context(), a.ID, checkout.CancelRequest{At: billing.CancelNow, Key: key})
		must(s.t, err)
		if !slices.Equal(got.Voided, want) || got.Replayed != (n == 1) {
			s.t.Errorf("voided %+v (replayed: %v), want %+v", got.Voided, got.Replayed, want)
		}
	}
	for _, v := range want {
		if i := s.Ask(http.MethodGet, "/v1/invoices/"+string(v.ID), nil); i["status"] != "void" {
			s.t.Errorf("invoice %s is %v", v.ID, i["status"])
		}
	}
}

// newest returns the account's newest invoice as a response shows it when voided.
func (s *planShop) newest(a billing.Account, amount int64) billing.VoidedInvoice {
	s.t.Helper()
	return billing.VoidedInvoice{
		ID: billing.InvoiceID(s.of("/v1/invoices", a)[0]["id"].(string)), Amount: amount, Currency: "usd",
	}
}

// TestCancelNowLists proves that an immediate cancellation lists the invoices that it voided with the amounts due, and
// that its repeat lists the same: the failed renewal of 9.00, that of three seats at 10.00, and an unpaid upgrade, with
// the amount that Stripe asked for. It lists none if all is paid.
func TestCancelNowLists(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		basic, team, paid := s.subscriber("basic", 1), s.subscriber("team", 3), s.subscriber("basic", 1)
		for _, a := range []billing.Account{basic, team} {
			s.card(a, "pm_card_chargeCustomerFail")
		}
		s.Advance(32 * day)
		for _, a := range []billing.Account{basic, team, paid} {
			s.synced(a)
		}
		s.wantVoided(basic, "end", s.newest(basic, 900))
		s.wantVoided(team, "end", s.newest(team, 3*1000))
		s.wantVoided(paid, "end")

		up := s.subscriber("basic", 1)
		s.card(up, "pm_card_chargeCustomerFail")
		_, err := changeTo("pro", 1)(s, up.ID, "up")
		s.owed(err)
		// Pro costs 10.00 more, and seconds of the period are gone.
		due := int64(s.of("/v1/invoices", up)[0]["amount_due"].(float64))
		if due < 990 || due > 1000 {
			t.Errorf("the upgrade costs %d", due)
		}
		s.wantVoided(up, "end", s.newest(up, due))
	})
}

// TestVoidedElsewhere proves that a request that gives up an earlier change's invoice lists it: here the downgrade that
// replaces an unpaid upgrade. A cancellation at the period's end voids nothing and lists nothing.
func TestVoidedElsewhere(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("team", 3)
		s.card(a, "pm_card_chargeCustomerFail")
		_, err := changeTo("team", 6)(s, a.ID, "up")
		s.owed(err)
		unpaid := s.newest(a, int64(s.of("/v1/invoices", a)[0]["amount_due"].(float64)))
		for range 2 {
			got, err := s.service.Change(
				t.Context(), a.ID, checkout.ChangeRequest{Plan: "team", Quantity: 2, Key: "down"},
			)
			if err != nil || !slices.Equal(got.Voided, []billing.VoidedInvoice{unpaid}) {
				t.Errorf("a change down: %+v, %v", got.Voided, err)
			}
		}
		got, err := s.service.Cancel(
			t.Context(), a.ID, checkout.CancelRequest{At: billing.CancelAtPeriodEnd, Key: "end"},
		)
		if err != nil || len(got.Voided) != 0 {
			t.Errorf("with the period: %+v, %v", got.Voided, err)
		}
	})
}

// TestVoidedCutOff proves that an immediate cancellation still lists the voided invoice of 9.00 when it is repeated,
// although the invoice is no longer open. The first request was cut off at any of its requests to Stripe, before or
// after that had its effect.
func TestVoidedCutOff(t *testing.T) {
	t.Parallel()
	const most = 14 // requests to Stripe
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		var all []billing.Account
		for range 2 * most {
			a := s.subscriber("basic", 1)
			s.card(a, "pm_card_chargeCustomerFail")
			all = append(all, a)
		}
		s.Advance(32 * day)
		done := 0
		for n := int64(1); n <= most && done < 2; n++ {
			done = 0
			for i, late := range []bool{false, true} {
				a := all[2*(n-1)+int64(i)]
				due := s.newest(a, 900)
				seen := s.dieAt(n, late)
				_, err := s.service.Cancel(t.Context(), a.ID, checkout.CancelRequest{At: billing.CancelNow, Key: "end"})
				s.Gate.Open()
				if seen.Load() < n {
					done++
				} else if err == nil {
					t.Errorf("cut at request %d, and it went well", n)
				}
				got, err := s.service.Cancel(
					t.Context(), a.ID, checkout.CancelRequest{At: billing.CancelNow, Key: "end"},
				)
				if err != nil || !slices.Equal(got.Voided, []billing.VoidedInvoice{due}) {
					t.Errorf("cut at request %d (late: %v): %+v, %v; want %+v", n, late, got.Voided, err, due)
				}
			}
		}
		if done < 2 {
			t.Errorf("it makes more than %d requests", most)
		}
	})
}
