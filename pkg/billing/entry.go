package billing

import "time"

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
	Action      string // what a spend, a hold or a capture is for, if its price is the catalogue's; otherwise ""
	Quantity    int64  // of Action
	By          Actor
	LotID       LotID  // for grants, expiries and clawbacks
	HoldID      HoldID // for holds, captures and releases
	Key         string // the caller's Idempotency-Key
	RequestHash string // of the request that first used Key
	CreatedAt   time.Time
}
