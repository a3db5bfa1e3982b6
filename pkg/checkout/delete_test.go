package checkout_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a deletion cancels the subscription at Stripe and closes the pages, that the person's data are gone and
// the email is free, that the books of the account still audit, and that a repeat changes nothing.
func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		ctx := t.Context()
		before := storetest.NewAccount(t, s.db)
		a := s.buy(before.ID, checkout.Request{Item: "pro_monthly"})
		_, err := ledger.Spend(ctx, s.db, a.ID, ledger.SpendRequest{
			By: billing.Actor{Kind: billing.ActorCustomer}, Amount: 7, Description: "a picture of Ada",
			Metadata: map[string]string{"file": "ada.png"},
		})
		must(t, err)
		s.order(a.ID, checkout.Request{Item: "pack_100"})
		s.Advance(time.Hour)
		for range 2 {
			must(t, checkout.BeginDeletion(ctx, s.db, a.ID, "asked by mail"))
			must(t, s.service.FinishDeletions(ctx))
		}
		if n := s.openPages(); n != 0 {
			t.Errorf("%d pages can still be paid", n)
		}
		if live := s.list("/v1/subscriptions"); len(live) != 0 { // those that are canceled are left out
			t.Errorf("a subscription lives at Stripe: %v", live[0]["status"])
		}
		after, err := s.db.Account(ctx, a.ID)
		must(t, err)
		if after.Email != "" || after.PasswordHash != "" || after.DeletedAt == nil || after.Subscription.Status.Live() {
			t.Errorf("%+v", after)
		}
		entries, err := s.db.Entries(ctx, a.ID, "", 100)
		must(t, err)
		for _, e := range entries {
			if e.Kind == billing.EntrySpend && (e.Description != "" || e.Metadata != nil || e.Amount != -7) {
				t.Errorf("the entry kept %q, %v, %d", e.Description, e.Metadata, e.Amount)
			}
		}
		must(t, ledger.Audit(ctx, s.db, a.ID))
		must(t, s.db.InTx(ctx, func(tx *store.Tx) error {
			return tx.InsertAccount(ctx, billing.Account{
				ID: billing.NewAccountID(tx.Now), Email: before.Email, Version: 1, CreatedAt: tx.Now,
				Sync: billing.SyncState{BudgetAt: tx.Now},
			})
		}))
	})
}
