package catalog

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pointsync/pointsync/pkg/billing"
)

// The limits. The limit for money is Stripe's own for one charge (eight digits). The others leave room for sums of
// many items.
const (
	maxAmount      = 99_999_999
	maxPoints      = whole(billing.MaxPoints / 1e6)
	maxTrialDays   = 730 // Stripe's
	maxQuantity    = 100
	maxItems       = 200
	maxName        = 100
	maxDescription = 500
)

var (
	idPattern       = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)
	currencyPattern = regexp.MustCompile(`^[a-z]{3}$`)
)

// findings collects everything that is wrong, so that a file can be corrected in one go.
type findings struct{ errs []error }

func (f *findings) add(place, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
}

func (f *file) check() error {
	var found findings
	if f.Currency != "" && !currencyPattern.MatchString(f.Currency) {
		found.add("currency", "%q is not a three-letter lower-case code", f.Currency)
	}
	switch n := len(f.Plans) + len(f.Packs); {
	case n == 0:
		found.add("plans, packs", "there is nothing to sell")
	case n > maxItems:
		found.add("plans, packs", "%d items are more than %d", n, maxItems)
	}
	seen := map[string]string{} // id -> the place that uses it
	for n, p := range f.Plans {
		place := f.placeOf(entryOf("plans", n), p.ID)
		f.checkItem(&found, place, p.item, seen)
		p.check(&found, place)
	}
	for n, p := range f.Packs {
		place := f.placeOf(entryOf("packs", n), p.ID)
		f.checkItem(&found, place, p.item, seen)
		p.check(&found, place)
	}
	f.checkActions(&found)
	f.Caps.check(&found, "caps")
	return errors.Join(found.errs...)
}

// entryOf names an entry of a list. It counts from one, as people do when they look at a list.
func entryOf(list string, n int) string { return fmt.Sprintf("%s, entry %d", list, n+1) }

// placeOf adds to an entry its line, if it is known, and its id.
func (f *file) placeOf(entry, id string) string {
	if line, ok := f.lines[entry]; ok {
		entry = fmt.Sprintf("line %d: %s", line, entry)
	}
	if id != "" {
		entry += " (" + id + ")"
	}
	return entry
}

func (f *file) checkItem(found *findings, place string, i item, seen map[string]string) {
	switch first, double := seen[i.ID]; {
	case !idPattern.MatchString(i.ID):
		found.add(place, "id %q is not 1 to 40 of a-z, 0-9 and _", i.ID)
	case double:
		found.add(place, "id %q is taken (%s)", i.ID, first)
	default:
		seen[i.ID] = place
	}
	checkText(found, place, "name", i.Name, 1, maxName)
	checkText(found, place, "description", i.Description, 0, maxDescription)
	checkNumber(found, place, "amount", i.Amount, 1, maxAmount)
	checkNumber(found, place, "points", i.Points, 1, maxPoints)
	switch {
	case i.Currency == "" && f.Currency == "":
		found.add(place, "currency is missing, here and at the top of the file")
	case i.Currency != "" && !currencyPattern.MatchString(i.Currency):
		found.add(place, "currency %q is not a three-letter lower-case code", i.Currency)
	}
}

func (p plan) check(found *findings, place string) {
	p.checkFeatures(found, place)
	p.Caps.check(found, place+", caps")
	switch p.Interval {
	case billing.IntervalDay, billing.IntervalWeek, billing.IntervalMonth, billing.IntervalYear:
	default:
		found.add(place, "interval %q is not one of day, week, month, year", p.Interval)
	}
	p.checkQuantity(found, place, p.MaxQuantity)
	if p.GrantEvery != "" && (p.GrantEvery != billing.IntervalMonth || p.Interval != billing.IntervalYear) {
		found.add(
			place, "grant_interval %q with interval %q: it is month, and only for interval year", p.GrantEvery,
			p.Interval,
		)
	}
	if p.Rollover.cap != nil {
		checkNumber(found, place, "rollover cap", p.Rollover.cap, 1, maxPoints)
	}
	if p.TrialDays != nil {
		checkNumber(found, place, "trial_days", p.TrialDays, 0, maxTrialDays)
	}
	if p.TrialPoints != nil {
		checkNumber(found, place, "trial_points", p.TrialPoints, 0, maxPoints)
		if *p.TrialPoints > 0 && or(p.TrialDays, 0) == 0 {
			found.add(place, "trial_points without trial_days would never be granted")
		}
	}
}

func (p pack) check(found *findings, place string) { p.checkQuantity(found, place, p.MaxQuantity) }

// checkQuantity bounds how many of an item can be bought at once. The default is one.
func (i item) checkQuantity(found *findings, place string, most *whole) {
	if most == nil {
		return
	}
	checkNumber(found, place, "max_quantity", most, 1, maxQuantity)
	// Both factors have at most eight digits here or are already reported, so the product does not overflow.
	if i.Amount != nil && *i.Amount <= maxAmount && *most <= maxQuantity && *i.Amount**most > maxAmount {
		found.add(
			place, "max_quantity %d of them would cost more than %d, the most that Stripe charges at once", *most,
			maxAmount,
		)
	}
}

func checkNumber(found *findings, place, key string, n *whole, low, high whole) {
	switch {
	case n == nil:
		found.add(place, "%s is missing", key)
	case *n < low || *n > high:
		found.add(place, "%s %d is outside %d to %d", key, *n, low, high)
	}
}

func checkText(found *findings, place, key, text string, low, high int) {
	n := utf8.RuneCountInString(strings.TrimSpace(text))
	switch {
	case n < low:
		found.add(place, "%s is missing", key)
	case n > high:
		found.add(place, "%s has %d letters, more than %d", key, n, high)
	case strings.ContainsFunc(text, unicode.IsControl):
		found.add(place, "%s holds a control character; write it on one line", key)
	}
}
