package billing

import "time"

// MomentKind says what happened.
type MomentKind string

// The kinds of moment.
const (
	MomentRegistered     MomentKind = "account.registered"
	MomentLoginBegan     MomentKind = "login.began"
	MomentLoginEnded     MomentKind = "login.ended"
	MomentOrderMade      MomentKind = "order.made"
	MomentOrderFulfilled MomentKind = "order.fulfilled"
	MomentChange         MomentKind = "subscription.changed"
	MomentEventReceived  MomentKind = "event.received"
	MomentEventProcessed MomentKind = "event.processed"
	MomentSyncBegan      MomentKind = "sync.began"
	MomentSyncEnded      MomentKind = "sync.ended"
	MomentPoints         MomentKind = "points.moved"
	MomentAdmin          MomentKind = "admin.acted"
	MomentTold           MomentKind = "endpoint.told"
)

// Moment is one thing that happened to an account. What its parts mean depends on its kind: see package account, which
// makes sentences of them.
type Moment struct {
	Position
	Kind  MomentKind
	Parts [3]string
	// Amount, Balance and Version are those of an entry; a sync that ended has a version too. 0 where there is none.
	Amount, Balance Points
	Version         int64
}

// Position is a moment's place in the story of its account. Several moments may have one time, for a transaction has
// one: Rank puts causes before effects, and Number keeps entries and syncs in their own order.
type Position struct {
	At     time.Time
	Rank   int64
	Number int64
	Ref    string // the id of what the moment is about
}
