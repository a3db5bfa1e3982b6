package checkout_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a parked account keeps what an invoice of its former customer grants. A bank paid it after the customer
// was deleted, and the event that named it was closed by the sync that parked the account. When a person unparks the
// account, the points come, once.
func TestParkedKeepsDebitOfDeletedCustomer(t *testing.T) {
	t.Parallel()
	eachBankShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("euro", 1)
		s.bank(a, goodIBAN)
		a = s.change(a.ID, checkout.ChangeRequest{Plan: "euro_pro", Quantity: 1, Key: "up"})
		invoice := s.of("/v1/invoices", a)[0]["id"].(string)
		s.remove(a)
		s.order(a.ID, checkout.Request{Item: "euro", Key: "another customer"})
		s.Advance(49 * time.Hour)
		s.Policy.ParkPoints = 100
		s.syncer = s.Syncer(s.db, s.Stripe, discard)
		s.service = checkout.New(s.db, s.Stripe, s.Catalog, s.syncer, origins, discard)
		s.event(a, "invoice.paid", billing.ObjectInvoice, invoice)
		for range 2 {
			if now := s.synced(a); now.Parking.At == nil || now.Available != 0 {
				t.Fatalf("%d points, parked: %+v", now.Available, now.Parking)
			}
		}
		if waits, err := s.db.HasPendingEvents(t.Context(), a.ID); waits || err != nil {
			t.Errorf("an event waits: %v, %v", waits, err)
		}
		storetest.Change(t, s.db, a.ID, func(ctx context.Context, tx *store.Tx, locked billing.Account) error {
			locked.Parking = billing.Parking{Approved: true, EndedAt: &tx.Now} // as a person's approval does
			return tx.SaveParking(ctx, locked)
		})
		for range 2 {
			s.synced(a)
		}
		s.follow()
		s.wants(a, "canceled euro_pro", 700)
	})
}
