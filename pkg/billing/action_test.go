package billing_test

import (
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that a price is counted in whole steps of Per units, rounded up, and that no other quantity has one.
func TestActionPrice(t *testing.T) {
	t.Parallel()
	picture := billing.Action{ID: "picture", Points: 30, Per: 1, Max: 100}
	minutes := billing.Action{ID: "minute", Points: 2, Per: 10, Max: 120}
	largest := billing.Action{
		ID: "x", Points: billing.MaxPoints / billing.MaxActionQuantity, Per: 1, Max: billing.MaxActionQuantity,
	}
	for _, test := range []struct {
		action   billing.Action
		quantity int64
		want     billing.Points
	}{
		{picture, 1, 30}, {picture, 2, 60}, {picture, 100, 3000},
		{minutes, 1, 2}, {minutes, 10, 2}, {minutes, 11, 4}, {minutes, 120, 24},
	} {
		if got, err := test.action.Price(test.quantity); got != test.want || err != nil {
			t.Errorf("%d of %s: %d, %v; want %d", test.quantity, test.action.ID, got, err, test.want)
		}
	}
	if got, err := largest.Price(billing.MaxActionQuantity); got < 1 || got > billing.MaxPoints || err != nil {
		t.Errorf("the largest price is %d, %v", got, err)
	}
	for _, quantity := range []int64{-1, 0, 121, 1 << 62} {
		if _, err := minutes.Price(quantity); billing.CodeOf(err) != billing.EInvalid {
			t.Errorf("%d: got %v", quantity, err)
		}
	}
}
