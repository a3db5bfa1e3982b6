package billing

import (
	"strings"
	"time"
)

// AdminAction is what an admin did to an account, or to an endpoint of the operator's.
type AdminAction struct {
	ID        ActionID
	AccountID AccountID // "" for an action on an endpoint
	WebhookID WebhookID // "" for an action on an account
	AdminID   AdminID   // "" for the command line
	Action    ActionKind
	EntrySeq  int64 // of the entry that the action made, 0 if it made none
	Reason    string
	CreatedAt time.Time
}

// AdminID names who acts as an admin: an admin's account, or a service key with the scope admin. "" is the command
// line.
type AdminID string

// Actor returns the admin as one who moves points.
func (id AdminID) Actor() Actor {
	switch {
	case id == "":
		return Actor{}
	case strings.HasPrefix(string(id), keyPrefix+"_"):
		return Actor{Kind: ActorService, ID: string(id)}
	}
	return Actor{Kind: ActorAdmin, ID: string(id)}
}

// ActionKind is the kind of an admin's action.
type ActionKind string

// What an admin can do to an account, and to a webhook endpoint.
const (
	ActionGrant      ActionKind = "grant"
	ActionCorrection ActionKind = "correction"
	ActionRole       ActionKind = "role"
	ActionUnpark     ActionKind = "unpark"
	ActionDisable    ActionKind = "disable"
	ActionEnable     ActionKind = "enable"
	ActionDelete     ActionKind = "delete"

	ActionWebhookAdd    ActionKind = "webhook.add"
	ActionWebhookChange ActionKind = "webhook.change"
	ActionWebhookRoll   ActionKind = "webhook.roll"
	ActionWebhookResend ActionKind = "webhook.resend" // many deliveries at once
	ActionWebhookRemove ActionKind = "webhook.remove"
)
