package billing

import (
	"slices"
	"time"
)

// ServiceKey is what a program of the operator's authenticates with. Its secret is kept nowhere, only its digest.
type ServiceKey struct {
	ID         KeyID
	Name       string  // what it is for
	Scopes     []Scope // at least one
	Hint       string  // the last characters of the secret
	CreatedAt  time.Time
	CreatedBy  AdminID
	ExpiresAt  *time.Time // nil: never
	RevokedAt  *time.Time
	RevokedBy  AdminID
	LastUsedAt *time.Time // to the minute; nil: never
}

// Scope is one thing that a service key may do. No scope includes another.
type Scope string

// The scopes.
const (
	ScopeSpend Scope = "spend"
	ScopeHold  Scope = "hold" // take, capture and release holds
	ScopeGrant Scope = "grant"
	ScopeRead  Scope = "read"
	ScopeAdmin Scope = "admin" // what an admin may do
)

// Scopes are all scopes.
var Scopes = []Scope{ScopeSpend, ScopeHold, ScopeGrant, ScopeRead, ScopeAdmin}

// May reports whether the key has one of the scopes.
func (k ServiceKey) May(any ...Scope) bool {
	return slices.ContainsFunc(any, func(s Scope) bool { return slices.Contains(k.Scopes, s) })
}

// Lives reports whether the key may still be used.
func (k ServiceKey) Lives(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}

// Actor returns the key as one who moves points.
func (k ServiceKey) Actor() Actor { return Actor{Kind: ActorService, ID: string(k.ID)} }

// ActorKind is a kind of actor.
type ActorKind string

// The kinds of actor.
const (
	ActorSystem   ActorKind = "" // what follows from Stripe or from the clock, and the command line
	ActorCustomer ActorKind = "customer"
	ActorService  ActorKind = "service"
	ActorAdmin    ActorKind = "admin"
)

// Actor is who did something. The zero Actor is the system.
type Actor struct {
	Kind ActorKind
	ID   string // of the service key, or of the admin's account; "" for the others
}
