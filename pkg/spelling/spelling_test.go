package spelling

import "testing"

// TestHint proves that the nearest word is named, and that no word is named for what resembles none.
func TestHint(t *testing.T) {
	t.Parallel()
	known := []string{"points", "plans", "packs", "POINTSYNC_ADDR"}
	for word, want := range map[string]string{
		"poinst":         "; did you mean points?",
		"pack":           "; did you mean packs?",
		"Plans":          "; did you mean plans?",
		"POINTSYNC_ADR":  "; did you mean POINTSYNC_ADDR?",
		"colour":         "",
		"":               "",
		"POINTSYNC_PATH": "; did you mean POINTSYNC_ADDR?",
		"SOMETHING_ELSE": "",
	} {
		if got := Hint(word, known); got != want {
			t.Errorf("Hint(%q) = %q, want %q", word, got, want)
		}
	}
}
