package billing

import "time"

// AdminAction is something that a person with power over an account did to it.
type AdminAction struct {
	ID          ActionID
	AccountID   AccountID
	AdminID     AccountID // "" for the command line
	Action      ActionKind
	EntryID     EntryID // the movement of points that came of it, "" where none did
	Reason      string
	Key         string // the admin's Idempotency-Key, "" for the command line
	RequestHash string // of the request that first used Key
	CreatedAt   time.Time
}

// ActionKind says what an admin did.
type ActionKind string

const (
	ActionGrant      ActionKind = "grant"
	ActionCorrection ActionKind = "correction"
	ActionRole       ActionKind = "role"
	ActionUnpark     ActionKind = "unpark"
)
