package api

import (
	"context"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/token"
)

// loggedIn refuses callers whose login has ended, at every operation that needs an account. The admin's addresses have
// a stricter check.
func loggedIn(accounts *account.Service) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			claims, ok := c.Get("user").(token.Claims)
			if !ok || strings.HasPrefix(c.Path(), "/admin/") {
				return next(c)
			}
			if isCommon(c) && accounts.SpendsAtOnce(claims) {
				return looksAfter(c, accounts, claims, next(c))
			}
			if err := accounts.RequireLogin(c.Request().Context(), claims); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// looksAfter returns the error of a spend. What debits looks at the login itself, so the look before the request is
// left out. A spend that failed for another reason gets the look now: a caller whose login has ended learns that and
// nothing else.
func looksAfter(c echo.Context, accounts *account.Service, claims token.Claims, err error) error {
	if err == nil || c.Response().Committed {
		return err
	}
	if ended := accounts.RequireLogin(c.Request().Context(), claims); billing.CodeOf(ended) == billing.EUnauthorized {
		return ended
	}
	return err
}

// adminsOnly shows the admin's addresses only to admins. It runs before the contract's check, whose responses would
// reveal that the addresses exist.
func adminsOnly(accounts *account.Service) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !strings.HasPrefix(c.Path(), "/admin/") {
				return next(c)
			}
			switch who := c.Get("user").(type) {
			case token.Claims:
				if err := accounts.RequireAdmin(c.Request().Context(), who); err != nil {
					return err
				}
				return next(c)
			case billing.ServiceKey: // its scopes decide
				return next(c)
			}
			return echo.ErrNotFound // a known address with an unknown method: the caller did not have to authenticate
		}
	}
}

// FindAccounts returns the account with an email, a Stripe customer or an external id, or the parked accounts.
func (s *server) FindAccounts(ctx context.Context, r FindAccountsRequestObject) (FindAccountsResponseObject, error) {
	p, given := r.Params, 0
	for _, isGiven := range []bool{p.Email != nil, p.CustomerId != nil, p.ExternalId != nil, p.Parked != nil} {
		if isGiven {
			given++
		}
	}
	if given != 1 {
		const which = "give exactly one of email, customer_id, external_id and parked=true"
		return nil, &billing.Error{Code: billing.EInvalid, Message: "The request is not valid: " + which + ".",
			Fields: []billing.FieldError{{Pointer: "email", Message: which}}}
	}
	if p.Parked != nil {
		return s.parkedAccounts(ctx, billing.AccountID(value(p.Cursor)), limitOf(p.Limit))
	}
	a, err := s.findAccount(ctx, p)
	if billing.CodeOf(err) == billing.ENotFound {
		return FindAccounts200JSONResponse{Accounts: []AdminAccount{}}, nil
	}
	if err != nil {
		return nil, err
	}
	return FindAccounts200JSONResponse{Accounts: []AdminAccount{s.toAPIAdminAccount(a)}}, nil
}

// findAccount returns the account that the one given parameter names.
func (s *server) findAccount(ctx context.Context, p FindAccountsParams) (billing.Account, error) {
	switch {
	case p.CustomerId != nil:
		return s.accounts.ByCustomer(ctx, billing.CustomerID(*p.CustomerId))
	case p.ExternalId != nil:
		return s.accounts.ByExternalID(ctx, *p.ExternalId)
	}
	found, err := account.ByEmail(ctx, s.db, string(*p.Email))
	if billing.CodeOf(err) == billing.EInvalid {
		return found, billing.Invalid("email", "is not an email address")
	}
	if err != nil {
		return found, err
	}
	return ledger.Current(ctx, s.db, found.ID)
}

func (s *server) parkedAccounts(
	ctx context.Context, after billing.AccountID, limit int,
) (FindAccountsResponseObject, error) {
	parked, err := s.db.ParkedAccounts(ctx, after, limit+1)
	if err != nil {
		return nil, err
	}
	parked, next := page(parked, limit, func(a billing.Account) string { return string(a.ID) })
	return FindAccounts200JSONResponse{Accounts: each(parked, s.toAPIAdminAccount), NextCursor: next}, nil
}

