package billing

import "time"

// MomentKind is the kind of a moment.
type MomentKind string

// The kinds of moment.
const (
	MomentRegistered     MomentKind = "account.registered"
	MomentIdentity       MomentKind = "identity.linked"
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
	MomentDelivery       MomentKind = "endpoint.delivery"
	MomentDeletionBegan  MomentKind = "deletion.began"
	MomentDeletionEnded  MomentKind = "deletion.ended"
)

// Moment is one thing that happened to an account. The meaning of its parts depends on its kind. Package account turns
// moments into sentences.
type Moment struct {
	Position
	Kind  MomentKind
	Parts [3]string
	// Amount, Balance and Version are those of an entry. A sync that ended has a version too. 0 means none.
	Amount, Balance Points
	Version         int64
}

// Position is a moment's place in the timeline of its account. Several moments may have the same time, because a
// transaction has only one. Rank puts causes before effects, and Number keeps entries and syncs in their own order.
type Position struct {
	At     time.Time
	Rank   int64
	Number int64
	Ref    string // the id of the object that the moment is about
}
