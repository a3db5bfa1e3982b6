package token

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

func newRemembering(t *testing.T, now *time.Time) *Issuer {
	t.Helper()
	keys, err := ParseKeys(GenerateKey("one"))
	if err != nil {
		t.Fatal(err)
	}
	return NewIssuer(keys, "issuer", "audience", func() time.Time { return *now })
}

// Proves that a remembered token has the claims that parsing it gives, whether this process minted or verified it.
func TestMemoryHoldsWhatTheTokenSays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 10, 0, 0, 123_456_000, time.UTC)
	minting := newRemembering(t, &now).WithFeatures(func(string) []string { return []string{"hd"} })
	from, until := now.Add(-time.Hour), now.Add(time.Hour)
	for name, s := range map[string]*billing.Subscription{
		"none":    nil,
		"ended":   {Plan: "pro", Status: billing.SubCanceled},
		"current": {Plan: "pro", Status: billing.SubActive, Window: &billing.Window{From: from, Until: until}},
	} {
		raw, _, err := minting.Mint(billing.Account{ID: "acc_1", Version: 7, Subscription: s}, "ses_1")
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := minting.parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := minting.memory.get(raw, now); !ok || !sameClaims(c, parsed) {
			t.Errorf("%s: minted %+v, and it says %+v (remembered: %t)", name, c, parsed, ok)
		}
		verifying := &Issuer{
			keys: minting.keys, issuer: "issuer", audience: "audience", now: minting.now, memory: newMemory(),
		}
		for range 2 {
			if c, err := verifying.Parse(raw); err != nil || !sameClaims(c, parsed) {
				t.Errorf("%s: verified %+v, and it says %+v: %v", name, c, parsed, err)
			}
		}
		if _, ok := verifying.memory.get(raw, now); !ok {
			t.Errorf("%s: a verified token is not remembered", name)
		}
	}
}

// sameClaims compares times as moments.
func sameClaims(a, b Claims) bool {
	text := func(c Claims) string {
		var window string
		if s := c.Subscription; s != nil && s.Window != nil {
			window = fmt.Sprint(s.Window.From.Unix(), s.Window.Until.Unix())
		}
		return fmt.Sprint(c.IssuedAt.Unix(), c.ExpiresAt.Unix(), window)
	}
	same := text(a) == text(b)
	clear := func(c *Claims) {
		c.IssuedAt, c.ExpiresAt = time.Time{}, time.Time{}
		if c.Subscription != nil {
			s := *c.Subscription
			s.Window, c.Subscription = nil, &s
		}
	}
	clear(&a)
	clear(&b)
	return same && reflect.DeepEqual(a, b)
}

// Proves that the memory keeps no token beyond its time, and believes none if the clock has moved back.
func TestMemoryEndsWithTheToken(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	now := begin
	i := newRemembering(t, &now)
	raw, c, err := i.Mint(billing.Account{ID: "acc_1"}, "ses_1")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		now  time.Time
		want bool
	}{
		{c.ExpiresAt.Add(-time.Second), true},
		{c.ExpiresAt.Add(leeway + time.Second), false},
		{begin.Add(-time.Minute), false}, // before it was issued
	} {
		now = at.now
		if _, err := i.Parse(raw); (err == nil) != at.want {
			t.Errorf("at %s: %v", at.now, err)
		}
	}
}

// Proves that the memory is bounded, and forgets first what was not used for longest.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m, now := newMemory(), time.Unix(0, 0)
	c := Claims{ExpiresAt: now.Add(time.Hour)}
	m.add("used", c, now)
	m.add("unused", c, now)
	for n := range 3 * maxRemembered {
		m.add(fmt.Sprint(n), c, now)
		if n%1000 == 0 {
			if _, ok := m.get("used", now); !ok {
				t.Fatalf("after %d others, a token in use is forgotten", n)
			}
		}
		if len(m.young)+len(m.older) > 2*maxRemembered {
			t.Fatalf("it holds %d and %d tokens", len(m.young), len(m.older))
		}
	}
	if _, ok := m.get("unused", now); ok {
		t.Error("a token is remembered for ever")
	}
}
