package checkout_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// personal counts the rows of an account that are about its person.
func (s *shop) personal(id billing.AccountID) map[string]int {
	s.t.Helper()
	counts := map[string]int{}
	for what, query := range map[string]string{
		"emails":          "SELECT count(*) FROM emails WHERE account_id = '%s'",
		"external ids":    "SELECT count(*) FROM external_ids WHERE account_id = '%s'",
		"identities":      "SELECT count(*) FROM identities WHERE account_id = '%s'",
		"logins":          "SELECT count(*) FROM logins WHERE account_id = '%s'",
		"refresh tokens":  "SELECT count(*) FROM refresh_tokens WHERE account_id = '%s'",
		"mail tokens":     "SELECT count(*) FROM mail_tokens WHERE account_id = '%s'",
		"top-ups":         "SELECT count(*) FROM top_ups WHERE account_id = '%s'",
		"texts of holds":  "SELECT count(*) FROM holds WHERE account_id = '%s' AND description LIKE '%%Ada%%'",
		"data of holds":   "SELECT count(*) FROM holds WHERE account_id = '%s' AND metadata LIKE '%%ada%%'",
		"texts of spends": "SELECT count(*) FROM entries WHERE account_id = '%s' AND description LIKE '%%Ada%%'",
		"data of spends":  "SELECT count(*) FROM entries WHERE account_id = '%s' AND metadata LIKE '%%ada%%'",
		"addresses":       "SELECT count(*) FROM orders WHERE account_id = '%s' AND success_url LIKE '%%ada%%'",
		"pages":           "SELECT count(*) FROM orders WHERE account_id = '%s' AND url <> ''",
		"invoice pages":   "SELECT count(*) FROM subscription_changes WHERE account_id = '%s' AND payment_url <> ''",
		"passwords":       "SELECT count(*) FROM accounts WHERE id = '%s' AND password_hash <> ''",
		"thresholds":      "SELECT count(*) FROM accounts WHERE id = '%s' AND low_points IS NOT NULL",
		"own email":       "SELECT count(*) FROM accounts WHERE id = '%s' AND email IS NOT NULL",
		"own external id": "SELECT count(*) FROM accounts WHERE id = '%s' AND external_id IS NOT NULL",
	} {
		counts[what] = storetest.Count(s.t, s.db, fmt.Sprintf(query, id))
	}
	return counts
}

// ada returns an account with an email and an external id.
func (s *shop) ada() (a billing.Account) {
	s.t.Helper()
	must(s.t, s.db.InTx(s.t.Context(), func(tx *store.Tx) error {
		a = billing.Account{
			ID: billing.NewAccountID(tx.Now), Email: "ada@example.com", ExternalID: "ada-7", PasswordHash: "not a hash",
			Sync: billing.SyncState{BudgetAt: tx.Now}, CreatedAt: tx.Now,
		}
		if _, err := tx.EnterExternalID(s.t.Context(), a.ExternalID, a.ID); err != nil {
			return err
		}
		return tx.InsertAccount(s.t.Context(), a)
	}))
	return a
}

