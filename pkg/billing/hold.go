package billing

import "time"

// HoldStatus says how far a hold has come; docs/states.md draws it.
type HoldStatus string

// The states of a hold.
const (
	HoldActive   HoldStatus = "active"   // its points are held
	HoldCaptured HoldStatus = "captured" // all or some were spent; the rest went back
	HoldReleased HoldStatus = "released" // all went back because the client said so
	HoldExpired  HoldStatus = "expired"  // all went back because its time was over
)

// Hold is points set aside, to be spent or given back later.
type Hold struct {
	ID          HoldID
	AccountID   AccountID
	Amount      Points
	Captured    Points // of Amount, once the hold is captured
	Status      HoldStatus
	Description string
	Metadata    map[string]string
	ExpiresAt   time.Time // from then on its points are as good as back
	CreatedAt   time.Time
	EndedAt     *time.Time
}

// HoldPart is the points of a hold that came from one lot.
type HoldPart struct {
	LotID  LotID
	Points Points
	Since  *time.Time // when the period began that the lot lived in; nil: it was of none
}
