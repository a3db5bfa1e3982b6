package billing

// SyncCause says who wanted an account synced.
type SyncCause string

// What can cause a sync.
const (
	CauseEvent    SyncCause = "event"    // Stripe told us to look
	CauseSpend    SyncCause = "spend"    // a spend outside the window, or for lack of points
	CauseOrder    SyncCause = "order"    // a customer looks at an order
	CauseChange   SyncCause = "change"   // a customer changes the subscription
	CauseOperator SyncCause = "operator" // a command, an admin, or the comparison with Stripe
	CauseDue      SyncCause = "due"      // points that were paid for fell due
	CauseTopUp    SyncCause = "top_up"   // an automatic order was charged, or could not be
	CauseExpiry   SyncCause = "expiry"   // points ran out while a subscription lives
)

// SyncOutcome says what came of a sync; docs/states.md draws it.
type SyncOutcome string

// How a sync can end.
const (
	SyncApplied SyncOutcome = "applied"
	SyncOutrun  SyncOutcome = "outrun" // one whose picture may be newer was applied first
	SyncFailed  SyncOutcome = "failed"
)

// SyncEnd is how a sync ended.
type SyncEnd struct {
	Outcome SyncOutcome
	Detail  string // what it changed, or why it failed
	Version int64  // of the account as it was left, 0 where it was not looked at
}