// known fills what an account can keep about its person.
func (s *shop) known(id billing.AccountID) {
	s.t.Helper()
	pack, _ := s.Catalog.Pack("pack_100")
	storetest.Change(s.t, s.db, id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		login := billing.NewSessionID(tx.Now)
		for _, do := range []func() error{
			func() error {
				_, err := tx.EnterIdentity(ctx, billing.Identity{Issuer: "https://id.example", Subject: "ada"}, id)
				return err
			},
			func() error {
				return tx.InsertLogin(ctx, billing.Login{
					ID: login, AccountID: id, Name: "Ada's phone", CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour),
				})
			},
			func() error {
				return tx.InsertRefreshToken(ctx, billing.RefreshToken{
					AccountID: id, Hash: "hash", LoginID: login, CreatedAt: tx.Now,
				})
			},
			func() error {
				return tx.SaveMailToken(ctx, billing.MailToken{
					AccountID: id, Kind: billing.MailTokenReset, Digest: "digest", Email: a.Email,
					ExpiresAt: tx.Now.Add(time.Hour),
				})
			},
			func() error {
				return tx.SaveTopUp(ctx, billing.TopUp{
					AccountID: id, Status: billing.TopUpOff, Pack: pack.ID, Quantity: 1, Points: pack.Points,
					Amount: pack.Amount, Currency: pack.Currency, Threshold: 50, MonthlyLimit: 1, CreatedAt: tx.Now,
				})
			},
			func() error { return tx.SetLowPoints(ctx, id, new(billing.Points(50))) },
			func() error {
				return tx.InsertChange(ctx, billing.SubscriptionChange{
					ID: billing.NewChangeID(tx.Now), AccountID: id,
					Kind: billing.ChangePlan, Status: billing.ChangeFailed,
					Owed:       billing.OwedInvoice{ID: "in_ada", URL: "https://invoice.example/ada"},
					LeaseUntil: tx.Now, CreatedAt: tx.Now, EndedAt: &tx.Now,
				})
			},
		} {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
	by, data := billing.Actor{Kind: billing.ActorCustomer}, map[string]string{"file": "ada.png"}
	_, err := ledger.Spend(s.t.Context(), s.db, id, ledger.SpendRequest{
		By: by, Amount: 7, Description: "a picture of Ada", Metadata: data,
	})
	must(s.t, err)
	_, err = ledger.Hold(s.t.Context(), s.db, id, ledger.HoldRequest{
		By: by, Amount: 5, TTL: time.Hour, Description: "a film of Ada", Metadata: data,
	})
	must(s.t, err)
	s.order(id, checkout.Request{Item: "pack_100", SuccessURL: "https://shop.example/ada"})
	for what, n := range s.personal(id) {
		if n == 0 {
			s.t.Fatalf("the account has no %s", what)
		}
	}
}

// Proves that a running server deletes: it cancels the subscription at Stripe and closes the pages. As long as Stripe
// refuses that, the person's data stay. Then they are gone and the email is free. A repeat records no second action. A
// refund that comes afterwards takes its points back, and the books of the account still audit and agree with Stripe.
func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		ctx := t.Context()
		before := s.ada()
		paid := s.pay(s.order(before.ID, checkout.Request{Item: "pack_100"}))
		a := s.buy(before.ID, checkout.Request{Item: "pro_monthly"})
		s.known(a.ID)
		s.Advance(10 * time.Minute)
		if err := s.askDeletion(a.ID, " "); billing.CodeOf(err) != billing.EInvalid {
			t.Errorf("no reason: %v", err)
		}
		for range 2 {
			must(t, s.askDeletion(a.ID, "asked by mail"))
		}
		s.refuseCancel()
		must(t, s.service.FinishDeletions(ctx))
		if now := s.accountNow(a.ID); now.Email != before.Email || now.DeletedAt != nil || now.Closed() == nil {
			t.Errorf("Stripe refused, and the account is %+v", now)
		}
		s.Gate.Open()
		runner, err := jobs.New(s.db, discard)
		must(t, err)
		s.service.RegisterJobs(runner)
		must(t, runner.Start(ctx))
		t.Cleanup(func() { must(t, runner.Stop(context.Background())) })
		storetest.WaitFor(t, "the deletion is done", func() bool { return s.accountNow(a.ID).DeletedAt != nil })

		if n := s.openPages(); n != 0 {
			t.Errorf("%d pages can still be paid", n)
		}
		s.endedAtStripe()
		for what, n := range s.personal(a.ID) {
			if n != 0 {
				t.Errorf("%d %s are left", n, what)
			}
		}
		must(t, s.askDeletion(a.ID, "asked again"))
		if n := storetest.Count(t, s.db, "SELECT count(*) FROM admin_actions"); n != 1 {
			t.Errorf("%d actions are recorded", n)
		}
		s.audited(a.ID)
		s.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {string(paid.PaymentIntentID)}})
		points := s.accountNow(a.ID).Available
		must(t, synced(s.syncer.Sync(ctx, a.ID, billing.CauseEvent)))
		if now := s.accountNow(a.ID); points-now.Available+now.Debt != 100 {
			t.Errorf("a refund of 100 points left %d of %d, and a debt of %d", now.Available, points, now.Debt)
		}
		s.audited(a.ID)
		must(t, s.db.InTx(ctx, func(tx *store.Tx) error {
			return tx.InsertAccount(ctx, billing.Account{
				ID: billing.NewAccountID(tx.Now), Email: before.Email, Version: 1, CreatedAt: tx.Now,
				Sync: billing.SyncState{BudgetAt: tx.Now},
			})
		}))
	})
}

