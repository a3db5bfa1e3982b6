package ledger_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves how many points a hold brings back after a renewal: as many as if they had been there at the renewal. This
// holds for each way that a hold ends, for any number of holds, and over more than one renewal. A period has 500
// points. cap is the rollover of the next ones.
func TestHoldsAreCutByRenewals(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		cap  billing.Points
		play func(b *book, renew func())
		want billing.Points
	}{
		// All is held: nothing is carried, 500 come, 300 of 500 go back.
		"Release": {300, func(b *book, renew func()) { h := b.hold(500, day); renew(); b.release(h.ID) }, 800},
		// 100 are used, 400 come back, 300 of them are kept.
		"CapturePart": {300, func(b *book, renew func()) { h := b.hold(500, day); renew(); b.capture(h.ID, 100) }, 800},
		// 250 are used, 250 come back, less than the cap.
		"CaptureHalf": {300, func(b *book, renew func()) { h := b.hold(500, day); renew(); b.capture(h.ID, 250) }, 750},
		"RunsOut": {
			300, func(b *book, renew func()) { b.hold(500, time.Hour); renew(); b.clock.Advance(2 * time.Hour) }, 800,
		},
		// 200 are free and carried. Of 300 held, 100 more fit, although the 200 were spent since.
		"BesideFreeOnes": {
			300, func(b *book, renew func()) { h := b.hold(300, day); renew(); b.spend(200); b.release(h.ID) },
			500 + 100,
		},
		// Each finds what the other left of the cap: 200, then 100 of 300.
		"Two": {300, func(b *book, renew func()) {
			first, second := b.hold(200, day), b.hold(300, day)
			renew()
			b.release(first.ID)
			b.release(second.ID)
		}, 800},
		"NoRollover": {0, func(b *book, renew func()) { h := b.hold(500, day); renew(); b.release(h.ID) }, 500},
		"All": {
			billing.RolloverAll, func(b *book, renew func()) { h := b.hold(500, day); renew(); b.release(h.ID) }, 1000,
		},
		// 500 held over two renewals: of the second period's 500 free ones 300 are carried, so nothing of the hold fits
		// the third.
		"OverTwo": {300, func(b *book, renew func()) { h := b.hold(500, day); renew(); renew(); b.release(h.ID) }, 800},
		// The same, but the second period was used up: 300 of the hold pass the first renewal and the second.
		"OverTwoUsedUp": {
			300, func(b *book, renew func()) { h := b.hold(500, day); renew(); b.spend(500); renew(); b.release(h.ID) },
			800,
		},
		// A hold that was made after the renewal crosses nothing: 300 + 500 were there, and are again.
		"MadeAfter": {300, func(b *book, renew func()) { renew(); h := b.hold(800, day); b.release(h.ID) }, 800},
		// The hold is made of 800, of which 300 rolled over before. The next renewal lets 300 of the 800 through.
		"OfRolledOver": {
			300, func(b *book, renew func()) { renew(); h := b.hold(800, day); renew(); b.release(h.ID) }, 800,
		},
		// Held before, released after, and once more: 800 each time.
		"Again": {300, func(b *book, renew func()) {
			h := b.hold(500, day)
			renew()
			b.release(h.ID)
			h = b.hold(800, day)
			renew()
			b.release(h.ID)
		}, 800},
		// A refund of 500 finds the 500 of the new period. What comes back is cut as usual.
		"Refund": {
			300,
			func(b *book, renew func()) { h := b.hold(500, day); renew(); b.clawback("in_1", 500); b.release(h.ID) },
			300,
		},
		// 600 are owed: what comes back pays 100 of them first, 400 are left, 300 are kept.
		"Debt": {300, func(b *book, renew func()) {
			h := b.hold(500, day)
			renew()
			b.clawback("in_1", 500)
			b.grant("pack", 100, never)
			b.spend(100)
			b.clawback("pack", 100)
			b.release(h.ID)
		}, 300},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				n := 1
				renew := func() {
					n++
					b.period("in_"+string(rune('0'+n)), 500, c.cap, 9*day)
					b.clock.Advance(time.Minute)
				}
				b.period("in_1", 500, c.cap, 9*day)
				c.play(b, renew)
				b.wantBalance(billing.Balance{Available: c.want})
			})
		})
	}
}

