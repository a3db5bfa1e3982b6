package api

import (
	"cmp"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

func (v *server) toAPISession(s account.Session) Session {
	return Session{
		Token: s.Token, TokenType: Bearer, ExpiresAt: billing.Time(s.ExpiresAt),
		ExpiresIn: int64(max(0, s.ExpiresAt.Sub(v.db.Now())) / time.Second), User: toAPIUser(s.Account),
		Subscription: v.toAPISubscription(s.Account.Subscription), Points: toAPIPoints(s.Account.Balance),
	}
}

// toAPISessionWithRefresh converts what a login, a registration or a refresh began.
func (v *server) toAPISessionWithRefresh(s account.Session) SessionWithRefresh {
	base := v.toAPISession(s)
	return SessionWithRefresh{
		Token: base.Token, TokenType: base.TokenType, ExpiresAt: base.ExpiresAt, ExpiresIn: base.ExpiresIn,
		RefreshToken: s.Refresh, User: base.User, Subscription: base.Subscription, Points: base.Points,
	}
}

func toAPIPoints(b billing.Balance) Points {
	return Points{Available: int64(b.Available), Held: int64(b.Held), Debt: int64(b.Debt)}
}

// toAPISubscription adds the features of the plan, while the window contains the time.
func (v *server) toAPISubscription(s *billing.Subscription) *Subscription {
	if s == nil {
		return nil
	}
	features := []string{}
	if s.Window.Contains(v.db.Now()) {
		features = append(features, v.catalog.Features(s.Plan)...)
	}
	out := &Subscription{
		Plan:              s.Plan,
		Features:          &features,
		Status:            SubscriptionStatus(s.Status),
		CurrentPeriodEnd:  billing.Time(s.CurrentPeriodEnd),
		CancelAtPeriodEnd: s.CancelAtPeriodEnd,
		Quantity:          s.Quantity, EndsAt: (*billing.Time)(s.EndsAt),
	}
	if s.CollectionPaused != nil {
		out.CollectionPaused = &CollectionPause{Until: (*billing.Time)(s.CollectionPaused.Until)}
	}
	if next := s.Scheduled; next != nil {
		out.ScheduledChange = &ScheduledChange{Plan: next.Plan, Quantity: next.Quantity, At: billing.Time(next.At)}
	}
	if s.Window != nil {
		out.From, out.Until = (*billing.Time)(&s.Window.From), (*billing.Time)(&s.Window.Until)
	}
	return out
}

func toAPIOrder(o billing.Order) Order {
	out := Order{
		Id:          OrderID(o.ID),
		Item:        o.Item,
		Kind:        OrderKind(o.Kind),
		Quantity:    o.Quantity,
		Amount:      o.Amount,
		Currency:    o.Currency,
		Points:      int64(o.Points),
		Status:      OrderStatus(o.Status),
		CreatedAt:   billing.Time(o.CreatedAt),
		ExpiresAt:   (*billing.Time)(o.ExpiresAt),
		FulfilledAt: (*billing.Time)(o.FulfilledAt),
		Automatic:   o.Automatic,
	}
	if o.DeclineCode != "" {
		out.DeclineCode = &o.DeclineCode
	}
	return out
}

func toAPILot(l billing.Lot) Lot {
	return Lot{
		Id:        string(l.ID),
		Source:    l.Source,
		Granted:   int64(l.Granted),
		Remaining: int64(l.Remaining),
		Held:      int64(l.Held),
		ExpiresAt: (*billing.Time)(l.ExpiresAt),
		CreatedAt: billing.Time(l.CreatedAt),
	}
}

func toAPIEntry(e billing.Entry) Entry {
	out := Entry{
		Id:           string(e.ID),
		Kind:         EntryKind(e.Kind),
		Amount:       int64(e.Amount),
		Held:         int64(e.Held),
		BalanceAfter: int64(e.BalanceAfter),
		By:           EntryActor{Kind: cmp.Or(EntryActorKind(e.By.Kind), EntryActorKindSystem)},
		Action:       optional(e.Action),
		Quantity:     toAPIQuantity(e.Quantity),
		Description:  e.Description, Metadata: toAPIMetadata(e.Metadata), CreatedAt: billing.Time(e.CreatedAt),
	}
	if e.HoldID != "" {
		out.HoldId = new(string(e.HoldID))
	}
	if e.By.Kind == billing.ActorService {
		out.By.KeyId = &e.By.ID
	}
	return out
}

func toAPIHold(h billing.Hold) Hold {
	return Hold{
		Id:          HoldID(h.ID),
		Amount:      int64(h.Amount),
		Captured:    int64(h.Captured),
		Status:      HoldStatus(h.Status),
		Action:      optional(h.Action),
		Quantity:    toAPIQuantity(h.Quantity),
		Description: h.Description,
		Metadata:    toAPIMetadata(h.Metadata),
		ExpiresAt:   billing.Time(h.ExpiresAt),
		CreatedAt:   billing.Time(h.CreatedAt),
		EndedAt:     (*billing.Time)(h.EndedAt),
	}
}

func (s *server) toAPIHoldEnded(h account.Held) HoldEnded {
	return HoldEnded{
		Hold:         toAPIHold(h.Hold),
		Points:       toAPIPoints(h.Account.Balance),
		Subscription: s.toAPISubscription(h.Account.Subscription),
		Token:        h.Token,
	}
}

// toAPISpend shows an entry of kind spend from the spender's side: the amount is positive.
func toAPISpend(e billing.Entry) Spend {
	return Spend{
		Id: string(e.ID), Amount: -int64(e.Amount), Action: optional(e.Action), Quantity: toAPIQuantity(e.Quantity),
		BalanceAfter: int64(e.BalanceAfter), Description: e.Description,
		Metadata: toAPIMetadata(e.Metadata), CreatedAt: billing.Time(e.CreatedAt),
	}
}

func toAPIMetadata(m map[string]string) Metadata {
	if m == nil {
		return Metadata{} // null would break the contract
	}
	return m
}

func toAPIPlan(p billing.Plan) Plan {
	out := Plan{
		Id:          p.ID,
		Name:        p.Name,
		Description: p.Description,
		Amount:      p.Amount,
		Currency:    p.Currency,
		Interval:    Interval(p.Interval),
		Points:      int64(p.Points), TrialDays: p.TrialDays, MaxQuantity: p.MaxQuantity,
		Features: append([]string{}, p.Features...),
	}
	out.GrantInterval = Interval(cmp.Or(p.GrantInterval, p.Interval))
	if p.Rollover != billing.RolloverAll {
		out.Rollover = new(int64(p.Rollover))
	}
	return out
}

func toAPIPack(p billing.Pack) Pack {
	return Pack{
		Id:          p.ID,
		Name:        p.Name,
		Description: p.Description,
		Amount:      p.Amount,
		Currency:    p.Currency,
		Points:      int64(p.Points),
		MaxQuantity: p.MaxQuantity,
	}
}

func toAPIJWK(k token.JWK) JWK {
	return JWK{Kty: k.Kty, Crv: k.Crv, Alg: k.Alg, Use: k.Use, Kid: k.Kid, X: k.X}
}

func toAPIFieldErrors(fields []billing.FieldError) []FieldError { return each(fields, toAPIFieldError) }

func toAPIFieldError(f billing.FieldError) FieldError {
	return FieldError{Pointer: f.Pointer, Message: f.Message}
}

// each converts a list; an empty list stays a list and never becomes null.
func each[A, B any](in []A, convert func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = convert(a)
	}
	return out
}

// value returns what p points at, or the zero value if p is nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// optional returns nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
