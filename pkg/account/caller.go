package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

// caller is whose points are to be moved, and by whom.
type caller struct {
	account  billing.AccountID
	actor    billing.Actor
	login    billing.SessionID // of a customer, "" for a service
	inWindow bool              // no need to ask Stripe first
	// Whether the caller may choose how many points to spend, instead of naming an action.
	anyAmount bool
	// keySpace goes before the caller's Idempotency-Keys in the ledger. A caller's own key never holds a space.
	keySpace string
	// mint makes the token of the response. proven reports that the database has just found the login alive.
	mint func(_ context.Context, _ billing.Account, proven bool) (string, error)
}

// serviceSpace is the space of the services' keys. All services share it, so that a repeat under a rotated service key
// is a repeat.
const serviceSpace = "service "

// customer returns the caller who holds a token. The token says whether to ask Stripe first.
func (s *Service) customer(c token.Claims) caller {
	return caller{
		account:   c.Account,
		actor:     billing.Actor{Kind: billing.ActorCustomer},
		login:     c.Login,
		inWindow:  c.InWindow(s.db.Now()),
		anyAmount: !s.catalog.ActionsOnly,
		mint: func(ctx context.Context, a billing.Account, proven bool) (string, error) {
			if proven {
				raw, _, err := s.tokens.Mint(a, c.Login)
				return raw, err
			}
			return s.Mint(ctx, a, c)
		},
	}
}

// service returns the caller who holds a service key and acts for an account.
func service(k billing.ServiceKey, id billing.AccountID) caller {
	return caller{
		account:   id,
		actor:     k.Actor(),
		anyAmount: true,
		keySpace:  serviceSpace,
		mint:      func(context.Context, billing.Account, bool) (string, error) { return "", nil },
	}
}

// serviceInWindow returns the same caller. A service has no token, so the account's row says whether to ask Stripe
// first. Errors: ENotFound.
func (s *Service) serviceInWindow(ctx context.Context, k billing.ServiceKey, id billing.AccountID) (caller, error) {
	a, err := s.db.Account(ctx, id)
	if err != nil {
		return caller{}, unknownAccount(err)
	}
	c := service(k, id)
	c.inWindow = a.Subscription != nil && a.Subscription.Window.Contains(s.db.Now())
	return c, nil
}

// unknownAccount gives ENotFound the message that there is no such account.
func unknownAccount(err error) error {
	if billing.CodeOf(err) == billing.ENotFound {
		return billing.Errorf(billing.ENotFound, "No such account.")
	}
	return err
}
