package api

import (
	"cmp"

	"github.com/pointsync/pointsync/pkg/billing"
)

// order is what a spend or a hold asks points for: an amount, or a quantity of an action.
type order struct {
	amount   billing.Points
	action   string
	quantity int64
}

// fromAPIOrder reads it from a body, in which the contract lets each member be missing. Errors: EInvalid.
func fromAPIOrder(action *string, quantity, amount *int64) (order, error) {
	switch {
	case action == nil && amount == nil:
		return order{}, billing.Invalid("/amount", "is missing, and so is action: send one of the two")
	case action != nil && amount != nil:
		return order{}, billing.Invalid("/amount", "is set by the action: send one of the two")
	case action == nil && quantity != nil:
		return order{}, billing.Invalid("/quantity", "is for an action, and there is none")
	case action == nil:
		return order{amount: billing.Points(*amount)}, nil
	}
	return order{action: *action, quantity: cmp.Or(value(quantity), 1)}, nil
}

func toAPIAction(a billing.Action) Action {
	return Action{Id: a.ID, Points: int64(a.Points), Per: a.Per, Max: a.Max}
}

// toAPIQuantity returns nil for what has no action.
func toAPIQuantity(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}
