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

	Subscription *Subscription // the window in force, nil when there never was a subscription
	Sync         SyncState
	CreatedAt    time.Time
}

// Role is what somebody may do beside using the product. It stands in the account's row and in no token.
type Role string

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
}

// Ticket is the right to apply one picture of Stripe, taken before the picture is.
type Ticket struct {
	Number  int64
	Account Account // as it was when the ticket was taken
	Orders  []Order // those that a sync still has to look at
}

// Login is one refresh-token family: a device that logged in.
type Login struct {
	ID        SessionID
	AccountID AccountID
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt *time.Time
}

// RefreshToken is one use of a Login. Only its hash is stored.
type RefreshToken struct {
	Hash      string
	LoginID   SessionID
	CreatedAt time.Time
	UsedAt    *time.Time // set when it was exchanged for the next one
}
