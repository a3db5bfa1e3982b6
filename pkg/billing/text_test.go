package billing_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pointsync/pointsync/pkg/billing"
)

// TestStorable proves that a text is kept whole where it can be, that what no database takes is replaced, and that a cut is never
// inside a letter: letters of one to four bytes, cut at each length.
func TestStorable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, want string
		limit    int
	}{
		{"", "", 10}, {"short", "short", 5}, {"short", "shor", 4},
		{"aä", "aä", 3}, {"aä", "a", 2}, // ä has two bytes: of the three, two would cut it in half
		{"€€", "€", 5}, {"€€", "", 2}, // three bytes each
		{"a😀", "a", 4}, {"a😀", "a😀", 5}, // four bytes
		{"a\x00b", "a\uFFFDb", 10}, {"a\xffb", "a\uFFFDb", 10}, {"\xc3", "\uFFFD", 10},
		{"\x00\x00", "\uFFFD", 5}, // three bytes each after the replacement: the second is cut off
	} {
		if got := billing.Storable(c.in, c.limit); got != c.want {
			t.Errorf("Storable(%q, %d) is %q, want %q", c.in, c.limit, got, c.want)
		}
	}
	for _, letter := range []string{"x", "ä", "€", "😀", "\x00"} {
		for limit := range 12 {
			got := billing.Storable(strings.Repeat(letter, 12), limit)
			if len(got) > limit || len(got) < limit-3 || !utf8.ValidString(got) || strings.ContainsRune(got, 0) {
				t.Errorf("of %q in %d bytes: %q", letter, limit, got)
			}
		}
	}
}