// Proves that a grant ends no lot of its own period, whichever comes first, and no lot of a later one. The cases are an
// upgrade that was paid before the renewal, or after it, or with a second one. The last period's 500 expire, and 700
// and 500 are there.
func TestOwnPeriodStays(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{
		{"up", "renewal"}, {"renewal", "up"}, {"up", "renewal", "seat"}, {"seat", "up", "renewal"},
	} {
		eachBook(t, func(t *testing.T, b *book) {
			start := storetest.Epoch.Add(24 * time.Hour)
			period := func(begins time.Duration) *billing.Period {
				return &billing.Period{Start: start.Add(begins), End: start.Add(24 * time.Hour)}
			}
			last := billing.Period{Start: storetest.Epoch, End: start}
			b.tryGrant(billing.Grant{Key: "in_1", Source: "subscription", Amount: 500, Replaces: true, Period: &last})
			want := billing.Points(0)
			for _, what := range order {
				switch what {
				case "up":
					b.tryGrant(
						billing.Grant{Key: "up", Source: "subscription", Amount: 700, Period: period(10 * time.Minute)},
					)
					want += 700
				case "seat":
					b.tryGrant(
						billing.Grant{
							Key: "seat", Source: "subscription", Amount: 400, Period: period(20 * time.Minute),
						},
					)
					want += 400
				default:
					b.tryGrant(
						billing.Grant{
							Key: "in_2", Source: "subscription", Amount: 500, Replaces: true, Period: period(0),
						},
					)
					want += 500
				}
			}
			b.wantBalance(billing.Balance{Available: want})
		})
	}
}

// Proves that a late payment takes over no more than one in time, even if what was carried has been spent: cap 300.
// 300 of February are carried into April and 100 of them spent. March is paid late with 500: 200 of it are kept and
// the 200 of February end.
func TestLatePaymentAfterSpending(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		month := func(n int) *billing.Period {
			return &billing.Period{Start: storetest.Epoch.AddDate(0, n, 0), End: storetest.Epoch.AddDate(0, n+1, 0)}
		}
		for _, g := range []struct {
			key string
			n   int
		}{{"february", 0}, {"april", 2}, {"march", 1}} {
			if g.key == "march" {
				b.spend(100)
			}
			p := month(g.n)
			b.tryGrant(
				billing.Grant{
					Key:       g.key,
					Source:    "subscription",
					Amount:    500,
					Replaces:  true,
					Rollover:  300,
					Period:    p,
					ExpiresAt: &p.End,
				},
			)
		}
		b.wantLots("april 500, march 200")
		b.wantBalance(billing.Balance{Available: 700})
	})
}

// Proves that an older period that is paid after a renewal does not cut a hold that was made before the renewal. The
// held points were not free at the renewal. 200 of February's 500 are held. April is paid first and brings 500: it
// carries the 300 that are free. March has no rollover and is paid late with 400. They roll over into April, which
// carries 700 now. So 1200 are free. Of the 200 that come back, as many are kept as April has room for.
func TestHoldOverALatePeriod(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cap, late billing.Points // the rollover of April and of March
		end       func(b *book, h billing.HoldID)
		want      billing.Points
	}{
		"Release":    {1000, 0, func(b *book, h billing.HoldID) { b.release(h) }, 1400}, // room for 300
		"LittleRoom": {800, 0, func(b *book, h billing.HoldID) { b.release(h) }, 1300},  // room for 100
		"NoRoom":     {700, 0, func(b *book, h billing.HoldID) { b.release(h) }, 1200},  // and for none
		// March's own cap does not count.
		"SmallCap": {1000, 50, func(b *book, h billing.HoldID) { b.release(h) }, 1400},
		// It does not give room either.
		"LargeCap":     {800, 9999, func(b *book, h billing.HoldID) { b.release(h) }, 1300},
		"CapturedPart": {1000, 0, func(b *book, h billing.HoldID) { b.capture(h, 150) }, 1250}, // 50 come back
		"RunsOut":      {1000, 0, func(b *book, _ billing.HoldID) { b.clock.Advance(25 * time.Hour) }, 1400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				pay := func(key string, n int, points, rollover billing.Points) {
					p := &billing.Period{
						Start: storetest.Epoch.AddDate(0, n, 0), End: storetest.Epoch.AddDate(0, n+1, 0),
					}
					end := storetest.Epoch.AddDate(0, 4, 0)
					b.tryGrant(
						billing.Grant{
							Key:       key,
							Source:    "subscription",
							Amount:    points,
							Replaces:  true,
							Rollover:  rollover,
							Period:    p,
							ExpiresAt: &end,
						},
					)
				}
				pay("february", 0, 500, 0)
				h := b.hold(200, 24*time.Hour)
				pay("april", 2, 500, c.cap)
				pay("march", 1, 400, c.late)
				b.wantBalance(billing.Balance{Available: 1200, Held: 200})
				c.end(b, h.ID)
				b.wantBalance(billing.Balance{Available: c.want})
			})
		})
	}
}
