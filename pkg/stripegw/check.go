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

// maxSkew is the clock difference from which Check reports it, as the alert PointsyncClockOff does. Five minutes make
// every webhook invalid.
const maxSkew = 10 * time.Second

// Finding is one thing that Check examined.
type Finding struct {
	OK   bool
	What string
	Fix  string // how to correct it, "" if OK
}

func fine(format string, args ...any) Finding {
	return Finding{OK: true, What: fmt.Sprintf(format, args...)}
}

func wrong(fix, format string, args ...any) Finding {
	return Finding{What: fmt.Sprintf(format, args...), Fix: fix}
}

// Check reports whether Stripe is ready for us, and changes nothing. It examines the key, its mode, the clock, a price
// for each item, and the webhook endpoint unless webhookURL is "". now is compared with Stripe's clock. A problem is a
// Finding, and so is anything that a restricted key may not read. Check then continues with the rest. An error means
// that Stripe could not be asked. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) Check(ctx context.Context, c *catalog.Catalog, webhookURL string, now time.Time) ([]Finding, error) {
	found, ok, err := g.checkAccount(ctx, now)
	if err != nil || !ok {
		return found, err // without a working key nothing else can be read
	}
	items, err := g.checkItems(ctx, c)
	if err = readable(err, &items, "products and prices"); err != nil {
		return found, g.failure(err, "show its prices")
	}
	found = append(found, items...)
	if webhookURL == "" {
		return found, nil
	}
	endpoint, err := g.checkEndpoint(ctx, webhookURL)
	if err = readable(err, &endpoint, "webhook endpoints"); err != nil {
		return found, g.failure(err, "show its webhook endpoints")
	}
	return append(found, endpoint...), nil
}

// readable turns a refusal to read something with a restricted key into a finding.
func readable(err error, found *[]Finding, what string) error {
	if !isForbidden(err) {
		return err
	}
	*found = append(*found, wrong("Give the restricted key the permission to read "+what+
		" in Stripe's dashboard, for this check at least.",
		"the key may not read %s, so they were not looked at", what))
	return nil
}

func isForbidden(err error) bool {
	var said *stripe.Error
	return errors.As(err, &said) && said.HTTPStatusCode == http.StatusForbidden
}

func (g *Gateway) checkItems(ctx context.Context, c *catalog.Catalog) (found []Finding, err error) {
	for _, w := range wares(c) {
		f, err := g.checkWare(ctx, w)
		if err != nil {
			return found, err
		}
		found = append(found, f...)
	}
	vanished, err := g.checkVanished(ctx, c)
	return append(found, vanished...), err
}

// checkAccount examines the key. A key that may not read its account may still work, and Stripe's refusal also has a
// date.
func (g *Gateway) checkAccount(ctx context.Context, now time.Time) (found []Finding, ok bool, err error) {
	account, err := g.account(ctx)
	var said *stripe.Error
	answer := account.LastResponse
	switch {
	case err == nil:
		found = append(found, fine("the key works: account %s", account.ID))
	case isForbidden(err) && errors.As(err, &said):
		answer = said.LastResponse
		found = append(found, wrong("Give the restricted key the permission to read the account (GET /v1/account) in Stripe's dashboard.",
			"the key may not read its account (status 403), so it is not known which one it is"))
	case errors.As(err, &said) && said.HTTPStatusCode == http.StatusUnauthorized:
		return []Finding{
			wrong(
				"Copy the secret key of the right account from Stripe's dashboard into STRIPE_SECRET_KEY.",
				"Stripe does not accept the key (status 401)",
			),
		}, false, nil
	default:
		return nil, false, g.failure(err, "show the account")
	}
	mode := "test mode: no real money moves"
	if IsLiveKey(g.key) {
		mode = "live mode: real money moves"
	}
	return append(found, fine("the key is for %s", mode), checkClock(answer.Header.Get("Date"), now)), true, nil
}

func checkClock(date string, now time.Time) Finding {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return wrong(
			"Check the network between this machine and Stripe.",
			"Stripe's response has no date to compare the clock with",
		)
	}
	skew := now.Sub(theirs).Round(time.Second)
	if skew > maxSkew || skew < -maxSkew {
		return wrong("Set this machine's clock, by NTP at best: webhooks more than five minutes off are refused.",
			"the clock differs from Stripe's by %s", skew)
	}
	return fine("the clock agrees with Stripe's to %s", max(skew.Abs(), time.Second))
}

func (g *Gateway) checkEndpoint(ctx context.Context, address string) ([]Finding, error) {
	const fix = "Run pointsync stripe setup --webhook-url with this address."
	all, err := g.endpoints(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	if old := others(all, address); len(old) > 0 {
		found = append(found, wrong("Disable or delete it in Stripe's dashboard, if no server runs there any more.",
			"another webhook endpoint of ours is enabled: %s", addressesOf(old)))
	}
	present := endpointsAt(all, address)
	switch len(present) {
	case 0:
		return append(found, wrong(fix, "no webhook endpoint sends to %s", address)), nil
	case 1:
	default:
		return append(
			found,
			wrong(
				"Delete all but one in Stripe's dashboard.", "%d webhook endpoints send to %s: %s", len(present),
				address, idsOf(present),
			),
		), nil
	}
	e := present[0]
	found = append(found, fine("webhook endpoint %s sends to %s", e.ID, address))
	if e.Status == endpointDisabled {
		found = append(found, wrong(fix, "webhook endpoint %s is disabled", e.ID))
	}
	if e.APIVersion != stripe.APIVersion {
		found = append(found, wrong(versionFix, "webhook endpoint %s has %s", e.ID, versionOf(e)))
	}
	if missing := missingEvents(e); len(missing) > 0 {
		found = append(found, wrong(fix, "webhook endpoint %s does not send %s", e.ID, strings.Join(missing, ", ")))
	}
	return found, nil
}
