package stripegw

import (
	"strconv"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// rolloverAll is how the metadata writes a rollover without a cap.
const rolloverAll = "all"

var termsKeys = []string{
	billing.MetadataPoints, billing.MetadataTrialPoints, billing.MetadataGrantInterval, billing.MetadataRollover,
}

// termsMetadata returns the metadata that carries terms. A missing key means none.
func termsMetadata(t billing.PriceTerms) map[string]string {
	m := map[string]string{billing.MetadataPoints: strconv.FormatInt(int64(t.Points), 10)}
	if t.TrialPoints > 0 {
		m[billing.MetadataTrialPoints] = strconv.FormatInt(int64(t.TrialPoints), 10)
	}
	if t.GrantInterval != "" {
		m[billing.MetadataGrantInterval] = string(t.GrantInterval)
	}
	switch {
	case t.Rollover == billing.RolloverAll:
		m[billing.MetadataRollover] = rolloverAll
	case t.Rollover > 0:
		m[billing.MetadataRollover] = strconv.FormatInt(int64(t.Rollover), 10)
	}
	return m
}

// termsOf reads the terms of a price. It returns nil if the metadata has no points, or is not valid as a whole. Half
// of the terms are not the terms that were sold.
func termsOf(p *stripe.Price) *billing.PriceTerms {
	if p == nil || p.Metadata[billing.MetadataPoints] == "" {
		return nil
	}
	points, ok := metadataPoints(p.Metadata[billing.MetadataPoints])
	if !ok || points == 0 {
		return nil
	}
	t := billing.PriceTerms{Points: points, GrantInterval: billing.Interval(p.Metadata[billing.MetadataGrantInterval])}
	if t.GrantInterval != "" && t.GrantInterval != billing.IntervalMonth {
		return nil
	}
	if t.TrialPoints, ok = metadataPoints(p.Metadata[billing.MetadataTrialPoints]); !ok {
		return nil
	}
	if p.Metadata[billing.MetadataRollover] == rolloverAll {
		t.Rollover = billing.RolloverAll
		return &t
	}
	if t.Rollover, ok = metadataPoints(p.Metadata[billing.MetadataRollover]); !ok {
		return nil
	}
	return &t
}

// soldAs reads what a price says besides its item. An unreadable time of adoption is the latest there is: what is not
// known to be ours grants nothing.
func soldAs(p *stripe.Price) billing.SoldAs {
	s := billing.SoldAs{Terms: termsOf(p)}
	if p == nil || p.Metadata[billing.MetadataAdoptedAt] == "" {
		return s
	}
	at, err := time.Parse(time.RFC3339, p.Metadata[billing.MetadataAdoptedAt])
	if err != nil {
		at = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	at = at.UTC()
	s.AdoptedAt = &at
	return s
}

// metadataPoints reads a number of points, 0 for none. Its bound leaves room for a million times the number.
func metadataPoints(text string) (billing.Points, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || billing.Points(n) > billing.MaxPoints/1e6 {
		return 0, false
	}
	return billing.Points(n), true
}
