package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// exportLimit is how many orders, and how many entries, an export has.
const exportLimit = 1000

// DeleteAccount closes the caller's account for good. A job erases its person's data.
func (s *server) DeleteAccount(
	ctx context.Context, _ DeleteAccountRequestObject,
) (DeleteAccountResponseObject, error) {
	a, err := s.checkout.DeleteAccount(ctx, caller(ctx).Account, caller(ctx).Login)
	if err != nil {
		return nil, err
	}
	return DeleteAccount202JSONResponse{AccountId: string(a.ID), RequestedAt: billing.Time(*a.DeletingAt)}, nil
}

// ExportAccount returns what is kept about the caller.
func (s *server) ExportAccount(
	ctx context.Context, _ ExportAccountRequestObject,
) (ExportAccountResponseObject, error) {
	e, err := s.accounts.Export(ctx, caller(ctx), exportLimit+1)
	if err != nil {
		return nil, err
	}
	topUp, err := s.topUps.Get(ctx, caller(ctx).Account)
	if err != nil {
		return nil, err
	}
	orders, nextOrder := page(e.Orders, exportLimit, func(o billing.Order) string { return string(o.ID) })
	entries, nextEntry := page(e.Entries, exportLimit, func(e billing.Entry) string { return string(e.ID) })
	return ExportAccount200JSONResponse{
		ExportedAt:       billing.Time(e.At),
		User:             toAPIUser(e.Account),
		ExternalId:       optional(e.Account.ExternalID),
		CreatedAt:        billing.Time(e.Account.CreatedAt),
		Identities:       each(e.Identities, toAPIIdentity),
		Sessions:         each(e.Logins, func(l billing.Login) Device { return toAPIDevice(l, caller(ctx).Login) }),
		StripeCustomerId: optional(string(e.Account.CustomerID)),
		Subscription:     s.toAPISubscription(e.Account.Subscription),
		Points:           toAPIPoints(e.Account.Balance),
		Lots:             each(e.Lots, toAPILot),
		Holds:            each(e.Holds, toAPIHold),
		LowPoints:        (*int64)(e.Account.LowPoints),
		TopUp:            toAPITopUp(topUp),
		Orders:           each(orders, toAPIOrder), OrdersNextCursor: nextOrder,
		Entries: each(entries, toAPIEntry), EntriesNextCursor: nextEntry,
	}, nil
}

func toAPIUser(a billing.Account) User {
	return User{Id: string(a.ID), Email: toAPIEmail(a.Email), EmailVerifiedAt: (*billing.Time)(a.EmailVerifiedAt)}
}

func toAPIIdentity(i billing.LinkedIdentity) LinkedIdentity {
	return LinkedIdentity{Issuer: i.Issuer, Subject: i.Subject, LinkedAt: billing.Time(i.At)}
}
