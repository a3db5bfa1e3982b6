package ledger_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// period is the grant of one period of a subscription.
func (b *book) period(key string, n, rollover billing.Points, lasts time.Duration) {
	b.t.Helper()
	b.grantFrom("subscription", billing.Grant{Key: key, Amount: n, Replaces: true, Rollover: rollover}, lasts)
}

// Proves what happens to a period's unused points when the next one is paid: none, all, or up to a number of them are
// kept until the new period's end, each with an entry. Points that rolled over before count again.
func TestRollover(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rollover billing.Points
		second   string // the lots in the second period, and in the third
		third    string
		entries  []string // of the two renewals
	}{
		"None": {
			0, "in_2 10, pack 5", "in_3 10, pack 5",
			[]string{"expire -7 -> 5", "grant 10 -> 15", "expire -10 -> 5", "grant 10 -> 15"},
		},
		"All": {billing.RolloverAll, "in_1 7, in_2 10, pack 5", "in_1 7, in_2 10, in_3 10, pack 5",
			[]string{"rollover 0 -> 12", "grant 10 -> 22", "rollover 0 -> 22", "rollover 0 -> 22", "grant 10 -> 32"}},
		"Cap": {12, "in_1 7, in_2 10, pack 5", "in_1 2, in_2 10, in_3 10, pack 5",
			[]string{
				"rollover 0 -> 12", "grant 10 -> 22", "rollover 0 -> 22", "expire -5 -> 17", "rollover 0 -> 17",
				"grant 10 -> 27",
			}},
		"LowCap": {4, "in_1 4, in_2 10, pack 5", "in_2 4, in_3 10, pack 5",
			[]string{
				"expire -3 -> 9", "rollover 0 -> 9", "grant 10 -> 19", "expire -6 -> 13", "rollover 0 -> 13",
				"expire -4 -> 9", "grant 10 -> 19",
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				b.grant("pack", 5, never)
				b.period("in_1", 10, c.rollover, 3*time.Hour)
				b.spend(3)
				b.clock.Advance(2 * time.Hour)
				b.period("in_2", 10, c.rollover, 3*time.Hour)
				b.clock.Advance(2 * time.Hour) // past the first period's own end
				b.wantLots(c.second)
				b.period("in_3", 10, c.rollover, 3*time.Hour)
				b.wantLots(c.third)
				b.wantEntries(append([]string{"grant 5 -> 5", "grant 10 -> 15", "spend -3 -> 12"}, c.entries...)...)
				b.clock.Advance(3 * time.Hour)
				b.wantLots("pack 5")
			})
		})
	}
}

// Proves the case that a period is paid late, when the next one's points are there already. It ends as if it had been
// paid in time, whether or not it has expired.
func TestRolloverOfLatePayment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rollover billing.Points
		want     string
	}{
		"None": {0, "second 10"}, "LowCap": {4, "first 4, second 10"}, "Cap": {12, "first 10, second 10, trial 2"},
		"All": {billing.RolloverAll, "first 10, second 10, trial 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				for _, lasts := range []time.Duration{time.Hour, -time.Hour} {
					for _, order := range []string{"trial first second", "trial second first"} {
						if lasts < 0 && order == "trial first second" {
							continue // a lot that ended before it began lasts for no time
						}
						other := *b
						other.id = storetest.NewAccount(t, b.db).ID
						for key := range strings.FieldsSeq(order) {
							other.payPeriod(key, c.rollover, lasts)
						}
						if got := other.lotsByName(); got != c.want {
							t.Errorf("%s, the first for %s: got %q, want %q", order, lasts, got, c.want)
						}
						b.clock.Advance(9 * time.Hour)
						other.wantBalance(billing.Balance{})
					}
				}
			})
		})
	}
}

// payPeriod grants a trial, or the first or second period after it, under the account's own key.
func (b *book) payPeriod(name string, rollover billing.Points, firstLasts time.Duration) {
	b.t.Helper()
	g := billing.Grant{
		Key: string(b.id) + ":" + name, Source: "subscription", Amount: 10, Replaces: true, Rollover: rollover,
	}
	lasts, start := 9*time.Hour, storetest.Epoch
	switch name {
	case "trial":
		g.Amount, lasts = 5, time.Hour
	case "first":
		lasts, start = firstLasts, start.Add(time.Minute)
	case "second":
		start = start.Add(2 * time.Minute)
	}
	g.Period = &billing.Period{Start: start, End: start.Add(time.Minute)}
	g.ExpiresAt = new(b.clock.Now().Add(lasts))
	if !b.tryGrant(g) || b.tryGrant(g) {
		b.t.Errorf("%s was not granted just once", name)
	}
}

// lotsByName lists what is left, by the last word of the keys, in their order.
func (b *book) lotsByName() string {
	b.t.Helper()
	_, lots, err := ledger.Show(context.Background(), b.db, b.id)
	if err != nil {
		b.t.Fatal(err)
	}
	var texts []string
	for _, l := range lots {
		texts = append(texts, lotText(l.GrantKey[strings.LastIndex(l.GrantKey, ":")+1:], l.Remaining, l.Held))
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

// Proves that a refund finds points that rolled over in the lot that its money bought, and that held points go over
// with theirs.
func TestRolloverKeepsLots(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.period("in_1", 10, 0, time.Hour)
		h := b.hold(4, 5*time.Hour)
		b.period("in_2", 10, billing.RolloverAll, 9*time.Hour)
		b.clock.Advance(2 * time.Hour)
		b.clawback("in_1", 5)
		b.wantLots("in_1 1+4, in_2 10")
		b.release(h.ID)
		b.wantLots("in_1 5, in_2 10")
	})
}
