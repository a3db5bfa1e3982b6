package billing

import (
	"strings"
	"time"
)

// AdminAction is what an admin did to an account, or to a thing of no account.
type AdminAction struct {
	ID        ActionID
	AccountID AccountID // "" for an action on a thing of no account
	// Subject is the id of the endpoint, the service key or Stripe's event. "" is the account itself.
	Subject   string
	AdminID   AdminID // "" for the command line
	Action    ActionKind
	EntrySeq  int64 // of the entry that the action made, 0 if it made none
	Reason    string
	CreatedAt time.Time
}

// AdminID names who acts as an admin: an admin's account, or a service key with the scope admin. "" is the command
// line.
type AdminID string

// Actor returns the admin as one who moves points. The zero value is the command line.
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

// What an admin can do to an account, to a webhook endpoint, to a service key, and to an event of Stripe's.
const (
	ActionGrant      ActionKind = "grant"
	ActionCorrection ActionKind = "correction"
	ActionRole       ActionKind = "role"
	ActionUnpark     ActionKind = "unpark"
	ActionDisable    ActionKind = "disable"
	ActionEnable     ActionKind = "enable"
	ActionDelete     ActionKind = "delete"
	ActionSync       ActionKind = "sync"

	ActionEndSessions ActionKind = "end_sessions"
	ActionReplay      ActionKind = "replay" // of an event, whose account may not be known

	ActionWebhookAdd    ActionKind = "webhook.add"
	ActionWebhookChange ActionKind = "webhook.change"
	ActionWebhookRoll   ActionKind = "webhook.roll"
	ActionWebhookResend ActionKind = "webhook.resend" // many deliveries at once
	ActionWebhookRemove ActionKind = "webhook.remove"

	ActionKeyCreate ActionKind = "key.create"
	ActionKeyRevoke ActionKind = "key.revoke"
)

// LoggedAction is an admin's action as the log of all actions shows it.
type LoggedAction struct {
	AdminAction

	Amount     Points // what the entry of a grant or a correction moved, signed; else 0
	AdminEmail string // of the admin's account now; "" for a service key, the command line and an erased account
}
