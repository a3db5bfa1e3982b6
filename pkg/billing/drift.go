package billing

// DriftKind is how the database and Stripe differ. docs/drift.md lists the kinds.
type DriftKind string

// The kinds of difference.
const (
	DriftMissing      DriftKind = "missing"             // a subscription that only one side has
	DriftStatus       DriftKind = "status"              // its status, or whether it ends with its period
	DriftPrice        DriftKind = "price"               // its plan
	DriftQuantity     DriftKind = "quantity"            // its seats
	DriftScheduled    DriftKind = "scheduled-change"    // what it will be later, from a given time
	DriftEnd          DriftKind = "end"                 // when it ends, or whether its collection is paused
	DriftPeriod       DriftKind = "period"              // its current period
	DriftWindow       DriftKind = "window"              // the access window that follows from it
	DriftSecond       DriftKind = "second-subscription" // more than one live subscription
	DriftOrder        DriftKind = "order"               // an open order that has progressed further
	DriftGrant        DriftKind = "grant-missing"       // paid, but not granted
	DriftGrantAmount  DriftKind = "grant-amount"        // granted, but not as much as was paid for
	DriftPayment      DriftKind = "payment-missing"     // granted, but not paid
	DriftClawback     DriftKind = "clawback-missing"    // money went back, but its points did not
	DriftRestore      DriftKind = "restore-missing"     // money came back, but its points did not
	DriftParked       DriftKind = "parked"              // grants that wait for a person
	DriftUnknown      DriftKind = "unknown-item"        // an item that is paid for but not in the catalogue
	DriftPointsExpiry DriftKind = "points-expiry"       // points that are to end at another time
)

// Drift is one difference between an account and its customer at Stripe.
type Drift struct {
	Account AccountID
	Kind    DriftKind
	Ref     string // the id, Stripe's or ours, of the object that differs
	Detail  string
}
