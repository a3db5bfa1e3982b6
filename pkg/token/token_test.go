package token_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

var epoch = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

const (
	issuer   = "https://points.example"
	audience = "pointsync"
	kid      = "k1"
)

var account = billing.Account{
	ID: "acc_1", Balance: billing.Balance{Available: billing.MaxPoints}, Version: 7,
	Subscription: &billing.Subscription{
		ID: "sub_1", Plan: "pro", Status: billing.SubActive, Window: &billing.Window{
			From: epoch.Add(-time.Hour), Until: epoch.Add(time.Hour),
		},
	},
}

// Proves that a token contains what was minted: with a subscription in its window, with one outside any, and without.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, token.GenerateKey(kid), at(epoch))
	outside, without := account, account
	outside.Subscription = &billing.Subscription{Plan: "pro", Status: billing.SubCanceled}
	without.Subscription, without.Available = nil, 0
	for name, a := range map[string]billing.Account{"Inside": account, "Outside": outside, "Without": without} {
		raw, minted, err := i.Mint(a, "ses_1")
		if err != nil {
			t.Fatal(err)
		}
		got, err := i.Parse(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := token.Claims{
			Account:   a.ID,
			Login:     "ses_1",
			ID:        minted.ID,
			IssuedAt:  epoch,
			ExpiresAt: epoch.Add(15 * time.Minute),
			Version:   7,
			Points:    a.Available,
		}
		if a.Subscription != nil {
			want.Subscription = &token.Subscription{
				Plan: a.Subscription.Plan, Status: a.Subscription.Status, Window: a.Subscription.Window,
			}
		}
		if got := inUTC(got); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(inUTC(minted), want) || got.ID == "" {
			t.Errorf("%s:\nparsed %+v\nminted %+v\nwant   %+v", name, got, minted, want)
		}
		if got.InWindow(epoch) != (name == "Inside") {
			t.Errorf("%s: in the window: %v", name, got.InWindow(epoch))
		}
	}
}

// Proves that a token lives for its minutes, plus a few seconds of leeway on either side for the clocks of two
// servers.
func TestLifetime(t *testing.T) {
	t.Parallel()
	keys := token.GenerateKey(kid)
	raw, _, err := newIssuer(t, keys, at(epoch)).Mint(account, "ses_1")
	if err != nil {
		t.Fatal(err)
	}
	for after, ok := range map[time.Duration]bool{
		-6 * time.Second: false, -4 * time.Second: true, 0: true, token.TTL: true, token.TTL + 4*time.Second: true,
		token.TTL + 6*time.Second: false,
	} {
		_, err := newIssuer(t, keys, at(epoch.Add(after))).Parse(raw)
		if (err == nil) != ok {
			t.Errorf("after %s: got %v", after, err)
		}
		if err != nil && billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("after %s: got %v, want %s", after, err, billing.EUnauthorized)
		}
		if after > token.TTL && err != nil && !strings.Contains(err.Error(), "Refresh") {
			t.Errorf("after %s: %v does not say what to do", after, err)
		}
	}
}

// Proves that keys rotate: a new key signs, and the old one's tokens are accepted only while it is listed.
func TestRotation(t *testing.T) {
	t.Parallel()
	before, after := token.GenerateKey("old"), token.GenerateKey("new")
	old, _, err := newIssuer(t, before, at(epoch)).Mint(account, "ses_1")
	if err != nil {
		t.Fatal(err)
	}
	both := newIssuer(t, after+", "+before, at(epoch))
	if _, err := both.Parse(old); err != nil {
		t.Errorf("the old key while it is listed: %v", err)
	}
	fresh, _, err := both.Mint(account, "ses_1")
	if err != nil {
		t.Fatal(err)
	}
	alone := newIssuer(t, after, at(epoch))
	if _, err := alone.Parse(fresh); err != nil {
		t.Errorf("the new key does not sign: %v", err)
	}
	if _, err := alone.Parse(old); billing.CodeOf(err) != billing.EUnauthorized {
		t.Errorf("the old key after it was dropped: got %v", err)
	}
}

func newIssuer(t *testing.T, keys string, now func() time.Time) *token.Issuer {
	t.Helper()
	parsed, err := token.ParseKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	return token.NewIssuer(parsed, issuer, audience, now)
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// inUTC gives the times of claims the same zone, so that they can be compared.
func inUTC(c token.Claims) token.Claims {
	c.IssuedAt, c.ExpiresAt = c.IssuedAt.UTC(), c.ExpiresAt.UTC()
	if c.Subscription != nil && c.Subscription.Window != nil {
		s, w := *c.Subscription, *c.Subscription.Window
		w.From, w.Until = w.From.UTC(), w.Until.UTC()
		s.Window = &w
		c.Subscription = &s
	}
	return c
}

// Proves that the token of an account without any history is valid: no points, and the version 0.
func TestFreshAccount(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, token.GenerateKey(kid), at(epoch))
	raw, _, err := i.Mint(billing.Account{ID: "acc_1"}, "ses_1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := i.Parse(raw); err != nil || got.Version != 0 || got.Points != 0 || got.Subscription != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Proves that a token has the features of the plan if it is made while the window contains the time, whatever the
// status, and otherwise a list of none.
func TestFeatures(t *testing.T) {
	t.Parallel()
	keys := token.GenerateKey(kid)
	of := func(plan string) []string { return map[string][]string{"pro": {"hd", "export"}}[plan] }
	window := account.Subscription.Window
	for name, test := range map[string]struct {
		plan   string
		status billing.SubscriptionStatus
		window *billing.Window
		at     time.Time
		has    bool
	}{
		"Active":      {"pro", billing.SubActive, window, epoch, true},
		"PastDue":     {"pro", billing.SubPastDue, window, epoch, true},
		"First":       {"pro", billing.SubActive, window, window.From, true},
		"Last":        {"pro", billing.SubActive, window, window.Until.Add(-time.Second), true},
		"Before":      {"pro", billing.SubActive, window, window.From.Add(-time.Second), false},
		"After":       {"pro", billing.SubActive, window, window.Until, false},
		"Canceled":    {"pro", billing.SubCanceled, nil, epoch, false},
		"WithoutThem": {"basic", billing.SubActive, window, epoch, false},
		"Unknown":     {"", billing.SubActive, window, epoch, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t, keys, at(test.at)).WithFeatures(of)
			a := account
			a.Subscription = &billing.Subscription{Plan: test.plan, Status: test.status, Window: test.window}
			raw, _, err := i.Mint(a, "ses_1")
			if err != nil {
				t.Fatal(err)
			}
			got, err := i.Parse(raw)
			want := []string(nil)
			if test.has {
				want = []string{"hd", "export"}
			}
			if err != nil || !slices.Equal(got.Subscription.Features, want) {
				t.Errorf("got %v (%v), want %v", got.Subscription, err, want)
			}
			payload, err := b64.DecodeString(strings.Split(raw, ".")[1])
			if err != nil || strings.Contains(string(payload), `"features":null`) {
				t.Errorf("got %s, %v", payload, err)
			}
		})
	}
}
