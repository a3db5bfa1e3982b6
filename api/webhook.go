package api

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
)

// ListWebhooks returns the operator's endpoints.
func (s *server) ListWebhooks(ctx context.Context, _ ListWebhooksRequestObject) (ListWebhooksResponseObject, error) {
	hooks, err := s.db.Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	return ListWebhooks200JSONResponse{Webhooks: each(hooks, toAPIWebhook)}, nil
}

// AddWebhook makes an endpoint and returns its secret.
func (s *server) AddWebhook(ctx context.Context, r AddWebhookRequestObject) (AddWebhookResponseObject, error) {
	w, err := s.post.Add(ctx, admin(ctx), fromAPIWebhook(*r.Body))
	if err != nil {
		return nil, err
	}
	return AddWebhook201JSONResponse{Webhook: toAPIWebhook(w), Secret: w.Secret.Reveal()}, nil
}

// ChangeWebhook changes an endpoint's URL, or which types of events it gets.
func (s *server) ChangeWebhook(ctx context.Context, r ChangeWebhookRequestObject) (ChangeWebhookResponseObject, error) {
	w, err := s.post.Change(ctx, admin(ctx), billing.WebhookID(r.WebhookId), fromAPIWebhook(*r.Body))
	if err != nil {
		return nil, err
	}
	return ChangeWebhook200JSONResponse(toAPIWebhook(w)), nil
}

// RemoveWebhook deletes an endpoint.
func (s *server) RemoveWebhook(ctx context.Context, r RemoveWebhookRequestObject) (RemoveWebhookResponseObject, error) {
	if err := s.post.Remove(ctx, admin(ctx), billing.WebhookID(r.WebhookId)); err != nil {
		return nil, err
	}
	return RemoveWebhook204Response{}, nil
}

// RollWebhook gives an endpoint a new secret and returns it.
func (s *server) RollWebhook(ctx context.Context, r RollWebhookRequestObject) (RollWebhookResponseObject, error) {
	w, err := s.post.Roll(ctx, admin(ctx), billing.WebhookID(r.WebhookId))
	if err != nil {
		return nil, err
	}
	return RollWebhook200JSONResponse{Webhook: toAPIWebhook(w), Secret: w.Secret.Reveal()}, nil
}

// TestWebhook sends an endpoint a test event.
func (s *server) TestWebhook(ctx context.Context, r TestWebhookRequestObject) (TestWebhookResponseObject, error) {
	d, err := s.post.Test(ctx, billing.WebhookID(r.WebhookId))
	if err != nil {
		return nil, err
	}
	return TestWebhook202JSONResponse(toAPIDelivery(d)), nil
}

// ListDeliveries returns a page of the deliveries to an endpoint.
func (s *server) ListDeliveries(
	ctx context.Context, r ListDeliveriesRequestObject,
) (ListDeliveriesResponseObject, error) {
	limit, id := limitOf(r.Params.Limit), billing.WebhookID(r.WebhookId)
	deliveries, err := s.post.Deliveries(
		ctx, id, billing.DeliveryStatus(value(r.Params.Status)), billing.MessageID(value(r.Params.Cursor)), limit+1,
	)
	if err != nil {
		return nil, err
	}
	deliveries, next := page(deliveries, limit, func(d billing.Delivery) string { return string(d.ID) })
	return ListDeliveries200JSONResponse{Deliveries: each(deliveries, toAPIDelivery), NextCursor: next}, nil
}

// ResendDelivery delivers an event again.
func (s *server) ResendDelivery(
	ctx context.Context, r ResendDeliveryRequestObject,
) (ResendDeliveryResponseObject, error) {
	d, err := s.post.Resend(ctx, billing.WebhookID(r.WebhookId), billing.MessageID(r.EventId))
	if err != nil {
		return nil, err
	}
	return ResendDelivery202JSONResponse(toAPIDelivery(d)), nil
}

// ResendDeliveries delivers many events again.
func (s *server) ResendDeliveries(
	ctx context.Context, r ResendDeliveriesRequestObject,
) (ResendDeliveriesResponseObject, error) {
	sent, err := s.post.ResendMany(ctx, admin(ctx), billing.WebhookID(r.WebhookId), fromAPIResend(*r.Body))
	if err != nil {
		return nil, err
	}
	return ResendDeliveries202JSONResponse{Resent: int64(sent.Events), NextCursor: optional(string(sent.Last))}, nil
}

func fromAPIResend(r ResendRequest) billing.DeliveryFilter {
	return billing.DeliveryFilter{
		Statuses: each(value(r.Statuses), func(s ResendRequestStatuses) billing.DeliveryStatus {
			return billing.DeliveryStatus(s)
		}),
		Types: each(value(r.Types), func(t OutgoingType) billing.OutgoingType { return billing.OutgoingType(t) }),
		From:  fromAPITime(r.From), To: fromAPITime(r.To),
		After: billing.MessageID(value(r.Cursor)),
	}
}

func fromAPIWebhook(r WebhookRequest) outbox.Endpoint {
	e := outbox.Endpoint{URL: r.Url}
	for _, t := range value(r.Types) {
		e.Types = append(e.Types, billing.OutgoingType(t))
	}
	return e
}

// toAPIWebhook leaves out the secrets, and what has ended by the machine's clock, by which we sign and send.
func toAPIWebhook(w billing.Webhook) Webhook {
	now := time.Now()
	old := w.OldSecretsAt(now)
	out := Webhook{
		Id:             string(w.ID),
		Url:            w.URL,
		CreatedAt:      billing.Time(w.CreatedAt),
		Secrets:        int64(len(old)) + 1,
		DisabledAt:     (*billing.Time)(w.DisabledAt),
		DisabledReason: optional(w.DisabledWhy),
		Delivered:      w.Delivered, Failed: w.Failed,
	}
	if len(old) > 0 {
		out.OldSecretUntil = (*billing.Time)(&old[len(old)-1].Until)
	}
	if w.PausedAt(now) {
		out.PausedUntil = (*billing.Time)(w.PausedUntil)
	}
	if w.Types != nil {
		types := each(w.Types, func(t billing.OutgoingType) OutgoingType { return OutgoingType(t) })
		out.Types = &types
	}
	return out
}

func toAPIDelivery(d billing.Delivery) Delivery {
	out := Delivery{
		EventId:   string(d.ID),
		Type:      string(d.Type),
		AccountId: optional(string(d.AccountID)),
		Status:    DeliveryStatus(d.Status),
		Attempts:  d.Attempts,
		LastError: optional(d.LastError), CreatedAt: billing.Time(d.CreatedAt),
		TriedAt: (*billing.Time)(d.TriedAt), DeliveredAt: (*billing.Time)(d.DeliveredAt),
	}
	if d.LastStatus != 0 {
		out.LastStatus = &d.LastStatus
	}
	if d.Status == billing.DeliveryPending && !d.NextAt.Equal(store.AtOnce) {
		out.NextAttemptAt = (*billing.Time)(&d.NextAt)
	}
	return out
}
