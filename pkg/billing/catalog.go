package billing

// Interval is how often a price is charged, in Stripe's words.
type Interval string

// Stripe's intervals.
const (
	IntervalDay   Interval = "day"
	IntervalWeek  Interval = "week"
	IntervalMonth Interval = "month"
	IntervalYear  Interval = "year"
)

// Plan is a subscription of the catalogue. Amount is in the currency's smallest unit.
type Plan struct {
	ID, Name, Description string
	Amount                int64
	Currency              string // ISO 4217, lower case
	Interval              Interval
	GrantInterval         Interval // a month, for a yearly plan whose points come month by month; otherwise ""
	Points                Points   // granted for each paid period, or each month of it
	TrialDays             int64
	TrialPoints           Points
	MaxQuantity           int64  // seats that one subscription may have; points and amount are for each seat
	Rollover              Points // how many unused points are kept in the next paid period, at most
	Retired               bool   // known and still granting, but no longer sold
	Features              []string
}

// Terms returns what a price of this plan grants.
func (p Plan) Terms() PriceTerms {
	return PriceTerms{
		Points: p.Points, TrialPoints: p.TrialPoints, GrantInterval: p.GrantInterval, Rollover: p.Rollover,
	}
}

// PeriodPoints returns the points that a whole paid period brings.
func (p Plan) PeriodPoints() Points { return p.Terms().PeriodPoints() }

// CheckQuantity refuses more seats than one subscription may have. Errors: EInvalid.
func (p Plan) CheckQuantity(quantity int64) error {
	if quantity > p.MaxQuantity {
		return Invalid("/quantity", "at most %d of this plan", p.MaxQuantity)
	}
	return nil
}

// PriceTerms are what an item grants. They belong to its price at Stripe, so a sold item keeps them.
type PriceTerms struct {
	Points        Points   // for one: each paid period of a plan or each month of it, or a pack
	TrialPoints   Points   // for a trial as a whole
	GrantInterval Interval // a month, if a year's points come month by month; otherwise ""
	Rollover      Points   // how many unused points are kept in the next paid period, at most
}

// PeriodPoints returns the points that a whole paid period brings.
func (t PriceTerms) PeriodPoints() Points {
	if t.GrantInterval != "" {
		return 12 * t.Points
	}
	return t.Points
}

// Pack is points for one payment. They do not expire.
type Pack struct {
	ID, Name, Description string
	Amount                int64
	Currency              string
	Points                Points
	MaxQuantity           int64
	Retired               bool // known, but no longer sold
}

// Terms returns what a price of this pack grants.
func (p Pack) Terms() PriceTerms { return PriceTerms{Points: p.Points} }

// CheckQuantity refuses more than one payment may buy. Errors: EInvalid.
func (p Pack) CheckQuantity(quantity int64) error {
	if quantity > p.MaxQuantity {
		return Invalid("/quantity", "at most %d of this pack at once", p.MaxQuantity)
	}
	return nil
}

// LookupKey returns the `lookup_key` that ties a price at Stripe to an item of the catalogue.
func LookupKey(item string) string { return "pointsync_" + item }

// MetadataItem is the metadata key that names the catalogue's item on prices and products. A price keeps it when its
// lookup key moves to its successor, so an old subscription is still known.
const MetadataItem = "pointsync_item"

// The metadata keys of a price's terms.
const (
	MetadataPoints        = "pointsync_points"
	MetadataTrialPoints   = "pointsync_trial_points"
	MetadataGrantInterval = "pointsync_grant_interval"
	MetadataRollover      = "pointsync_rollover"
	MetadataAdoptedAt     = "pointsync_adopted_at" // when a price of another system became one of ours
)

// MetadataOrder and MetadataAccount tie Stripe's objects to our rows.
const (
	MetadataOrder   = "pointsync_order"
	MetadataAccount = "pointsync_account"
)
