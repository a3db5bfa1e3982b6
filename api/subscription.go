package api

import (
	"cmp"
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// GetSubscription returns the caller's subscription.
func (s *server) GetSubscription(
	ctx context.Context, _ GetSubscriptionRequestObject,
) (GetSubscriptionResponseObject, error) {
	session, err := s.accounts.Read(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	return GetSubscription200JSONResponse{Subscription: s.toAPISubscription(session.Account.Subscription)}, nil
}

// PreviewSubscription returns what a change would cost and bring.
func (s *server) PreviewSubscription(
	ctx context.Context, r PreviewSubscriptionRequestObject,
) (PreviewSubscriptionResponseObject, error) {
	p, err := s.checkout.Preview(
		ctx, caller(ctx).Account, checkout.ChangeRequest{
			Plan: r.Body.Plan, Quantity: value(r.Body.Quantity), Login: caller(ctx).Login,
		},
	)
	if err != nil {
		return nil, err
	}
	return PreviewSubscription200JSONResponse(toAPIPreview(p)), nil
}

// ChangeSubscription gives the caller's subscription another plan or quantity.
func (s *server) ChangeSubscription(
	ctx context.Context, r ChangeSubscriptionRequestObject,
) (ChangeSubscriptionResponseObject, error) {
	changed, err := s.checkout.Change(ctx, caller(ctx).Account, checkout.ChangeRequest{
		Plan:          r.Body.Plan,
		Quantity:      value(r.Body.Quantity),
		ProrationDate: value(r.Body.ProrationDate),
		Key:           value(r.Params.IdempotencyKey),
		Login:         caller(ctx).Login,
	})
	body, err := s.changed(ctx, changed, err)
	if err != nil {
		return nil, err
	}
	return ChangeSubscription200JSONResponse{
		Body: body, Headers: ChangeSubscription200ResponseHeaders{IdempotentReplayed: replayed(changed)},
	}, nil
}

// CancelSubscription ends the caller's subscription.
func (s *server) CancelSubscription(
	ctx context.Context, r CancelSubscriptionRequestObject,
) (CancelSubscriptionResponseObject, error) {
	at := cmp.Or(billing.CancelTime(value(r.Body.At)), billing.CancelAtPeriodEnd)
	changed, err := s.checkout.Cancel(
		ctx, caller(ctx).Account, checkout.CancelRequest{
			At: at, Key: value(r.Params.IdempotencyKey), Login: caller(ctx).Login,
		},
	)
	body, err := s.changed(ctx, changed, err)
	if err != nil {
		return nil, err
	}
	return CancelSubscription200JSONResponse{
		Body: body, Headers: CancelSubscription200ResponseHeaders{IdempotentReplayed: replayed(changed)},
	}, nil
}

// ResumeSubscription makes the caller's subscription continue as it was.
func (s *server) ResumeSubscription(
	ctx context.Context, r ResumeSubscriptionRequestObject,
) (ResumeSubscriptionResponseObject, error) {
	changed, err := s.checkout.Resume(
		ctx, caller(ctx).Account,
		checkout.ResumeRequest{Key: value(r.Params.IdempotencyKey), Login: caller(ctx).Login},
	)
	body, err := s.changed(ctx, changed, err)
	if err != nil {
		return nil, err
	}
	return ResumeSubscription200JSONResponse{
		Body: body, Headers: ResumeSubscription200ResponseHeaders{IdempotentReplayed: replayed(changed)},
	}, nil
}

// changed returns the response to a change, with a token that mirrors the account.
func (s *server) changed(ctx context.Context, c checkout.Changed, err error) (SubscriptionChanged, error) {
	if err != nil {
		return SubscriptionChanged{}, err
	}
	token, err := s.accounts.Mint(ctx, c.Account, caller(ctx))
	body := SubscriptionChanged{
		Subscription: s.toAPISubscription(c.Account.Subscription), Points: toAPIPoints(c.Account.Balance), Token: token,
		Payment: SubscriptionChangedPayment(c.Payment), VoidedInvoices: each(c.Voided, toAPIVoided),
	}
	if c.PaymentURL != "" {
		body.PaymentUrl = &c.PaymentURL
	}
	return body, err
}

func toAPIVoided(v billing.VoidedInvoice) VoidedInvoice {
	return VoidedInvoice{Id: string(v.ID), Amount: v.Amount, Currency: v.Currency}
}

func replayed(c checkout.Changed) *bool {
	if !c.Replayed {
		return nil
	}
	return &c.Replayed
}

func toAPIPreview(p checkout.Preview) SubscriptionPreview {
	out := SubscriptionPreview{
		Effect:    SubscriptionPreviewEffect(p.Effect),
		At:        billing.Time(p.At),
		Quantity:  p.Quantity,
		AmountDue: p.AmountDue,
		Currency:  p.Currency,
		Lines:     each(p.Lines, toAPIPreviewLine), Points: int64(p.Points),
	}
	if p.ProrationDate != 0 {
		out.ProrationDate = &p.ProrationDate
	}
	return out
}

func toAPIPreviewLine(l billing.StripeInvoiceLine) PreviewLine {
	return PreviewLine{
		Description: l.Description,
		Amount:      l.Amount,
		PeriodStart: billing.Time(l.PeriodStart),
		PeriodEnd:   billing.Time(l.PeriodEnd),
		Proration:   l.Proration,
	}
}
