package checkout_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Stripe's test bank accounts: debits of the first are paid, and debits of the second fail.
const (
	goodIBAN = "AT611904300234573201"
	badIBAN  = "AT861904300235473202"
)

func byDebit(iban string) url.Values {
	return url.Values{"way": {"debit"}, "iban": {iban}, "holder": {"Jo"}, "email": {"jo@shop.example"}}
}

// debtor returns an account that has ordered a plan and pays for it on the hosted page from a bank account. The bank
// has not replied yet.
func (s *planShop) debtor(plan, iban string) (billing.Account, billing.Order) {
	s.t.Helper()
	a := storetest.NewAccount(s.t, s.db)
	o := s.order(a.ID, checkout.Request{Item: plan})
	s.browse(o.URL, byDebit(iban))
	o, a, err := s.service.Status(s.t.Context(), a.ID, o.ID)
	must(s.t, err)
	return a, o
}

func eachBankShop(t *testing.T, f func(t *testing.T, s *planShop)) {
	t.Helper()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		s.Control("settings", `{"bank_debit": true, "debit_hours": 48}`)
		f(t, s)
	})
}

// answers makes the banks reply, which they do within 48 hours, and syncs.
func (s *planShop) answers(a billing.Account) billing.Account {
	s.t.Helper()
	s.Advance(49 * time.Hour)
	return s.synced(a)
}

// bank makes another bank account the default of an account's subscription.
func (s *planShop) bank(a billing.Account, iban string) {
	s.t.Helper()
	made := s.Ask(http.MethodPost, "/v1/payment_methods", url.Values{
		"type": {"sepa_debit"}, "sepa_debit[iban]": {iban}, "billing_details[name]": {"Jo"},
		"billing_details[email]": {"jo@shop.example"},
	})["id"].(string)
	s.Ask(http.MethodPost, "/v1/payment_methods/"+made+"/attach", url.Values{"customer": {string(a.CustomerID)}})
	s.subscriptionAt(a, url.Values{"default_payment_method": {made}})
}

// debits returns the number of debits that the account's banks were asked for.
func (s *planShop) debits(a billing.Account) int {
	s.t.Helper()
	return len(s.of("/v1/charges", a))
}

// TestUpByDebit proves that an upgrade that is paid by bank debit is made at once, and that its payment is reported as
// under way. There is no 402. There is one invoice and one debit, however often the upgrade is requested. Its points
// come when the bank pays. Of 30 days 10 and a half are gone. So 19.5 of 30 of the 700 points between 500 and 1200
// come: 455, or slightly more with a month of 31 days. The preview says how many, from Stripe's own lines.
func TestUpByDebit(t *testing.T) {
	t.Parallel()
	for name, iban := range map[string]string{"Paid": goodIBAN, "Failed": badIBAN} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBankShop(t, func(t *testing.T, s *planShop) {
				a, _ := s.debtor("euro", goodIBAN)
				_, err := changeTo("euro_pro", 1)(s, a.ID, "early") // the first debit is under way
				s.refused(err, billing.EConflict)
				a = s.answers(a)
				_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "cancel")
				must(t, err)
				s.Advance(8*day + 12*time.Hour)
				s.bank(a, iban)
				p, err := s.service.Preview(t.Context(), a.ID, checkout.ChangeRequest{Plan: "euro_pro"})
				must(t, err)
				if p.Points < 440 || p.Points > 490 {
					t.Errorf("the preview says %d points", p.Points)
				}
				up := checkout.ChangeRequest{Plan: "euro_pro", Quantity: 1, ProrationDate: p.ProrationDate, Key: "up"}
				for n := range 3 {
					c, err := s.service.Change(t.Context(), a.ID, up)
					if err != nil || c.Payment != checkout.PaymentProcessing || c.PaymentURL != "" ||
						c.Replayed != (n > 0) {
						t.Fatalf("asked %d times: %+v, %v", n+1, c, err)
					}
					s.Advance(time.Minute)
				}
				for key, other := range map[string]ask{
					"again": changeTo("euro_pro", 1), "more": changeTo("euro_year", 1),
				} {
					_, err = other(s, a.ID, key)
					s.refused(err, billing.EConflict)
				}
				s.follow()
				s.wants(a, "active euro_pro ends", 500) // the end stays until the money has arrived
				if n := s.debits(a); n != 2 {
					t.Fatalf("%d debits", n)
				}
				a = s.answers(a)
				s.follow()
				a = s.synced(a)
				c, err := s.service.Change(t.Context(), a.ID, up)
				if iban == goodIBAN {
					if err != nil || c.Payment != checkout.PaymentSettled {
						t.Errorf("in the end: %+v, %v", c, err)
					}
					s.wants(a, "active euro_pro", 500+p.Points)
					return
				}
				page := s.owed(err)
				if a.Subscription.Status != billing.SubPastDue || a.Available != 500 || a.Subscription.EndsAt == nil {
					t.Errorf("the debit failed: %+v with %d points", a.Subscription, a.Available)
				}
				s.browse(page, typed("4242424242424242"))
				s.synced(a)
				s.follow()
				s.wants(a, "active euro_pro", 500+p.Points)
			})
		})
	}
}

