package billing

import (
	"strings"
	"unicode/utf8"
)

// Storable returns a text from outside as either database can keep it, in at most limit bytes: PostgreSQL refuses a NUL
// and broken UTF-8, and a cut inside a letter breaks it. What cannot be kept becomes U+FFFD; the cut is before a letter.
func Storable(s string, limit int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
