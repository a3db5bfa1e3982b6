package stripegw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/catalog"
)

// maxSkew is when a wrong clock is worth a word; five times as much refuses every webhook.
const maxSkew = time.Minute

// Finding is one thing that Check looked at.
type Finding struct {
	OK   bool
	What string
	Mend string // how to mend it, "" where OK
}

func fine(format string, args ...any) Finding {
	return Finding{OK: true, What: fmt.Sprintf(format, args...)}
}

func wrong(mend, format string, args ...any) Finding {
	return Finding{What: fmt.Sprintf(format, args...), Mend: mend}
}

// Check looks whether Stripe is ready to work for us, changing nothing: the key, its mode, the clock, a price for
// each item, and the webhook endpoint unless webhookURL is "". now is compared with Stripe's clock. What is wrong is
// a Finding; an error means that Stripe could not be asked. EStripeUnavailable, EStripeRefused.
func (g *Gateway) Check(ctx context.Context, c *catalog.Catalog, webhookURL string, now time.Time) ([]Finding, error) {
	found, ok, err := g.checkAccount(ctx, now)
	if err != nil || !ok {
		return found, err // without a working key nothing else can be seen
	}
	for _, w := range wares(c) {
		f, err := g.checkWare(ctx, w)
		if err != nil {
			return found, g.failure(err, "show its prices")
		}
		found = append(found, f...)
	}
	vanished, err := g.checkVanished(ctx, c)
	if err != nil {
		return found, g.failure(err, "show its prices")
	}
	found = append(found, vanished...)
	if webhookURL == "" {
		return found, nil
	}
	endpoint, err := g.checkEndpoint(ctx, webhookURL)
	if err != nil {
		return found, g.failure(err, "show its webhook endpoints")
	}
	return append(found, endpoint...), nil
}

func (g *Gateway) checkAccount(ctx context.Context, now time.Time) ([]Finding, bool, error) {
	var account stripe.Account
	// Not api.Accounts.Get, which takes no context.
	err := g.backend.Call(http.MethodGet, "/v1/account", g.key, &stripe.Params{Context: ctx}, &account)
	var said *stripe.Error
	if errors.As(err, &said) && (said.HTTPStatusCode == http.StatusUnauthorized || said.HTTPStatusCode == http.StatusForbidden) {
		mend := "Copy the secret key of the right account from Stripe's dashboard into STRIPE_SECRET_KEY; a restricted key needs to read the account."
		return []Finding{wrong(mend, "Stripe does not accept the key (status %d)", said.HTTPStatusCode)}, false, nil
	}
	if err != nil {
		return nil, false, g.failure(err, "show the account")
	}
	mode := "test mode: no real money moves"
	if IsLiveKey(g.key) {
		mode = "live mode: real money moves"
	}
	found := []Finding{fine("the key works: account %s", account.ID), fine("the key is for %s", mode)}
	return append(found, checkClock(account.LastResponse.Header.Get("Date"), now)), true, nil
}

func checkClock(date string, now time.Time) Finding {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return wrong("Look at what stands between this machine and Stripe.", "Stripe's answer has no date to compare the clock with")
	}
	skew := now.Sub(theirs).Round(time.Second)
	if skew > maxSkew || skew < -maxSkew {
		return wrong("Set this machine's clock, by NTP at best: webhooks more than five minutes off are refused.",
			"the clock differs from Stripe's by %s", skew)
	}
	return fine("the clock agrees with Stripe's to %s", max(skew.Abs(), time.Second))
}

func (g *Gateway) checkEndpoint(ctx context.Context, address string) ([]Finding, error) {
	const mend = "Run pointsync stripe setup --webhook-url with this address."
	all, err := g.endpoints(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	if old := others(all, address); len(old) > 0 {
		found = append(found, wrong("Disable or delete it in Stripe's dashboard, if no server answers there any more.",
			"another webhook endpoint of ours is enabled: %s", addressesOf(old)))
	}
	present := endpointsAt(all, address)
	switch len(present) {
	case 0:
		return append(found, wrong(mend, "no webhook endpoint sends to %s", address)), nil
	case 1:
	default:
		return append(found, wrong("Delete all but one in Stripe's dashboard.", "%d webhook endpoints send to %s: %s", len(present), address, idsOf(present))), nil
	}
	e := present[0]
	found = append(found, fine("webhook endpoint %s sends to %s", e.ID, address))
	if e.Status == "disabled" {
		found = append(found, wrong(mend, "webhook endpoint %s is disabled", e.ID))
	}
	if e.APIVersion != stripe.APIVersion {
		found = append(found, wrong(versionMend, "webhook endpoint %s has %s", e.ID, versionOf(e)))
	}
	if missing := missingEvents(e); len(missing) > 0 {
		found = append(found, wrong(mend, "webhook endpoint %s does not send %s", e.ID, strings.Join(missing, ", ")))
	}
	return found, nil
}
