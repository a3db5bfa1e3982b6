package billing

import (
	"fmt"
	"time"
)

// timeLayout is the one form of the times that we send: RFC 3339 in UTC, always with three digits of a second, so that
// a client can parse them with one fixed pattern, and compare them as text.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a time as JSON has it, in responses and in events. Only the parts that write JSON use it. A later digit is
// cut off and not rounded: what expires is never shown to live longer.
type Time time.Time

// String returns the time as JSON has it.
func (t Time) String() string { return time.Time(t).UTC().Format(timeLayout) }

// MarshalJSON returns the time in the one form.
func (t Time) MarshalJSON() ([]byte, error) {
	if y := time.Time(t).UTC().Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("billing: the year %d has no form in RFC 3339", y)
	}
	return []byte(`"` + t.String() + `"`), nil
}

// UnmarshalJSON reads any time of RFC 3339.
func (t *Time) UnmarshalJSON(b []byte) error { return (*time.Time)(t).UnmarshalJSON(b) }
