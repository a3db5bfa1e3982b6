package api

// defaultLimit is the contract's default limit for lists.
const defaultLimit = 20

// limitOf returns the limit that a request for a list asks for.
func limitOf(limit *int) int {
	if limit == nil {
		return defaultLimit
	}
	return *limit
}

// page cuts a list that was read with one item too many, and returns the cursor of the next page, if any.
func page[T any](items []T, limit int, id func(T) string) ([]T, *string) {
	if len(items) <= limit {
		return items, nil
	}
	last := id(items[limit-1])
	return items[:limit], &last
}
