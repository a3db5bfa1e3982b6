package billing

import "time"

// HoldStatus is the state of a hold. docs/states.md draws it.
type HoldStatus string

// The states of a hold.
const (
	HoldActive   HoldStatus = "active"   // its points are held
	HoldCaptured HoldStatus = "captured" // all or some were spent; the rest went back
	HoldReleased HoldStatus = "released" // all went back because the client asked for it
	HoldExpired  HoldStatus = "expired"  // all went back because the hold expired
)

// Hold is points that are set aside, to be spent or given back later.
type Hold struct {
	ID          HoldID
	AccountID   AccountID
	Amount      Points
	Captured    Points // of Amount, once the hold is captured
	Status      HoldStatus
	Action      string // what it is for, if its price is the catalogue's; otherwise ""
	Quantity    int64  // of Action
	Description string
	Metadata    map[string]string
	ExpiresAt   time.Time // from this time its points count as given back
	CreatedAt   time.Time
	EndedAt     *time.Time
}

// HoldPart is the points of a hold that came from one lot.
type HoldPart struct {
	LotID  LotID
	Points Points
	Since  *time.Time // when the period of the lot began; nil: the lot was in no period
}
