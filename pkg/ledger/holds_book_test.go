package ledger_test

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

func (b *book) hold(n billing.Points, lasts time.Duration) billing.Hold {
	b.t.Helper()
	h, err := ledger.Hold(context.Background(), b.db, b.id, ledger.HoldRequest{Amount: n, TTL: lasts})
	if err != nil {
		b.t.Fatal(err)
	}
	b.tick()
	return h.Hold
}

func (b *book) refusedHold(n billing.Points) {
	b.t.Helper()
	h, err := ledger.Hold(context.Background(), b.db, b.id, ledger.HoldRequest{Amount: n, TTL: time.Hour})
	if billing.CodeOf(err) != billing.EInsufficientPoints || h.Account.ID != b.id {
		b.t.Errorf("hold %d: got %v and the account %q, want %s", n, err, h.Account.ID, billing.EInsufficientPoints)
	}
	b.tick()
}

// capture spends n points of a hold, all of them for 0.
func (b *book) capture(id billing.HoldID, n billing.Points) billing.Hold {
	b.t.Helper()
	h, err := ledger.Capture(context.Background(), b.db, b.id, ledger.CaptureRequest{Hold: id, Amount: n})
	if err != nil {
		b.t.Fatal(err)
	}
	b.tick()
	return h.Hold
}

func (b *book) release(id billing.HoldID) billing.Hold {
	b.t.Helper()
	h, err := ledger.Release(context.Background(), b.db, b.id, ledger.ReleaseRequest{Hold: id})
	if err != nil {
		b.t.Fatal(err)
	}
	b.tick()
	return h.Hold
}

// ended expects that a hold can no longer be captured or released.
func (b *book) ended(id billing.HoldID) {
	b.t.Helper()
	if _, err := ledger.Capture(
		context.Background(), b.db, b.id, ledger.CaptureRequest{Hold: id},
	); billing.CodeOf(err) != billing.EConflict {
		b.t.Errorf("capture: got %v, want %s", err, billing.EConflict)
	}
	if _, err := ledger.Release(
		context.Background(), b.db, b.id, ledger.ReleaseRequest{Hold: id},
	); billing.CodeOf(err) != billing.EConflict {
		b.t.Errorf("release: got %v, want %s", err, billing.EConflict)
	}
	b.tick()
}

// wantHold compares a hold as it is now.
func (b *book) wantHold(id billing.HoldID, status billing.HoldStatus, captured billing.Points) {
	b.t.Helper()
	h, err := ledger.ReadHold(context.Background(), b.db, b.id, id)
	if err != nil || h.Status != status || h.Captured != captured ||
		(h.EndedAt == nil) != (status == billing.HoldActive) {
		b.t.Errorf("the hold is %+v (%v), want it %s with %d captured", h, err, status, captured)
	}
	b.tick()
}
