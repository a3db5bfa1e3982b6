package account

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// FuzzCursor proves that a cursor is either refused as the caller's mistake, or names a position that the database can
// compare with and that is written back as a cursor of the same position.
func FuzzCursor(f *testing.F) {
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	for _, p := range []billing.Position{
		{At: at, Rank: 3, Number: 7, Ref: "ent_1"}, {At: at}, store.EndOfTime,
		{At: at, Rank: 9, Number: 1<<63 - 1, Ref: "a b"},
	} {
		f.Add(formatCursor(p))
	}
	for _, raw := range []string{
		"", "x", "=", "MSAyIDMg", "LTEgMCAwIHg", "OTk5OTk5OTk5OTk5OTk5OTk5OSAwIDAgeA",
		"MSAxMCAxIHg", "MSAxIDEgAA", "MSAxIDEg_w",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := parseCursor(raw)
		if err != nil {
			if billing.CodeOf(err) != billing.EInvalid {
				t.Fatalf("%q is refused as %v", raw, err)
			}
			return
		}
		if !billing.IsStorable(p.Ref) || p.At.Year() < 1970 || p.At.Year() > 9999 {
			t.Fatalf("%q is %+v", raw, p)
		}
		if again, err := parseCursor(formatCursor(p)); raw != "" && (err != nil || again != p) {
			t.Fatalf("%q is %+v, and written back %+v, %v", raw, p, again, err)
		}
	})
}

// FuzzNormalizeEmail proves that an address has one spelling: what was normalized once stays as it is. No other error
// than the caller's mistake comes, and no spelling has what no one sees.
func FuzzNormalizeEmail(f *testing.F) {
	for _, email := range []string{
		"ada@example.com", " Ada@Example.COM ", "ａｄａ@example.com", "ada@bücher.example",
		"ada@xn--bcher-kva.example", "",
		"@", "a@b", "a\u200bda@example.com", "ada@exa\u00admple.com", "\"a b\"@example.com",
		"a@[127.0.0.1]", "a@b@c.example",
		"ada+tag@example.com", "ada@example.com.", "İ@example.com", "ß@straße.example", "a\u0301da@example.com",
		"ada@\xb6", "\xb6@example.com",
	} {
		f.Add(email)
	}
	f.Fuzz(func(t *testing.T, email string) {
		once, err := NormalizeEmail(email)
		if err != nil {
			if billing.CodeOf(err) != billing.EInvalid {
				t.Fatalf("%q is refused as %v", email, err)
			}
			return
		}
		if twice, err := NormalizeEmail(once); err != nil || twice != once {
			t.Fatalf("%q is %q, and that is %q, %v", email, once, twice, err)
		}
		if !billing.IsStorable(once) || len(once) > maxEmail {
			t.Fatalf("%q is %q", email, once)
		}
	})
}