// UnparkAccount lets the grants of a parked account through.
func (s *server) UnparkAccount(ctx context.Context, r UnparkAccountRequestObject) (UnparkAccountResponseObject, error) {
	a, replayed, err := s.accounts.Unpark(ctx, billing.AccountID(r.AccountId), account.Decision{
		By: admin(ctx), Reason: r.Body.Reason, Key: r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	answer := UnparkAccount200JSONResponse{Body: s.toAPIAdminAccount(a)}
	if replayed {
		answer.Headers.IdempotentReplayed = &replayed
	}
	return answer, nil
}

// GetAccount returns one account.
func (s *server) GetAccount(ctx context.Context, r GetAccountRequestObject) (GetAccountResponseObject, error) {
	a, err := ledger.Current(ctx, s.db, billing.AccountID(r.AccountId))
	if err != nil {
		return nil, err
	}
	return GetAccount200JSONResponse(s.toAPIAdminAccount(a)), nil
}

// GetTimeline returns a page of an account's story.
func (s *server) GetTimeline(ctx context.Context, r GetTimelineRequestObject) (GetTimelineResponseObject, error) {
	story, next, err := account.Timeline(
		ctx, s.db, billing.AccountID(r.AccountId), value(r.Params.Cursor), limitOf(r.Params.Limit),
	)
	if err != nil {
		return nil, err
	}
	topUp, err := s.topUps.Get(ctx, billing.AccountID(r.AccountId))
	if err != nil {
		return nil, err
	}
	answer := GetTimeline200JSONResponse{Moments: each(story, toAPIMoment), TopUp: toAPITopUp(topUp)}
	if next != "" {
		answer.NextCursor = &next
	}
	return answer, nil
}

// GrantPoints gives points.
func (s *server) GrantPoints(ctx context.Context, r GrantPointsRequestObject) (GrantPointsResponseObject, error) {
	adjustment := account.Adjustment{
		Action: billing.ActionGrant,
		Amount: billing.Points(r.Body.Amount),
		Reason: r.Body.Reason,
		Key:    r.Params.IdempotencyKey,
	}
	adjustment.ExpiresAt = fromAPITime(r.Body.ExpiresAt)
	done, err := s.accounts.Adjust(ctx, admin(ctx), billing.AccountID(r.AccountId), adjustment)
	if err != nil {
		return nil, err
	}
	answer := GrantPoints201JSONResponse{Body: toAPIAdjustment(done)}
	if done.Replayed {
		answer.Headers.IdempotentReplayed = &done.Replayed
	}
	return answer, nil
}

// CorrectPoints takes points away.
func (s *server) CorrectPoints(ctx context.Context, r CorrectPointsRequestObject) (CorrectPointsResponseObject, error) {
	done, err := s.accounts.Adjust(ctx, admin(ctx), billing.AccountID(r.AccountId), account.Adjustment{
		Action: billing.ActionCorrection,
		Amount: billing.Points(r.Body.Amount),
		Reason: r.Body.Reason,
		Key:    r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	answer := CorrectPoints201JSONResponse{Body: toAPIAdjustment(done)}
	if done.Replayed {
		answer.Headers.IdempotentReplayed = &done.Replayed
	}
	return answer, nil
}

func (s *server) toAPIAdminAccount(a billing.Account) AdminAccount {
	out := AdminAccount{
		Id:              string(a.ID),
		Email:           toAPIEmail(a.Email),
		EmailVerifiedAt: (*billing.Time)(a.EmailVerifiedAt),
		ExternalId:      optional(a.ExternalID),
		Role:            AdminAccountRole(a.Role),
		Points:          toAPIPoints(a.Balance),
		Subscription:    s.toAPISubscription(a.Subscription),
		Version:         a.Version,
		LastSyncedAt:    (*billing.Time)(a.Sync.LastSyncedAt),
		CreatedAt:       billing.Time(a.CreatedAt),
	}
	if a.CustomerID != "" {
		customer := string(a.CustomerID)
		out.CustomerId = &customer
	}
	if a.DisabledAt != nil {
		out.Disabled = &Disabled{Since: billing.Time(*a.DisabledAt), Reason: a.DisabledReason}
	}
	if a.DeletingAt != nil {
		out.Deleted = &Deleted{RequestedAt: billing.Time(*a.DeletingAt), ErasedAt: (*billing.Time)(a.DeletedAt)}
	}
	if p := a.Parking; p.At != nil {
		out.Parked = &Parked{Since: billing.Time(*p.At), Reason: p.Reason}
	}
	return out
}

func toAPIMoment(m account.Line) Moment {
	out := Moment{At: billing.Time(m.At), Kind: MomentKind(m.Kind), Ref: m.Ref, Text: m.Text}
	if m.Kind == billing.MomentPoints {
		amount, balance := int64(m.Amount), int64(m.Balance)
		out.Amount, out.BalanceAfter = &amount, &balance
	}
	if m.Version != 0 {
		out.Version = &m.Version
	}
	return out
}

func toAPIAdjustment(a account.Adjusted) Adjustment {
	return Adjustment{Entry: toAPIEntry(a.Entry), Points: toAPIPoints(a.Account.Balance)}
}
