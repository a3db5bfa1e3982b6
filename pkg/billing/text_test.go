package billing_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// TestStorable proves that a text is kept in full if possible, and that characters that no database accepts are
// replaced. A cut is never inside a letter: letters of one to four bytes are cut at each length. IsStorable reports
// which texts need no replacement.
func TestStorable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, want string
		limit    int
	}{
		{"", "", 10}, {"short", "short", 5}, {"short", "shor", 4},
		{"aä", "aä", 3}, {"aä", "a", 2}, // ä has two bytes: a cut at two of the three would split it
		{"€€", "€", 5}, {"€€", "", 2}, // three bytes each
		{"a😀", "a", 4}, {"a😀", "a😀", 5}, // four bytes
		{"a\x00b", "a\uFFFDb", 10}, {"a\xffb", "a\uFFFDb", 10}, {"\xc3", "\uFFFD", 10},
		{"\x00\x00", "\uFFFD", 5}, // three bytes each after the replacement: the second is cut off
	} {
		if got := billing.Storable(c.in, c.limit); got != c.want {
			t.Errorf("Storable(%q, %d) is %q, want %q", c.in, c.limit, got, c.want)
		}
		if kept := billing.Storable(c.in, 1000) == c.in; billing.IsStorable(c.in) != kept {
			t.Errorf("IsStorable(%q) is %v, and it is kept: %v", c.in, !kept, kept)
		}
	}
	for _, letter := range []string{"x", "ä", "€", "😀", "\x00"} {
		for limit := range 12 {
			got := billing.Storable(strings.Repeat(letter, 12), limit)
			if len(got) > limit || len(got) < limit-3 || !billing.IsStorable(got) {
				t.Errorf("of %q in %d bytes: %q", letter, limit, got)
			}
		}
	}
}

// TestGuessable proves that typed secrets are distinguished from random ones, for the lengths of Stripe's secrets and
// of our seeds. The random ones are the same in each run.
func TestGuessable(t *testing.T) {
	t.Parallel()
	ascending := make([]byte, 32)
	for i := range ascending {
		ascending[i] = byte(i)
	}
	for _, secret := range []string{
		"", "12345678", strings.Repeat("\x00", 32), strings.Repeat("\xff", 32), strings.Repeat("a", 32),
		strings.Repeat("secret", 6), string(ascending),
		"abcdefghijklmnopqrstuvwxyz012345", strings.Repeat("0123456789", 4),
	} {
		if !billing.Guessable(secret) {
			t.Errorf("%q passes for random", secret)
		}
	}
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		seed, text := make([]byte, 32), make([]byte, 32)
		for i := range seed {
			seed[i], text[i] = byte(random.Uint32()), letters[random.IntN(len(letters))]
		}
		for _, secret := range [][]byte{seed, text} {
			if billing.Guessable(string(secret)) {
				t.Errorf("%q is called guessable", secret)
			}
		}
	}
}

// TestBlank proves that a text that shows nothing is not a reason, in any of Unicode's ways to show nothing. A single
// character of any script is a reason.
func TestBlank(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", " ", "\t\r\n", "\u00a0", "\u2003\u3000", "\u200b", "\u200d\ufeff", "\u00ad", "\u202e", "\u2800", "\u3164",
		"\uffa0\u115f", "\u034f", "\u0301",
		"\ufe0f", "\U000e0041", "\x00", "\u2028", "\ufffd", "\ue000", "\x1b\x07",
	} {
		if !billing.Blank(s) || billing.CodeOf(billing.NeedReason(s)) != billing.EInvalid {
			t.Errorf("%q is a reason", s)
		}
	}
	for _, s := range []string{"a", " x ", "?", "7", "ä", "е\u0301", "理", "ب", "\u200bok", "€", "👍", "👨\u200d👩"} {
		if billing.Blank(s) || billing.NeedReason(s) != nil {
			t.Errorf("%q is no reason", s)
		}
	}
}

// TestCheckShown proves that a text with a control character or an invisible one is refused by its number, and that
// letters of any script, emoji and spaces are not.
func TestCheckShown(t *testing.T) {
	t.Parallel()
	for _, fine := range []string{
		"", "My phone", "Téléphone d’Åsa", "我的手机", "📱 2", "هاتفي", "نمی\u200cدانم", "👩\u200d👧",
	} {
		if err := billing.CheckShown("/name", fine); err != nil {
			t.Errorf("%q: %v", fine, err)
		}
	}
	for bad, number := range map[string]string{
		"a\u202eb": "U+202E", "\u2066x": "U+2066", "a\nb": "U+000A", "\u200b": "U+200B", "\x7f": "U+007F",
		"\u061c": "U+061C",
	} {
		err := billing.CheckShown("/name", bad)
		var e *billing.Error
		if !errors.As(err, &e) || e.Code != billing.EInvalid || e.Fields[0].Pointer != "/name" ||
			!strings.Contains(e.Fields[0].Message, number) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
