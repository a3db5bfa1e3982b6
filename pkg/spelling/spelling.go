// Package spelling finds the word that someone meant, for errors about settings and files that people write. It knows
// no setting and no file: its callers say which words they know.
package spelling

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the first of the known words that takes the fewest changes of a letter, and at most one for each
// three letters of the word. The same letters in another order count as one change. It ignores case, and returns "" if
// no word is near.
func Nearest(word string, known []string) string {
	best, bound := "", utf8.RuneCountInString(word)/3
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d <= bound {
			best, bound = k, d-1
		}
	}
	return best
}

// Hint ends a sentence about a word that is unknown: with the one that was probably meant, or with nothing if near
// is "".
func Hint(near string) string {
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", near)
}

func distance(a, b string) int {
	if a != b && letters(a) == letters(b) {
		return 1
	}
	return levenshtein.ComputeDistance(a, b)
}

// letters returns the letters of a word in the order of the alphabet.
func letters(word string) string { return string(slices.Sorted(slices.Values([]rune(word)))) }
