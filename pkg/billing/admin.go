package billing

import "time"

// AdminAction is something that a person with power did to an account, or to an endpoint of the operator's.
type AdminAction struct {
	ID          ActionID
	AccountID   AccountID // "" for what was done to an endpoint
	WebhookID   WebhookID // "" for what was done to an account
	AdminID     AccountID // "" for the command line
	Action      ActionKind
	EntrySeq    int64 // of the movement of points that came of it, 0 where none did
	Reason      string
	Key         string // the admin's Idempotency-Key, "" for the command line
	RequestHash string // of the request that first used Key
	CreatedAt   time.Time
}

// ActionKind says what an admin did.
type ActionKind string

// What an admin can do to an account, and to a webhook endpoint.
const (
	ActionGrant      ActionKind = "grant"
	ActionCorrection ActionKind = "correction"
	ActionRole       ActionKind = "role"
	ActionUnpark     ActionKind = "unpark"

	ActionWebhookAdd    ActionKind = "webhook.add"
	ActionWebhookChange ActionKind = "webhook.change"
	ActionWebhookRoll   ActionKind = "webhook.roll"
	ActionWebhookRemove ActionKind = "webhook.remove"
)
