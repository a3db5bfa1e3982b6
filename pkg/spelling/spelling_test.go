package spelling

import "testing"

// TestHint proves that the nearest word is named, and that no word is named for what resembles none.
func TestHint(t *testing.T) {
	t.Parallel()
	known := []string{"points", "plans", "packs", "sold", "ADDR", "day", "id"}
	for word, want := range map[string]string{
		"poinst": "; did you mean points?",
		"pionts": "; did you mean points?",
		"pack":   "; did you mean packs?",
		"Plans":  "; did you mean plans?",
		"slod":   "; did you mean sold?",
		"ADRR":   "; did you mean ADDR?",
		"colour": "",
		"tax":    "",
		"x":      "",
		"":       "",
		"PATH":   "",
		"größe":  "",
	} {
		if got := Hint(Nearest(word, known)); got != want {
			t.Errorf("Hint(Nearest(%q)) = %q, want %q", word, got, want)
		}
	}
}