// TestDebitOfDeletedCustomer proves that an upgrade which a bank pays after its customer was deleted grants its points,
// which then last for a month. By then the account has another customer. The event of the payment leads to the invoice.
// If it is lost, the comparison with Stripe reports the grant, and a repair makes it.
func TestDebitOfDeletedCustomer(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"Told": true, "EventLost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBankShop(t, func(t *testing.T, s *planShop) {
				a := s.subscriber("euro", 1)
				s.bank(a, goodIBAN)
				a = s.change(a.ID, checkout.ChangeRequest{Plan: "euro_pro", Quantity: 1, Key: "up"})
				invoice := s.of("/v1/invoices", a)[0]["id"].(string)
				s.remove(a)
				s.order(a.ID, checkout.Request{Item: "euro", Key: "another customer"})
				s.Advance(49 * time.Hour)
				paidAt := s.db.Now().Add(-time.Hour)
				if told {
					s.event(a, "invoice.upcoming", billing.ObjectInvoice, "") // such an invoice has no id
					s.event(a, "invoice.paid", billing.ObjectInvoice, invoice)
					s.synced(a)
				} else {
					s.synced(a)
					drift, err := s.syncer.Drift(t.Context(), a.ID)
					must(t, err)
					if len(drift) != 1 || drift[0].Kind != billing.DriftGrant {
						t.Errorf("%+v", drift)
					}
					_, err = s.syncer.Repair(t.Context(), a.ID)
					must(t, err)
				}
				s.follow()
				s.wants(a, "canceled euro_pro", 700)
				lots, err := s.db.LotsByGrant(t.Context(), a.ID, "stripe:invoice:"+invoice)
				must(t, err)
				end := paidAt.AddDate(0, 1, 0)
				if len(lots) != 1 || lots[0].Source != "invoice:"+invoice ||
					lots[0].ExpiresAt.Sub(end).Abs() > 3*time.Hour {
					t.Errorf("%+v, want an end near %v", lots, end)
				}
				s.synced(a)
				s.wants(a, "canceled euro_pro", 700)
			})
		})
	}
}

