package billing

import (
	"context"
	"log/slog"
)

// SecurityKind is what a security event is about.
type SecurityKind string

// The kinds of security events. docs/operations/logs.md explains each.
const (
	SecurityTokenReused     SecurityKind = "refresh_token_reused" // a thief and the customer hold tokens of one login
	SecurityLoginRefused    SecurityKind = "login_refused"        // too many attempts
	SecurityPasswordChanged SecurityKind = "password_changed"
	SecurityKeyCreated      SecurityKind = "service_key_created"
	SecurityKeyRevoked      SecurityKind = "service_key_revoked"
	SecurityKeyRefused      SecurityKind = "service_key_refused" // it was revoked or has expired, and came again
	SecuritySessionsEnded   SecurityKind = "sessions_ended"      // all of an account, by someone else than its customer
	SecurityDeleted         SecurityKind = "account_deleted"
	SecurityDisabled        SecurityKind = "account_disabled"
	SecurityEnabled         SecurityKind = "account_enabled"
	SecurityUnparked        SecurityKind = "account_unparked"
	SecurityRoleChanged     SecurityKind = "role_changed"
	SecurityGranted         SecurityKind = "admin_grant"
	SecurityCorrected       SecurityKind = "admin_correction"
	SecurityWebhookAdded    SecurityKind = "webhook_added"
	SecurityWebhookChanged  SecurityKind = "webhook_changed"
	SecurityWebhookRolled   SecurityKind = "webhook_secret_rolled"
	SecurityWebhookResent   SecurityKind = "webhook_events_resent"
	SecurityWebhookRemoved  SecurityKind = "webhook_removed"
	SecuritySignature       SecurityKind = "signature_refused" // a webhook that none of our secrets has signed
)

// actionEvents are the events of what admins do. TestSecurityKinds holds them against the kinds of actions.
var actionEvents = map[ActionKind]SecurityKind{
	ActionGrant: SecurityGranted, ActionCorrection: SecurityCorrected, ActionRole: SecurityRoleChanged,
	ActionUnpark: SecurityUnparked, ActionDisable: SecurityDisabled, ActionEnable: SecurityEnabled,
	ActionDelete: SecurityDeleted, ActionWebhookAdd: SecurityWebhookAdded,
	ActionWebhookChange: SecurityWebhookChanged, ActionWebhookRoll: SecurityWebhookRolled,
	ActionWebhookResend: SecurityWebhookResent, ActionWebhookRemove: SecurityWebhookRemoved,
	ActionEndSessions: SecuritySessionsEnded,
}

// SecurityEvent is something that a person who guards the product may want to see. It has no email and no secret.
type SecurityEvent struct {
	Kind    SecurityKind
	Account AccountID // whom it concerns, or ""
	Session SessionID // which login, or ""
	Key     KeyID     // which service key, or ""
	Webhook WebhookID // which endpoint of the operator's, or ""
	By      string    // the admin's account or the service key that did it; "" for no one, or the command line
	Count   int64     // how many of the kind one line stands for, if it may be more than one
}

// SecurityEventOf returns the event of what an admin did, or false if the action is none.
func SecurityEventOf(a AdminAction) (SecurityEvent, bool) {
	kind, ok := actionEvents[a.Action]
	e := SecurityEvent{Kind: kind, Account: a.AccountID, By: string(a.AdminID)}
	if a.AccountID == "" {
		e.Webhook = WebhookID(a.Subject)
	}
	return e, ok
}

// SecurityLogged is the message of the log line of each security event.
const SecurityLogged = "security"

// Log writes the event as one line, with the address that the context's request came from. What someone may have tried
// is a warning, and what someone was allowed to do is not.
func (e SecurityEvent) Log(ctx context.Context, log *slog.Logger) {
	level := slog.LevelInfo
	switch e.Kind {
	case SecurityTokenReused, SecurityLoginRefused, SecurityKeyRefused, SecuritySignature:
		level = slog.LevelWarn
	}
	attributes := []slog.Attr{slog.String("event", string(e.Kind))}
	for _, a := range []slog.Attr{
		slog.String("account", string(e.Account)), slog.String("session", string(e.Session)),
		slog.String("key", string(e.Key)), slog.String("webhook", string(e.Webhook)), slog.String("by", e.By),
		slog.String("address", AddressOf(ctx)),
	} {
		if a.Value.String() != "" {
			attributes = append(attributes, a)
		}
	}
	if e.Count > 0 {
		attributes = append(attributes, slog.Int64("count", e.Count))
	}
	log.LogAttrs(ctx, level, SecurityLogged, attributes...)
}

// addressKey is the key of the address in a context.
type addressKey struct{}

// WithAddress returns a context for a request that comes from an address, in the form that limits go by.
func WithAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// AddressOf returns the address of WithAddress, or "" if there is none.
func AddressOf(ctx context.Context) string {
	address, _ := ctx.Value(addressKey{}).(string)
	return address
}
