package billing

// SyncCause is the reason for a sync.
type SyncCause string

// The causes of a sync.
const (
	CauseEvent    SyncCause = "event"    // Stripe told us to look
	CauseSpend    SyncCause = "spend"    // a spend outside the window, or without enough points
	CauseOrder    SyncCause = "order"    // a customer looks at an order
	CauseChange   SyncCause = "change"   // a customer changes the subscription
	CauseOperator SyncCause = "operator" // a command, an admin, or the comparison with Stripe
	CauseDue      SyncCause = "due"      // points that were already paid for became due
	CauseTopUp    SyncCause = "top_up"   // an automatic order was charged, or could not be
	CauseExpiry   SyncCause = "expiry"   // points of a live subscription expired
)

// SyncOutcome is the result of a sync. docs/states.md draws it.
type SyncOutcome string

// How a sync can end.
const (
	SyncApplied SyncOutcome = "applied"
	SyncOutrun  SyncOutcome = "outrun" // a sync whose picture may be newer was applied first
	SyncFailed  SyncOutcome = "failed"
)

// SyncEnd is how a sync ended.
type SyncEnd struct {
	Outcome SyncOutcome
	Detail  string // what it changed, or why it failed
	Version int64  // of the account after the sync; 0 if the account was not read
}