// TestUpByDebitCutOff proves that a change by debit whose reply is lost is debited once, even if its request is
// repeated.
func TestUpByDebitCutOff(t *testing.T) {
	t.Parallel()
	for _, repeats := range []bool{true, false} {
		eachBankShop(t, func(t *testing.T, s *planShop) {
			a, _ := s.debtor("euro", goodIBAN)
			a = s.answers(a)
			s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
				s.Gate.Stripe.ServeHTTP(out, r)
				if r.Method == http.MethodPost {
					panic(http.ErrAbortHandler)
				}
			})
			_, err := changeTo("euro_pro", 1)(s, a.ID, "up")
			s.refused(err, billing.EStripeUnavailable)
			s.Gate.Open()
			s.Advance(2 * time.Minute)
			if repeats {
				c, err := changeTo("euro_pro", 1)(s, a.ID, "up")
				if err != nil || c.Payment != checkout.PaymentProcessing {
					t.Errorf("the repeat: %+v, %v", c, err)
				}
			} else {
				s.follow()
			}
			s.wants(a, "active euro_pro", 500)
			a = s.answers(a)
			s.follow()
			if s.wants(a, "active euro_pro", s.synced(a).Available); s.synced(a).Available <= 500 {
				t.Errorf("%d points", s.synced(a).Available)
			}
			if n := s.debits(a); n != 2 {
				t.Errorf("%d debits", n)
			}
		})
	}
}

// TestDownByDebit proves that changes that cost nothing now are possible while a debit is under way: a downgrade and a
// cancellation.
func TestDownByDebit(t *testing.T) {
	t.Parallel()
	eachBankShop(t, func(t *testing.T, s *planShop) {
		a, _ := s.debtor("euro_pro", goodIBAN)
		a = s.answers(a)
		s.Advance(29*day + 2*time.Hour) // the renewal's debit is under way
		a = s.synced(a)
		if n := s.debits(a); n != 2 {
			t.Fatalf("%d debits", n)
		}
		_, err := changeTo("euro_year", 1)(s, a.ID, "up")
		s.refused(err, billing.EConflict)
		_, err = changeTo("euro", 1)(s, a.ID, "down")
		must(t, err)
		_, err = cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "cancel")
		must(t, err)
		s.wants(s.answers(a), "active euro_pro ends", 1200)
	})
}

// TestUpByInvoice proves the same if invoices are sent to the customer. The upgrade is made and there is one invoice.
// When it is paid, the points come and a cancellation is withdrawn.
func TestUpByInvoice(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.subscriptionAt(a, url.Values{"collection_method": {"send_invoice"}, "days_until_due": {"14"}})
		_, err := cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "cancel")
		must(t, err)
		s.Advance(10 * day)
		var page string
		for range 2 {
			c, err := changeTo("pro", 1)(s, a.ID, "up")
			if err != nil || c.Payment != checkout.PaymentInvoiced || c.PaymentURL == "" {
				t.Fatalf("got %+v, %v", c, err)
			}
			page = c.PaymentURL
		}
		_, err = changeTo("yearly", 1)(s, a.ID, "more")
		s.refused(err, billing.EConflict)
		s.wants(a, "active pro ends", 500)
		if n := len(s.of("/v1/invoices", a)); n != 2 {
			t.Errorf("%d invoices", n)
		}
		s.browse(page, typed("4242424242424242"))
		s.synced(a)
		s.follow()
		now := s.synced(a)
		if now.Available <= 900 { // 20 of about 30 days of 700 points are more than 400
			t.Errorf("%d points", now.Available)
		}
		s.wants(a, "active pro", now.Available)
	})
}

// TestDebitRefusedAtOnce proves that a 402 is correct about a change by debit, which Stripe makes before the money has
// arrived.
func TestDebitRefusedAtOnce(t *testing.T) {
	t.Parallel()
	eachBankShop(t, func(t *testing.T, s *planShop) {
		a, _ := s.debtor("euro", goodIBAN)
		a = s.answers(a)
		s.bank(a, badIBAN)
		_, err := changeTo("euro_pro", 1)(s, a.ID, "up")
		must(t, err)
		s.answers(a)
		_, err = changeTo("euro_pro", 1)(s, a.ID, "up")
		s.owed(err)
		var unpaid *checkout.PaymentRequired
		if errors.As(err, &unpaid); unpaid == nil || unpaid.Cause.Message == "" || s.debits(a) != 2 {
			t.Errorf("got %v after %d debits", err, s.debits(a))
		}
	})
}
