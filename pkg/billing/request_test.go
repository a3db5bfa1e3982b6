package billing

import (
	"testing"
	"time"
)

// TestRequestHash proves that equal requests have one hash, that any difference gives another, and that a request that
// cannot be written as JSON stops the program: all of these would have one hash, and count as repeats of each other.
func TestRequestHash(t *testing.T) {
	t.Parallel()
	end := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	hash := func(end *time.Time) string { return RequestHash("grant", Points(1), "r", map[string]string(nil), end) }
	if hash(&end) != hash(new(end)) || hash(&end) == hash(nil) || hash(&end) == hash(new(end.Add(-1))) {
		t.Error("the hash does not tell one request from another")
	}
	for _, late := range []time.Time{end.Add(time.Second), end.In(time.FixedZone("", -5*3600)).AddDate(0, 0, 1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v has a hash", late)
				}
			}()
			hash(&late)
		}()
	}
}
