package billing

import "time"

// Account is one user's row. It alone decides what may be spent.
type Account struct {
	ID           AccountID
	Email        string     // lower case
	PasswordHash string     // argon2id, in its own encoded form
	CustomerID   CustomerID // "" until the first checkout
	Role         Role       // "" is RoleUser

	Balance
	Unsettled  Points     // spends not yet allocated to lots
	NextExpiry *time.Time // when the next lot with points left, or the next active hold, expires
	Version    int64      // grows with every change that a token mirrors
	LowPoints  *Points    // how few available points are low to the customer; nil: what the operator says, 0: none are

	Subscription *Subscription // the window in force, nil when there never was a subscription
	TrialUsedAt  *time.Time    // since when no subscription of the account may begin with a trial
	Sync         SyncState
	Parking      Parking
	CreatedAt    time.Time
}

// Parking says whether an account's grants wait for a person, because more would be granted in a day than the
// operator's bounds allow.
type Parking struct {
	At       *time.Time // since when; nil while nothing waits
	Reason   string
	Approved bool       // somebody let them through: the next sync makes them, however many
	EndedAt  *time.Time // when that was last: the bounds count anew from then
}

// Role is what somebody may do beside using the product. It stands in the account's row and in no token.
type Role string

// The roles.
const (
	RoleUser  Role = "user"
	RoleAdmin Role = "admin" // sees every account, and grants and corrects points
)

// SyncState is the account's place in the order of syncs with Stripe.
type SyncState struct {
	TicketIssued  int64      // the last ticket handed out
	TicketApplied int64      // the last ticket whose picture was applied
	BudgetAt      time.Time  // when the budget of user-caused syncs is whole again
	InvoicesSince *time.Time // invoices created before this are settled and need no second look
	LastSyncedAt  *time.Time
	NextGrantAt   *time.Time // when the next points fall due that are paid for already
}

// Ticket is the right to apply one picture of Stripe, taken before the picture is.
type Ticket struct {
	Number  int64
	BeganAt time.Time // its picture is as new as that, or newer
	Account Account   // as it was when the ticket was taken
	Orders  []Order   // those that a sync still has to look at

	Named      []StripeObject // by events that wait: charges, or a refund or dispute of one
	AllCharges bool           // the picture shows every charge, and not the newest and the named ones alone
	Former     []CustomerID   // that the account had before, where all charges are looked at
}

// Login is one refresh-token family: a device that logged in.
type Login struct {
	ID        SessionID
	AccountID AccountID
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt *time.Time
}

// Overdue reports whether points of a live subscription have come to their end and wait for a sync. It is right of an
// account that was settled just now.
func (a Account) Overdue(now time.Time) bool { return a.NextExpiry != nil && !a.NextExpiry.After(now) }

// LoginState is what an open stream of a login's session is held against.
type LoginState struct {
	Version    int64      // of the account
	NextExpiry *time.Time // of the account's lots
	ExpiresAt  time.Time
	RevokedAt  *time.Time
}

// Lives says whether the login may still be used. The zero state, of a login that is not there, does not live.
func (s LoginState) Lives(now time.Time) bool { return s.RevokedAt == nil && now.Before(s.ExpiresAt) }

// LoginKey names one login: ids of logins are looked for among their account's.
type LoginKey struct {
	Account AccountID
	ID      SessionID
}

// RefreshToken is one use of a Login. Only its hash is stored.
type RefreshToken struct {
	AccountID   AccountID
	Hash        string
	LoginID     SessionID
	Predecessor string // the hash of the one that it was exchanged for, "" for a login's first
	CreatedAt   time.Time
	UsedAt      *time.Time // when it was first exchanged for the next one
}
