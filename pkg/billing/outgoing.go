package billing

// OutgoingType names an event for the operator's endpoints. docs/events.md says when each is written.
type OutgoingType string

// The types of event.
const (
	OutPointsGranted       OutgoingType = "points.granted"
	OutPointsSpent         OutgoingType = "points.spent" // a spend, or the captured points of a hold
	OutPointsExpired       OutgoingType = "points.expired"
	OutPointsClawedBack    OutgoingType = "points.clawed_back"
	OutPointsRestored      OutgoingType = "points.restored"
	OutPointsCorrected     OutgoingType = "points.corrected"
	OutPointsLow           OutgoingType = "points.low"
	OutSubscriptionChanged OutgoingType = "subscription.changed"
	OutOrderFulfilled      OutgoingType = "order.fulfilled"
	OutOrderRefunded       OutgoingType = "order.refunded"
	OutOrderFailed         OutgoingType = "order.failed"
	OutTopUpAttention      OutgoingType = "top_up.needs_attention"
	OutAccountDeleted      OutgoingType = "account.deleted"
	OutWebhookDisabled     OutgoingType = "webhook.disabled" // to the other endpoints
	OutTest                OutgoingType = "webhook.test"     // on request, to one endpoint
)

// OutgoingTypes are all types that an endpoint can subscribe to. A test goes only to the endpoint that it is requested
// for.
var OutgoingTypes = []OutgoingType{
	OutPointsGranted, OutPointsSpent, OutPointsExpired, OutPointsClawedBack, OutPointsRestored, OutPointsCorrected,
	OutPointsLow,
	OutSubscriptionChanged, OutOrderFulfilled, OutOrderRefunded, OutOrderFailed, OutTopUpAttention,
	OutAccountDeleted, OutWebhookDisabled,
}
