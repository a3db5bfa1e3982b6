package account

import (
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// oneEmail are spellings of one address. The first of each is the stored one.
var oneEmail = [][]string{
	{
		"ada@example.com", "ADA@EXAMPLE.COM", " Ada@Example.com\n", "ada@example.com\u00a0", "\u3000ada@example.com",
		"ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ada@example。com",
	},
	{"a.d+a@sub.example.com", "A.D+A@SUB.example.com"},
	{"andré@example.com", "ANDRÉ@example.com", "andre\u0301@example.com", "ANDRE\u0301@EXAMPLE.COM"},
	{"kelvin@example.com", "\u212aelvin@example.com"},
	{
		"ada@xn--bcher-kva.example", "ada@bücher.example", "ada@BÜCHER.example", "ada@bu\u0308cher.example",
		"Ada@XN--BCHER-KVA.example",
	},
	{"o'neill@example.com", "O'Neill@example.com"},
	{"дарья@example.com", "ДАРЬЯ@example.com"},
}

// noEmail are texts that are not addresses. Invisible characters, spaces, and characters that turn the direction of the
// text would make a second account that looks the same.
var noEmail = []string{
	"", "ada", "@", "@example.com", "ada@", "Ada <ada@example.com>", "<ada@example.com>",
	"a@example.com, b@example.com", "a b@example.com", "a@b@example.com",
	"ada@example.com\r\nBcc: eve@example.com", strings.Repeat("a", 250) + "@example.com",
	strings.Repeat("a", 65) + "@example.com", `"a b"@example.com`,
	"ada\u202e@example.com", "\u202eada@example.com", "ada@exam\u202eple.com", "a\u200bda@example.com",
	"ada\u200b@example.com", "ada@example.com\u200b",
	"a\u00a0da@example.com", "a\u2003da@example.com", "a\u3000da@example.com", "ada\u200d@example.com",
	"ada\u2060@example.com", "\ufeffada@example.com",
	"a\u00adda@example.com", "ada@ex\u00adample.com", "ada@exam\u200bple.com", "ada\u180e@example.com",
	"ada\u3164@example.com", "ada\u115f@example.com", "ada\ufe0f@example.com", "ada\u2066@example.com",
	"ada\u0000@example.com", "ada\u0007@example.com", "ada\u2028@example.com", "ada\xff@example.com",
	"ada\U000e0041@example.com", "ada@exa mple.com",
	"ada@example..com", "ada@.example.com", "ada@exa_mple.com", "ada@-example.com", "ada..b@example.com",
}

// TestNormalizeEmail proves which spellings are one address, and which texts are not an address.
func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	for _, spellings := range oneEmail {
		for _, in := range spellings {
			if got, err := NormalizeEmail(in); got != spellings[0] || err != nil {
				t.Errorf("%+q became %+q, %v; want %+q", in, got, err, spellings[0])
			}
		}
	}
	for _, in := range noEmail {
		if got, err := NormalizeEmail(in); billing.CodeOf(err) != billing.EInvalid {
			t.Errorf("%+q became %+q, %v", in, got, err)
		}
	}
}

// TestOneAccountForOneEmail proves that no spelling of an address makes a second account, and that each spelling finds
// the first one.
func TestOneAccountForOneEmail(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		for _, spellings := range oneEmail {
			made, err := s.Register(t.Context(), spellings[len(spellings)-1], password)
			must(t, err)
			for _, email := range spellings {
				if _, err := s.Register(t.Context(), email, password); billing.CodeOf(err) != billing.EEmailTaken {
					t.Errorf("%+q makes a second account: %v", email, err)
				}
			}
			in, err := s.Login(t.Context(), spellings[len(spellings)/2], password)
			if err != nil || in.Account.ID != made.Account.ID {
				t.Errorf("%+q opens %q, %v", spellings[len(spellings)/2], in.Account.ID, err)
			}
		}
	})
}

// TestEmailLengths proves that an address of the greatest length is accepted, and one that is a letter longer is not:
// before the @, and in all.
func TestEmailLengths(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("b", 63) + "."
	domain := label + label + label
	domain += strings.Repeat("b", maxEmail-len("a@")-len(domain))
	local := strings.Repeat("a", maxLocalPart)
	for email, code := range map[string]billing.Code{
		local + "@example.com": "", local + "a@example.com": billing.EInvalid,
		"a@" + domain: "", "aa@" + domain: billing.EInvalid,
	} {
		if got, err := NormalizeEmail(email); billing.CodeOf(err) != code || code == "" && got != email {
			t.Errorf("%d and %d letters: got %q, %v", strings.Index(email, "@"), len(email), got, err)
		}
	}
}
