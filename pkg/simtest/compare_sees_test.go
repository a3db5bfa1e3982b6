package simtest

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// TestCompareSees proves that the comparison with Stripe can fail. Of lots made by hand, it accepts those that
// grants.md requires and refuses all others. Basic is paid for March. On 1 April it changes to pro, which may carry 300
// over, in the draft hour (700), and renews (1200).
func TestCompareSees(t *testing.T) {
	t.Parallel()
	s := atStripe{
		subscriptions: []object{{
			"id": "sub", "status": "active", "created": 1.0, "items": map[string]any{
				"data": []any{map[string]any(line("", "pro", 0, false, "04-01", "05-01"))},
			},
			"current_period_start": float64(day2030("04-01").Unix()),
			"current_period_end":   float64(day2030("05-01").Unix()),
		}},
		invoices: []object{
			invoiceOf(
				"march", "subscription_create", 900, 900, 0, 0, line("il_1", "basic", 900, false, "03-01", "04-01"),
			),
			invoiceOf("change", "subscription_update", 1000, 1000, 0, 0,
				line("il_2", "basic", -900, true, "04-01", "05-01"), line("il_3", "pro", 1900, true, "04-01", "05-01")),
			invoiceOf(
				"april", "subscription_cycle", 1900, 1900, 0, 0, line("il_4", "pro", 1900, false, "04-01", "05-01"),
			),
		},
	}
	for name, c := range map[string]struct {
		spoil func(s *atStripe, march, change, april *billing.Lot)
		want  string // part of the message
	}{
		"Fits": {func(*atStripe, *billing.Lot, *billing.Lot, *billing.Lot) {}, ""},
		"OwnPointsRanOut": {
			func(_ *atStripe, _, change, _ *billing.Lot) { change.Remaining, change.Expired = 0, 700 }, "ran out",
		},
		"TooMuchWentOver": {func(_ *atStripe, march, _, _ *billing.Lot) { march.Remaining = 301 }, "may go over"},
		"EndsSooner": {
			func(_ *atStripe, march, _, _ *billing.Lot) { march.ExpiresAt = new(day2030("04-01").Add(renewalGrace)) },
			"should at",
		},
		"OutlivesItsKnownEnd": {func(s *atStripe, _, _, _ *billing.Lot) {
			s.subscriptions[0]["cancel_at"] = float64(day2030("04-11").Unix())
		}, "should at"},
		"OutlivesItsStretch": {func(s *atStripe, _, _, _ *billing.Lot) {
			s.subscriptions[0]["current_period_end"] = float64(day2030("05-08").Unix())
		}, "should at"},
		"OutlivesTheEnd": {func(s *atStripe, _, _, _ *billing.Lot) {
			s.subscriptions[0]["ended_at"] = float64(day2030("04-02").Unix())
		}, "subscription ended"},
		"GrantsByTheCatalogue": {
			func(_ *atStripe, _, _, april *billing.Lot) { april.Granted = 1300 }, "should have granted 1200",
		},
		"GrantsTwice": {
			func(_ *atStripe, march, _, _ *billing.Lot) { march.GrantKey = "stripe:invoice:march:il_9" },
			"does not call paid",
		},
		"GrantsNothing": {func(s *atStripe, _, _, _ *billing.Lot) {
			s.invoices = append(
				s.invoices,
				invoiceOf(
					"more", "subscription_cycle", 900, 900, 0, 0, line("il_5", "basic", 900, false, "04-01", "05-01"),
				),
			)
		}, "granted none"},
		"TakesBackWhatWasKept": {
			func(_ *atStripe, _, _, april *billing.Lot) { april.ClawedBack = 600 }, "should be clawed back",
		},
		"FitsAlthoughHeldPointsExpired": {func(s *atStripe, march, _, _ *billing.Lot) {
			s.charges = twoCharges("march") // 250 of 500, when 260 had expired and 30 were held
			march.ClawedBack, march.Remaining, march.Expired = 240, 0, 290
		}, ""},
		"KeepsWhatWasTakenBack": {
			func(s *atStripe, _, _, _ *billing.Lot) { s.charges = twoCharges("april") },
			"600 points should be clawed back",
		},
		"LateIsNotByItself": {func(s *atStripe, _, _, _ *billing.Lot) {
			s.subscriptions[0]["ended_at"] = float64(day2030("03-20").Unix())
			s.invoices[0]["status_transitions"] = map[string]any{"paid_at": float64(day2030("03-25").Unix())}
		}, "belong to subscription:sub and should to invoice:march"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mine, lots := s, []billing.Lot{
				lotOf("march:il_1", 500, 300), lotOf("change:proration", 700, 700), lotOf("april:il_4", 1200, 1200),
			}
			mine.subscriptions, mine.invoices = copies(s.subscriptions), copies(s.invoices)
			c.spoil(&mine, &lots[0], &lots[1], &lots[2])
			got := mine.compareLots(lots, day2030("04-02"))
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}

func lotOf(key string, granted, left billing.Points) billing.Lot {
	return billing.Lot{
		GrantKey: "stripe:invoice:" + key, Source: "subscription:sub", Granted: granted, Remaining: left,
		ExpiresAt: new(day2030("05-01").Add(2 * time.Hour)),
	}
}

// twoCharges returns the two charges that each paid half of an invoice. One of them was refunded.
func twoCharges(invoice string) []object {
	half := func(back float64) object {
		return object{
			"id": "ch", "invoice": invoice, "paid": true, "status": "succeeded", "amount": 950.0,
			"amount_refunded": back,
		}
	}
	return []object{half(950), half(0)}
}

func copies(objects []object) (all []object) {
	for _, o := range objects {
		made := object{}
		for name, v := range o {
			made[name] = v
		}
		all = append(all, made)
	}
	return all
}

// TestCompareSeesClawbacks proves the same of points that were taken back. Of 1200, 800 have expired. A refund of all
// takes 400, from other lots if some of them are held, and these may expire later. It takes no more than 400.
func TestCompareSeesClawbacks(t *testing.T) {
	t.Parallel()
	lot := billing.Lot{ID: "lot", Granted: 1200}
	of := func(kind billing.EntryKind, amount billing.Points) billing.Entry {
		return billing.Entry{Kind: kind, Amount: amount, LotID: "lot"}
	}
	for name, c := range map[string]struct {
		entries []billing.Entry // the newest first
		broken  bool
	}{
		"NotExpired":   {[]billing.Entry{of("clawback", -400), of("expire", -800)}, false},
		"HeldThen":     {[]billing.Entry{of("expire", -66), of("clawback", -400), of("expire", -800)}, false},
		"WonAndLost":   {[]billing.Entry{of("clawback", -400), of("restore", 400), of("clawback", -400)}, false},
		"ExpiredToo":   {[]billing.Entry{of("clawback", -401), of("expire", -800)}, true},
		"TwiceTheSame": {[]billing.Entry{of("clawback", -400), of("clawback", -400), of("expire", -800)}, true},
	} {
		if why := compareClawbacks([]billing.Lot{lot}, c.entries); (why != "") != c.broken {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// TestCompareSeesExpiries proves the same of points that expired long ago. A change of the draft hour may not expire
// with the renewal that is paid an hour later. Points that the change ends in the period before may.
func TestCompareSeesExpiries(t *testing.T) {
	t.Parallel()
	s := atStripe{
		subscriptions: []object{{"id": "sub", "status": "active"}},
		invoices: []object{
			invoiceOf(
				"march", "subscription_create", 900, 900, 0, 0, line("il_1", "basic", 900, false, "03-01", "04-01"),
			),
			invoiceOf("change", "subscription_update", 1000, 1000, 0, 0,
				line("il_2", "basic", -900, true, "04-02", "05-01"), line("il_3", "pro", 1900, true, "04-02", "05-01")),
			invoiceOf(
				"april", "subscription_cycle", 1900, 1900, 0, 0, line("il_4", "pro", 1900, false, "04-01", "05-01"),
			),
			invoiceOf(
				"may", "subscription_cycle", 1900, 1900, 0, 0, line("il_5", "pro", 1900, false, "05-01", "06-01"),
			),
		},
	}
	lots := []billing.Lot{lotOf("march:il_1", 500, 0), lotOf("change:proration", 700, 0), lotOf("april:il_4", 1200, 0)}
	for name, c := range map[string]struct {
		lot  int
		then string
		fits bool
	}{
		"MarchInItsPeriod":  {0, "03-20", false},
		"MarchAtTheRenewal": {0, "04-01", true},
		"ChangeInItsPeriod": {1, "04-03", false},
		"ChangeAfterIt":     {1, "05-01", true},
		"AprilInItsPeriod":  {2, "04-20", false},
		"AprilAfterIt":      {2, "05-02", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mine := append([]billing.Lot(nil), lots...)
			mine[c.lot].ID = "lot"
			gone := []billing.Entry{{LotID: "lot", Kind: billing.EntryExpire, Amount: -1, CreatedAt: day2030(c.then)}}
			if got := s.compareExpiries(mine, gone, day2030("05-10")); (got == "") != c.fits {
				t.Errorf("it says %q", got)
			}
		})
	}
}
