package billing

// MaxActionQuantity bounds how many of an action one request may ask for.
const MaxActionQuantity = 1_000_000

// Action is something that points are spent on. Its price is the operator's, so the client names only a quantity.
type Action struct {
	ID     string
	Points Points // the price of each Per units
	Per    int64
	Max    int64 // the largest quantity of one request
}

// Price returns the points that a quantity costs. A part of Per units costs as much as all of them. Errors: EInvalid.
func (a Action) Price(quantity int64) (Points, error) {
	if quantity < 1 || quantity > a.Max {
		return 0, Invalid("/quantity", "must be from 1 to %d for the action %s", a.Max, a.ID)
	}
	return a.Points * Points((quantity+a.Per-1)/a.Per), nil
}
