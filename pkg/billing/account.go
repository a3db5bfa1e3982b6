package billing

import "time"

// Account is one user's row. It alone decides what may be spent.
type Account struct {
	ID    AccountID
	Email string // lower case; "" if a service made the account without one
	// Since when the person is known to read the mails of Email; nil: not proved.
	EmailVerifiedAt *time.Time
	ExternalID      string     // the id that a service gave it; "" for none
	PasswordHash    string     // argon2id, in its own encoded form; "" if no password opens the account
	CustomerID      CustomerID // "" until the first checkout
	Role            Role       // "" is RoleUser

	Balance
	Unsettled  Points     // spends not yet allocated to lots
	NextExpiry *time.Time // when the next lot with points left, or the next active hold, expires
	Version    int64      // grows with every change that a token mirrors
	Day        DaySpent   // what the account spent today
	LowPoints  *Points    // fewer available points are low; nil: the operator's number, 0: never low

	Subscription *Subscription // the window in force; nil if there never was a subscription
	TrialUsedAt  *time.Time    // since then no subscription of the account may begin with a trial
	CutOver      *CutOver      // nil: no earlier system sold to its Stripe customer
	Sync         SyncState
	Parking      Parking

	DisabledAt     *time.Time // since when an operator refuses its requests
	DisabledReason string     // "" unless it is disabled; the customer does not read it
	DeletingAt     *time.Time // when its deletion was asked for
	DeletedAt      *time.Time // when its person's data were gone
	CreatedAt      time.Time
}

// Closed returns why the account takes no new spend, hold or purchase, or nil. Money that comes in is still granted.
// Errors: EAccountClosed.
func (a Account) Closed() error {
	switch {
	case a.DeletedAt != nil:
		return Errorf(EAccountClosed, "This account was deleted.")
	case a.DeletingAt != nil:
		return Errorf(EAccountClosed, "This account is being deleted.")
	case a.DisabledAt != nil:
		return Errorf(EAccountClosed, "This account is disabled.")
	}
	return nil
}

// Overdue reports whether points of a live subscription have expired and wait for a sync. It is correct only for an
// account that was just settled.
func (a Account) Overdue(now time.Time) bool { return a.NextExpiry != nil && !a.NextExpiry.After(now) }

// Parking is whether an account's grants wait for a person, because they would exceed the operator's bounds for one
// day.
type Parking struct {
	At       *time.Time // since when; nil while no grants wait
	Reason   string
	Approved bool       // a person approved the grants: the next sync makes them, however many
	EndedAt  *time.Time // when grants last stopped waiting: the bounds count from then
}

// Role is what a user may do besides using the product. It is stored in the account's row and in no token.
type Role string

// The roles.
const (
	RoleUser  Role = "user"
	RoleAdmin Role = "admin" // sees every account, and grants and corrects points
)

// SyncState is the account's place in the order of syncs with Stripe.
type SyncState struct {
	TicketIssued  int64      // the last ticket that was issued
	TicketApplied int64      // the last ticket whose picture was applied
	BudgetAt      time.Time  // when the budget of user-caused syncs is whole again
	InvoicesSince *time.Time // invoices created before this are settled and need no second look
	LastSyncedAt  *time.Time
	NextGrantAt   *time.Time // when the next points that are already paid for are due
}

// Ticket is the right to apply one picture of Stripe. It is taken before the picture is.
type Ticket struct {
	Number  int64
	BeganAt time.Time // its picture is as new as this time, or newer
	Account Account   // as it was when the ticket was taken
	Orders  []Order   // those that a sync still has to look at

	// By events that wait: charges, refunds or disputes of one, and invoices of earlier customers.
	Named      []StripeObject
	AllCharges bool         // the picture shows every charge, not only the newest and the named ones
	Former     []CustomerID // earlier customers of the account, if all of their charges and invoices are read
}
