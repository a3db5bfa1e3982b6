package billing

import "time"

// EventWalk is the cursor of the walk over Stripe's own list of events. The list has the newest first.
type EventWalk struct {
	SeenUntil *time.Time // every event made before this was offered to the inbox; nil: never read
	Since     *time.Time // the running walk goes back to here; nil: no walk is running
	Until     *time.Time // when the running walk began
	After     StripeEventID
	LookedAt  *time.Time // when the last complete walk ended
	Found     int64      // events that no webhook had brought, in total

	Refused   int64      // webhooks that matched none of our secrets, in total
	RefusedAt *time.Time // when the last of them was counted; nil if there was none
}
