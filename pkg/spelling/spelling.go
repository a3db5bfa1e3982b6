// Package spelling finds the word that someone meant, for errors about settings and files that people write. It knows
// no setting and no file: its callers say which words they know.
package spelling

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Hint returns "; did you mean plans?" if one of the known words is near to the word, or "" if none is.
func Hint(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

// nearest returns the first of the known words that takes the fewest changes of a letter, and no more than a third of
// the word's letters. It ignores case.
func nearest(word string, known []string) string {
	best, bound := "", max(2, len(word)/3)
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(k)); d <= bound {
			best, bound = k, d-1
		}
	}
	return best
}
