package billing

import "time"

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
	Metadata    map[string]string
	By          Actor
	// The Idempotency-Key of the request that asked for it, as the ledger keeps it, and the request's hash, or "" for
	// none.
	RequestKey, RequestHash string
}
