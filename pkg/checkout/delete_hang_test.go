package checkout_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// deleting returns accounts whose deletion was asked for, in the order of their ids. Those with a customer come first.
func (s *shop) deleting(customers, others int) []billing.AccountID {
	s.t.Helper()
	ids := make([]billing.AccountID, customers+others)
	for n := range ids {
		ids[n] = storetest.NewAccount(s.t, s.db).ID
	}
	slices.Sort(ids)
	for n, id := range ids {
		if n < customers {
			storetest.Change(s.t, s.db, id, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
				return tx.SetCustomer(ctx, id, billing.CustomerID(fmt.Sprint("cus_", n)))
			})
		}
		must(s.t, s.askDeletion(id, "asked by mail"))
	}
	return ids
}

func (s *shop) erased(id billing.AccountID) bool {
	s.t.Helper()
	return s.accountNow(id).DeletedAt != nil
}

// Proves that deletions that hang do not starve the one that comes after all of them, although no look has the time
// for as many: each look begins where the one before ended. When Stripe replies again, all of them are done.
func TestHangingDeletions(t *testing.T) {
	t.Parallel()
	eachShopOf(t, housetest.Options{}, func(t *testing.T, s *shop) {
		const hanging = 9
		ids := s.deleting(hanging, 1)
		for n := range hanging {
			s.Gate.Delay(fmt.Sprint("cus_", n))
		}
		const each = 400 * time.Millisecond
		s.service.SetDeletionTimeout(each)
		looks := 0
		for ; looks < 20 && !s.erased(ids[hanging]); looks++ {
			ctx, cancel := context.WithTimeout(t.Context(), 3*each)
			if err := s.service.FinishDeletions(ctx); err != nil {
				t.Log(err) // the machine is slow
			}
			cancel()
		}
		if !s.erased(ids[hanging]) {
			t.Fatalf("after %d looks the account after those that hang is not erased", looks)
		}
		for n, id := range ids[:hanging] {
			if s.erased(id) {
				t.Errorf("account %d is erased, and Stripe did not reply", n)
			}
			s.Gate.Pass(fmt.Sprint("cus_", n))
		}
	})
}

// Proves that one deletion for which Stripe does not reply does not delay the other deletions of the same look.
func TestDeletionsSideBySide(t *testing.T) {
	t.Parallel()
	eachShopOf(t, housetest.Options{}, func(t *testing.T, s *shop) {
		slow := s.buy(storetest.NewAccount(t, s.db).ID, checkout.Request{Item: "pack_100"})
		must(t, s.askDeletion(slow.ID, "asked by mail"))
		ids := s.deleting(0, 3)
		held := s.Gate.Delay(string(slow.CustomerID))
		done := make(chan error, 1)
		go func() { done <- s.service.FinishDeletions(t.Context()) }()
		held.Wait(t, 1)
		storetest.WaitFor(t, "the others are done", func() bool { return !slices.ContainsFunc(ids, not(s.erased)) })
		if s.erased(slow.ID) {
			t.Error("the slow one is erased, and Stripe did not reply")
		}
		held.Release()
		must(t, <-done)
		if !s.erased(slow.ID) {
			t.Error("the slow one is not done")
		}
	})
}

func not(f func(billing.AccountID) bool) func(billing.AccountID) bool {
	return func(id billing.AccountID) bool { return !f(id) }
}
