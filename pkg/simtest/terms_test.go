package simtest

import (
	"math"
	"strconv"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// terms are what was sold, according to the price at Stripe: amount and points for one.
type terms struct {
	amount, points, trial int64
	rollover              int64 // how many points may last into the next period
	monthly               bool  // the points of a year come month by month
	interval              string
	count                 int
}

// termsOf returns what a line or an item sells. It is not ours if its price does not name an item.
func termsOf(line object) (t terms, ours bool) {
	price := func(name string) string { return line.text("price.metadata." + name) }
	if price(billing.MetadataItem) == "" {
		return t, false
	}
	t = terms{
		amount: line.number("price.unit_amount"), points: number(price("pointsync_points")), trial: number(
			price("pointsync_trial_points"),
		),
		monthly:  price("pointsync_grant_interval") == "month",
		interval: line.text("price.recurring.interval"), count: int(line.number("price.recurring.interval_count")),
	}
	if t.rollover = number(price("pointsync_rollover")); price("pointsync_rollover") == "all" {
		t.rollover = math.MaxInt64
	}
	return t, true
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // 0 if the text is not a number
	return n
}

// whole returns the points of a whole period.
func (t terms) whole() int64 {
	if t.monthly {
		return 12 * t.points
	}
	return t.points
}

// later returns the time n periods later, as Stripe counts, or n months later if points come month by month.
func (t terms) later(from time.Time, n int) time.Time {
	n *= max(1, t.count)
	switch {
	case t.monthly:
		return monthsLater(from, n)
	case t.interval == "month":
		return monthsLater(from, n)
	case t.interval == "year":
		return monthsLater(from, 12*n)
	case t.interval == "week":
		return from.AddDate(0, 0, 7*n)
	}
	return from.AddDate(0, 0, n)
}

// addAutomatic adds the lots of automatic purchases: as many packs as were paid for, each at the price of that time.
func (s atStripe) addAutomatic(lots map[string]due) {
	for _, intents := range s.automatic() {
		for _, intent := range intents {
			if pack, known := s.priceThen(intent); known && intent.text("status") == "succeeded" {
				lots["stripe:payment_intent:"+intent.text("id")] = due{
					granted: pack.points * (intent.number("amount") / pack.amount),
				}
			}
		}
	}
}

// priceThen returns the terms of the item that a payment names. It uses the newest price that is not newer than the
// payment and whose amount divides the payment's. Servers that were not restarted since the catalogue changed sell at
// the previous price for a moment.
func (s atStripe) priceThen(intent object) (t terms, known bool) {
	newest := int64(-1)
	for _, price := range s.prices {
		const item = "metadata." + billing.MetadataItem
		made := price.number("created")
		fits := price.number("unit_amount") > 0 && intent.number("amount")%price.number("unit_amount") == 0
		if fits && price.text(item) == intent.text(item) && made > newest && made <= intent.number("created") {
			t, known = termsOf(object{"price": map[string]any(price)})
			newest = made
		}
	}
	return t, known
}
