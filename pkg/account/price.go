package account

import (
	"github.com/pointsync/pointsync/pkg/billing"
)

// price returns what a caller pays. The price of an action is the catalogue's. Without an action it is the amount that
// the caller named, if the caller may name one. Errors: EInvalid, EActionRequired.
func (s *Service) price(
	c caller, amount billing.Points, action string, quantity int64,
) (billing.Points, error) {
	if action == "" {
		if !c.anyAmount {
			return 0, billing.Errorf(
				billing.EActionRequired,
				"Points are spent only on actions here. Name an action of GET /catalog in place of an amount.",
			)
		}
		return amount, nil
	}
	a, ok := s.catalog.Action(action)
	if !ok {
		return 0, billing.Invalid("/action", "is not an action of the catalogue")
	}
	return a.Price(quantity)
}
