package billing

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Blank reports whether a text shows nothing: it is empty, or holds only spaces, controls and characters that are
// invisible by their nature, such as U+200B (zero width space), U+00AD (soft hyphen), U+3164 (Hangul filler), U+2800
// (the empty Braille pattern) or accents without a letter.
func Blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.In(
			r, unicode.L, unicode.N, unicode.P, unicode.S,
		) && r != '\u2800' && r != unicode.ReplacementChar &&
			!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	})
}

// CheckShown refuses a text that people see in a list and that may hide what it says: it has a control character, such
// as a newline, or an invisible one, such as U+202E, which writes what follows from right to left. The two joiners are
// let through: Persian, Hindi and emojis of families are written with them. Errors: EInvalid.
func CheckShown(pointer, s string) error {
	const nonJoiner, joiner = '\u200C', '\u200D'
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf) && r != nonJoiner && r != joiner {
			return Invalid(pointer, "must have no control characters and no invisible ones, such as U+%04X", r)
		}
	}
	return nil
}

// NeedReason refuses a reason that says nothing to the person who reads it later. Errors: EInvalid.
func NeedReason(reason string) error {
	if Blank(reason) {
		return Invalid("/reason", "must say something")
	}
	return nil
}

// Storable returns a text from outside in a form that either database can keep, in at most limit bytes. PostgreSQL
// refuses a NUL and broken UTF-8, and a cut inside a letter breaks UTF-8. So what cannot be kept becomes U+FFFD, and
// the cut is before a letter.
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

// IsStorable reports whether either database can keep a text as it is: it is UTF-8 without a NUL. What Storable returns
// always is.
func IsStorable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// leastLetters is the smallest number of different bytes in a secret. Of 32 random bytes about 30 differ, of 32 random
// letters and digits about 25. 12 or fewer do not happen by chance.
const leastLetters = 12

// Guessable reports whether a secret was typed and not made at random. Such a secret has too few different bytes (all
// zero, or one word again and again), or it is a sequence such as 0, 1, 2.
func Guessable(secret string) bool {
	different, steps := map[byte]bool{}, map[byte]int{}
	for i := range len(secret) {
		different[secret[i]] = true
		if i > 0 {
			steps[secret[i]-secret[i-1]]++
		}
	}
	for _, same := range steps {
		if same > len(secret)/2 {
			return true
		}
	}
	return len(different) < leastLetters
}
