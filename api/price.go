package api

import (
	"cmp"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// defaultHoldSeconds is the contract's default life of a hold.
const defaultHoldSeconds = 900

// fromAPISpend reads a spend, a user's or a service's. Errors: EInvalid.
func fromAPISpend(r *SpendRequest, key string) (ledger.SpendRequest, error) {
	if err := checkMetadata(value(r.Metadata)); err != nil {
		return ledger.SpendRequest{}, err
	}
	amount, action, quantity, err := fromAPIPrice(r.Action, r.Quantity, r.Amount)
	return ledger.SpendRequest{
		Amount: amount, Action: action, Quantity: quantity,
		Description: value(r.Description), Metadata: value(r.Metadata), Key: key,
	}, err
}

// fromAPIHold reads a hold, a user's or a service's. Errors: EInvalid.
func fromAPIHold(r *HoldRequest, key string) (ledger.HoldRequest, error) {
	if err := checkMetadata(value(r.Metadata)); err != nil {
		return ledger.HoldRequest{}, err
	}
	amount, action, quantity, err := fromAPIPrice(r.Action, r.Quantity, r.Amount)
	seconds := int64(defaultHoldSeconds)
	if r.TtlSeconds != nil {
		seconds = *r.TtlSeconds
	}
	return ledger.HoldRequest{
		Amount: amount, Action: action, Quantity: quantity, TTL: time.Duration(seconds) * time.Second,
		Description: value(r.Description), Metadata: value(r.Metadata), Key: key,
	}, err
}

// fromAPIPrice reads what points are asked for: an amount, or a quantity of an action. The contract lets each of the
// three be missing. Errors: EInvalid.
func fromAPIPrice(action *string, quantity, amount *int64) (billing.Points, string, int64, error) {
	switch {
	case action == nil && amount == nil:
		return 0, "", 0, billing.Invalid("/amount", "is missing, and so is action: send one of the two")
	case action != nil && amount != nil:
		return 0, "", 0, billing.Invalid("/amount", "is set by the action: send one of the two")
	case action == nil && quantity != nil:
		return 0, "", 0, billing.Invalid("/quantity", "is for an action, and there is none")
	case action == nil:
		return billing.Points(*amount), "", 0, nil
	}
	return 0, *action, cmp.Or(value(quantity), 1), nil
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
