package billing

import "time"

// Points is a number of points: a whole number, never negative in a balance, signed in an entry.
type Points int64

// MaxPoints bounds every amount of points that comes from outside. 2^20 such amounts add up without overflow, and each
// stays exact in a JSON reader that keeps numbers as 64-bit floats.
const MaxPoints Points = 1 << 43

// Balance is what an account owns. Available + Held - Debt is the sum of its entries. None of the three is negative,
// and Debt is positive only while Available is 0.
type Balance struct {
	Available Points
	Held      Points
	Debt      Points
}

// Total returns the sum of the account's entries.
func (b Balance) Total() Points { return b.Available + b.Held - b.Debt }

// EntryKind is the reason why points moved.
type EntryKind string

// The kinds of entry.
const (
	EntryGrant    EntryKind = "grant"    // points bought, or included in a paid period
	EntrySpend    EntryKind = "spend"    // points used
	EntryExpire   EntryKind = "expire"   // a lot expired
	EntryClawback EntryKind = "clawback" // the money behind a grant went back
	EntryRestore  EntryKind = "restore"  // that money came back after all
	EntryRollover EntryKind = "rollover" // points of a period are kept in the next one
	EntryHold     EntryKind = "hold"     // points set aside
	EntryCapture  EntryKind = "capture"  // held points were used; the unused rest of the hold went back
	EntryRelease  EntryKind = "release"  // the points of a hold went back, on request or because it expired

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
	// Account.Version after this entry: the exact order in which entries were made. Times give it only roughly.
	Seq         int64
	Description string
	Metadata    map[string]string
	LotID       LotID  // for grants, expiries and clawbacks
	HoldID      HoldID // for holds, captures and releases
	Key         string // the caller's Idempotency-Key
	RequestHash string // of the request that first used Key
	CreatedAt   time.Time
}

// Lot is points that were granted together and expire together.
type Lot struct {
	ID         LotID
	AccountID  AccountID
	GrantKey   string // the business fact that granted it; unique forever
	Source     string // what the points belong to, e.g. "subscription:sub_…" or "order:ord_…"
	Granted    Points
	Remaining  Points // as of the last settlement
	ClawedOwn  Points // how much of ClawedBack this lot had; other lots, or debt, had the rest
	Expired    Points // how much of Granted expired unused
	Held       Points // in active holds
	ClawedBack Points // how much of Granted went back because its money did
	// The period that the lot is in: the one it was granted for, or the last one it rolled over into. nil: it belongs
	// to no subscription.
	Period    *Period
	Origin    *time.Time // when the period began that it was granted for; nil exactly if Period is nil
	ExpiresAt *time.Time // nil: never
	EndedAt   *time.Time // when it was ended; from then on nothing remains, and points that a hold gives back expire
	CreatedAt time.Time
}

// Grant asks for a lot. Key names the business fact, never the event that reported it. So two identical requests grant
// once.
type Grant struct {
	Key         string
	Source      string
	Amount      Points
	ExpiresAt   *time.Time
	Period      *Period // of the subscription that Source names; nil: it belongs to none
	Replaces    bool    // it begins its Period: lots of earlier periods of the same Source end
	Rollover    Points  // up to this many of their points are kept as long as this lot
	Description string
}

// Period is a period of a subscription. Start is inside it, End is not.
type Period struct {
	Start, End time.Time
	Inner      bool // it is one of the months of a longer period, and not the last one: its end never moves
}

// BegunPeriod is a period that a grant began.
type BegunPeriod struct {
	AccountID AccountID
	Source    string
	Period
	ExpiresAt *time.Time // of the lot that was granted for it
	Rollover  Points     // how many points of earlier periods may be kept in it, at most
	Carried   Points     // how many are kept, or were until they were used
}

// Room returns how many more points of earlier periods may be kept in the period.
func (p BegunPeriod) Room() Points { return p.Rollover - p.Carried }

// RolloverAll is the Rollover of a plan that keeps all its points.
const RolloverAll = MaxPoints
