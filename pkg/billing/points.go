package billing

import "time"

// Points is a number of points: a whole number, never negative in a balance, signed in an entry.
type Points int64

// MaxPoints bounds every amount of points that comes from outside. It leaves room to add 2^20 of them without
// overflow, and stays exact in a JSON reader that keeps numbers as 64-bit floats.
const MaxPoints Points = 1 << 43

// Balance is what an account owns. Available + Held - Debt is the sum of its entries; none of the three is
// negative, and Debt is positive only while Available is 0.
type Balance struct {
	Available Points
	Held      Points
	Debt      Points
}

// Total is the sum of the account's entries.
func (b Balance) Total() Points { return b.Available + b.Held - b.Debt }

// EntryKind says why points moved.
type EntryKind string

// The kinds of entry.
const (
	EntryGrant    EntryKind = "grant"    // points bought, or included in a paid period
	EntrySpend    EntryKind = "spend"    // points used
	EntryExpire   EntryKind = "expire"   // a lot ran out
	EntryClawback EntryKind = "clawback" // the money behind a grant went back
	EntryRestore  EntryKind = "restore"  // that money came back after all
	EntryRollover EntryKind = "rollover" // points of a period live on in the next one
	EntryHold     EntryKind = "hold"     // points set aside
	EntryCapture  EntryKind = "capture"  // points used that were held; what was not used of the hold went back
	EntryRelease  EntryKind = "release"  // a hold's points went back, on demand or because its time was over

	EntryCorrection EntryKind = "correction" // an admin took points away
)

// Entry is one movement of points. Entries are appended and never changed.
type Entry struct {
	ID           EntryID
	AccountID    AccountID
	Kind         EntryKind
	Amount       Points // signed
	Held         Points // signed: into (positive) or out of a hold
	BalanceAfter Points // Balance.Total() after this entry
	// Account.Version after this entry: the order in which entries were made, which times only come near
	Seq         int64
	Description string
	Metadata    map[string]string
	LotID       LotID  // for grants, expiries and clawbacks
	HoldID      HoldID // for holds, captures and releases
	Key         string // the caller's Idempotency-Key
	RequestHash string // of the request that first used Key
	CreatedAt   time.Time
}

// Lot is points that came together and expire together.
type Lot struct {
	ID         LotID
	AccountID  AccountID
	GrantKey   string // the business fact that granted it; unique forever
	Source     string // what the points belong to, e.g. "subscription:sub_…" or "order:ord_…"
	Granted    Points
	Remaining  Points // as of the last settlement
	ClawedOwn  Points // how much of that this lot had; other lots, or debt, had the rest
	Expired    Points // how much of Granted expired unused
	Held       Points // in active holds
	ClawedBack Points // how much of Granted went back because its money did
	// that it lives in: the one it was granted for, or the last one it rolled over into; nil: it is of no subscription
	Period    *Period
	Origin    *time.Time // when the period began that it was granted for; nil just where Period is
	ExpiresAt *time.Time // nil: never
	EndedAt   *time.Time // when it was seen to end; from then on nothing remains, and what a hold returns expires
	CreatedAt time.Time
}

// Grant asks for a lot. Key names the business fact (never the event that told of it), so that asking twice grants
// once.
type Grant struct {
	Key         string
	Source      string
	Amount      Points
	ExpiresAt   *time.Time
	Period      *Period // of the subscription that Source names; nil: it is of none
	Replaces    bool    // it begins its Period: lots of earlier periods of the same Source end
	Rollover    Points  // so many of their points live on as long as this lot
	Description string
}

// Period is a period of a subscription: from Start, until before End.
type Period struct {
	Start, End time.Time
	Inner      bool // it is one of the months of a longer period, and not the last: its end never moves
}

// BegunPeriod is a period that a grant began.
type BegunPeriod struct {
	AccountID AccountID
	Source    string
	Period
	ExpiresAt *time.Time // of the lot that was granted for it
	Rollover  Points     // how many points of earlier periods may live on in it
	Carried   Points     // how many do, or did before they were used
}

// Room is how many more points of earlier periods may live on in the period.
func (p BegunPeriod) Room() Points { return p.Rollover - p.Carried }

// RolloverAll is the Rollover of a plan whose points all live on.
const RolloverAll = MaxPoints