// askDeletion deletes an account as the command line does.
func (s *shop) askDeletion(id billing.AccountID, reason string) error {
	_, err := checkout.BeginDeletion(s.t.Context(), s.db, id, account.Decision{Reason: reason})
	return err
}

// refuseCancel makes Stripe refuse to cancel subscriptions.
func (s *shop) refuseCancel() {
	s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			out.WriteHeader(http.StatusForbidden)
			return
		}
		s.Gate.Stripe.ServeHTTP(out, r)
	})
}

// endedAtStripe requires that nothing at Stripe can charge a customer any more.
func (s *shop) endedAtStripe() {
	s.t.Helper()
	for _, o := range s.Ask(http.MethodGet, "/v1/subscriptions?limit=100&status=all", nil)["data"].([]any) {
		if status := o.(map[string]any)["status"]; status != "canceled" && status != "incomplete_expired" {
			s.t.Errorf("a subscription is %v at Stripe", status)
		}
	}
	for _, i := range s.list("/v1/invoices") {
		if i["status"] == "open" || i["status"] == "draft" {
			s.t.Errorf("an invoice is %v at Stripe", i["status"])
		}
	}
}

// audited audits the account, and compares it with Stripe.
func (s *shop) audited(id billing.AccountID) {
	s.t.Helper()
	must(s.t, ledger.Audit(s.t.Context(), s.db, id))
	if drift, err := s.syncer.Drift(s.t.Context(), id); err != nil || len(drift) > 0 {
		s.t.Errorf("Stripe says otherwise: %+v, %v", drift, err)
	}
}

// attached returns a test card as a payment method of the account's customer.
func (s *planShop) attached(a billing.Account, card string) string {
	s.t.Helper()
	form := url.Values{"customer": {string(a.CustomerID)}}
	return s.Ask(http.MethodPost, "/v1/payment_methods/"+card+"/attach", form)["id"].(string)
}

// priceOf returns the price of a plan at Stripe.
func (s *planShop) priceOf(plan string) string {
	s.t.Helper()
	prices := s.Ask(http.MethodGet, "/v1/prices?lookup_keys[]=pointsync_"+plan, nil)["data"].([]any)
	return prices[0].(map[string]any)["id"].(string)
}

// Proves that a deletion leaves nothing that can charge the person: neither a second subscription that was made at
// Stripe, nor one that waits for its first payment, nor the open invoice of a failed renewal. It cancels all four, and
// leaves a subscription alone that is not ours.
func TestDeleteEndsAllSubscriptions(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		for _, form := range []url.Values{
			{"default_payment_method": {s.attached(a, "pm_card_visa")}},
			{"default_payment_method": {s.attached(a, "pm_card_visa")}},
			{"payment_behavior": {"default_incomplete"}},
		} {
			form.Set("customer", string(a.CustomerID))
			form.Set("items[0][price]", s.priceOf("pro"))
			s.Ask(http.MethodPost, "/v1/subscriptions", form)
		}
		s.card(a, "pm_card_chargeCustomerFail")
		theirs := s.foreign(a)
		s.Advance(20 * time.Hour) // the incomplete one expires after 23
		before := s.synced(a)
		must(t, s.askDeletion(a.ID, "asked by mail"))
		must(t, s.service.FinishDeletions(t.Context()))
		if now := s.accountNow(a.ID); now.DeletedAt == nil || now.Subscription.Status != billing.SubCanceled {
			t.Errorf("it was %+v, and is %+v", before.Subscription, now.Subscription)
		}
		if status := s.Ask(http.MethodGet, "/v1/subscriptions/"+theirs, nil)["status"]; status != "active" {
			t.Errorf("a subscription that is not ours is %v", status)
		}
		s.Ask(http.MethodDelete, "/v1/subscriptions/"+theirs, nil)
		s.endedAtStripe()
		s.audited(a.ID)
	})
}

