package outbox

import (
	"github.com/pointsync/pointsync/pkg/billing"
)

// event is the body that is signed and sent. It is OutgoingEvent in openapi.yaml; docs/events.md explains it.
type event struct {
	Type      billing.OutgoingType `json:"type"`
	Timestamp billing.Time         `json:"timestamp"`
	Data      any                  `json:"data"`
}

// data is what all events about an account contain, and what each of them is about. Points and version are as the
// transaction left them: of two events, the one with the higher version is newer.
type data struct {
	AccountID    billing.AccountID `json:"account_id"`
	ExternalID   string            `json:"external_id,omitempty"`
	Version      int64             `json:"version"`
	Points       points            `json:"points"`
	Entry        *entry            `json:"entry,omitempty"`        // points.*, but not points.low
	Threshold    *billing.Points   `json:"threshold,omitempty"`    // points.low
	Order        *order            `json:"order,omitempty"`        // order.*
	Subscription *subscription     `json:"subscription,omitempty"` // subscription.changed
	TopUp        *topUp            `json:"top_up,omitempty"`       // top_up.needs_attention
}

// aboutEndpoint is the data of webhook.disabled, which concerns no account. It has no address: an operator may have put
// a secret in it.
type aboutEndpoint struct {
	Webhook endpoint `json:"webhook"`
}

type endpoint struct {
	ID         billing.WebhookID `json:"id"`
	DisabledAt billing.Time      `json:"disabled_at"`
	Reason     string            `json:"reason"`
}

type points struct {
	Available billing.Points `json:"available"`
	Held      billing.Points `json:"held"`
	Debt      billing.Points `json:"debt"`
}

type entry struct {
	ID           billing.EntryID   `json:"id"`
	Kind         billing.EntryKind `json:"kind"`
	Amount       billing.Points    `json:"amount"`
	BalanceAfter billing.Points    `json:"balance_after"`
	HoldID       *billing.HoldID   `json:"hold_id"`
	Action       string            `json:"action,omitempty"`
	Quantity     int64             `json:"quantity,omitempty"`
}

type order struct {
	ID       billing.OrderID     `json:"id"`
	Item     string              `json:"item"`
	Quantity int64               `json:"quantity"`
	Points   billing.Points      `json:"points"`
	Amount   int64               `json:"amount"`
	Currency string              `json:"currency"`
	Status   billing.OrderStatus `json:"status"`
}

type topUp struct {
	Status   billing.TopUpStatus `json:"status"`
	Reason   billing.TopUpReason `json:"reason"`
	Pack     string              `json:"pack"`
	Quantity int64               `json:"quantity"`
	Amount   int64               `json:"amount"`
	Currency string              `json:"currency"`
}

type subscription struct {
	Plan              string                     `json:"plan"`
	Status            billing.SubscriptionStatus `json:"status"`
	From              *billing.Time              `json:"from"`
	Until             *billing.Time              `json:"until"`
	CurrentPeriodEnd  billing.Time               `json:"current_period_end"`
	CancelAtPeriodEnd bool                       `json:"cancel_at_period_end"`
	EndsAt            *billing.Time              `json:"ends_at"`
	Quantity          int64                      `json:"quantity"`
	ScheduledChange   *scheduledChange           `json:"scheduled_change"`
	CollectionPaused  *collectionPause           `json:"collection_paused"`
}

type collectionPause struct {
	Until *billing.Time `json:"until"`
}

type scheduledChange struct {
	Plan     string       `json:"plan"`
	Quantity int64        `json:"quantity"`
	At       billing.Time `json:"at"`
}

func toEntry(e billing.Entry) *entry {
	out := entry{
		ID: e.ID, Kind: e.Kind, Amount: e.Amount, BalanceAfter: e.BalanceAfter, Action: e.Action, Quantity: e.Quantity,
	}
	if e.HoldID != "" {
		out.HoldID = &e.HoldID
	}
	return &out
}

func toOrder(o billing.Order) *order {
	return &order{
		ID:       o.ID,
		Item:     o.Item,
		Quantity: o.Quantity,
		Points:   o.Points,
		Amount:   o.Amount,
		Currency: o.Currency,
		Status:   o.Status,
	}
}

func toTopUp(t billing.TopUp) *topUp {
	return &topUp{
		Status: t.Status, Reason: t.Reason, Pack: t.Pack, Quantity: t.Quantity, Amount: t.Amount, Currency: t.Currency,
	}
}

func toSubscription(s *billing.Subscription) *subscription {
	if s == nil {
		return nil
	}
	out := subscription{
		Plan:              s.Plan,
		Status:            s.Status,
		CurrentPeriodEnd:  billing.Time(s.CurrentPeriodEnd),
		CancelAtPeriodEnd: s.CancelAtPeriodEnd,
		EndsAt:            (*billing.Time)(s.EndsAt),
		Quantity:          s.Quantity,
	}
	if s.CollectionPaused != nil {
		out.CollectionPaused = &collectionPause{(*billing.Time)(s.CollectionPaused.Until)}
	}
	if next := s.Scheduled; next != nil {
		out.ScheduledChange = &scheduledChange{next.Plan, next.Quantity, billing.Time(next.At)}
	}
	if s.Window != nil {
		out.From, out.Until = (*billing.Time)(&s.Window.From), (*billing.Time)(&s.Window.Until)
	}
	return &out
}
