package sandbox

import "encoding/json"

// text is a string that Stripe shows as null if it is empty.
type text string

// MarshalJSON returns null for an empty text.
func (t text) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// stamp is a time in Unix seconds that Stripe shows as null if it is not set.
type stamp int64

// MarshalJSON returns null for a stamp that is not set.
func (s stamp) MarshalJSON() ([]byte, error) {
	if s == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(int64(s))
}

func amountOf(n int64) *int64 { return &n }

func nullIfUnset(value any) any {
	if value == "" {
		return nil
	}
	return value
}