// Proves that the open invoice of a failed renewal is voided, also if the look before was cut off after it had canceled
// the subscription.
func TestDeleteVoidsInvoices(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprint("Cut=", cut), func(t *testing.T) {
			t.Parallel()
			eachPlanShop(t, func(t *testing.T, s *planShop) {
				a := s.subscriber("basic", 1)
				s.card(a, "pm_card_chargeCustomerFail")
				s.Advance(33 * day) // longer than any month
				s.synced(a)
				if cut {
					s.Ask(http.MethodDelete, "/v1/subscriptions/"+string(a.Subscription.ID), nil)
				}
				if open := s.of("/v1/invoices", a); open[0]["status"] != "open" {
					t.Fatalf("the renewal is %v", open[0]["status"])
				}
				must(t, s.askDeletion(a.ID, "asked by mail"))
				must(t, s.service.FinishDeletions(t.Context()))
				if s.accountNow(a.ID).DeletedAt == nil {
					t.Error("the deletion is not done")
				}
				s.endedAtStripe()
				s.audited(a.ID)
			})
		})
	}
}

// Proves that the page of a sent invoice, which names the person, is gone after the deletion, also if its change is
// decided only then: the deletion voided the invoice.
func TestDeleteForgetsInvoicePage(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.subscriptionAt(a, url.Values{"collection_method": {"send_invoice"}, "days_until_due": {"14"}})
		s.Advance(10 * day)
		c, err := changeTo("pro", 1)(s, a.ID, "up")
		if err != nil || c.PaymentURL == "" {
			t.Fatalf("got %+v, %v", c, err)
		}
		must(t, s.askDeletion(a.ID, "asked by mail"))
		must(t, s.service.FinishDeletions(t.Context()))
		s.Advance(2 * time.Hour)
		s.follow()
		const row = "SELECT count(*) FROM subscription_changes WHERE status = 'failed' AND invoice_id IS NOT NULL"
		if n := storetest.Count(t, s.db, row); n != 1 {
			t.Errorf("%d changes have failed: %s", n,
				storetest.Dump(t, s.db, "SELECT status, payment_url, detail FROM subscription_changes"))
		}
		if n := s.personal(a.ID)["invoice pages"]; n != 0 {
			t.Errorf("%d pages are left", n)
		}
	})
}

// Proves that deletions that fail, however many there are, do not hide the others, and that the log names them.
func TestManyDeletionsFail(t *testing.T) {
	t.Parallel()
	eachShopOf(t, housetest.Options{}, func(t *testing.T, s *shop) {
		var log lines
		service := checkout.New(
			s.db, s.Stripe, s.Catalog, s.syncer, origins, slog.New(slog.NewTextHandler(&log, nil)),
		)
		ids := make([]billing.AccountID, many)
		for n := range ids {
			ids[n] = storetest.NewAccount(t, s.db).ID
		}
		slices.Sort(ids)
		for n, id := range ids {
			if n < many-1 {
				storetest.Change(t, s.db, id, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
					return tx.SetCustomer(ctx, id, billing.CustomerID("cus_"+string(id)))
				})
			}
			must(t, s.askDeletion(id, "asked by mail"))
		}
		s.Gate.Refuse()
		must(t, service.FinishDeletions(t.Context()))
		for n, id := range ids {
			logged := log.count("a deletion could not be finished\" account=" + string(id))
			if done := s.accountNow(id).DeletedAt != nil; done != (n == many-1) || done != (logged == 0) {
				t.Errorf("account %d: done %v, and %d lines", n, done, logged)
			}
		}
	})
}
