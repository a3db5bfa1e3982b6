package stripegw

import (
	"context"
	"net/http"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Account returns the Stripe account that the key belongs to, and its mode. If a restricted key may not read the
// account, the account id is "". The mode is in the key's prefix. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) Account(ctx context.Context) (billing.StripeLink, error) {
	link := billing.StripeLink{Livemode: IsLiveKey(g.key)}
	account, err := g.account(ctx)
	if isForbidden(err) {
		return link, nil
	}
	if err != nil {
		return link, g.failure(err, "show the account")
	}
	link.AccountID = account.ID
	return link, nil
}

// account makes the same call as api.Accounts.Get, which takes no context.
func (g *Gateway) account(ctx context.Context) (stripe.Account, error) {
	var account stripe.Account
	err := g.backend.Call(http.MethodGet, "/v1/account", g.key, &stripe.Params{Context: ctx}, &account)
	return account, err
}
