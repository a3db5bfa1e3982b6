package stripegw

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Stripe's statuses of a webhook endpoint, for which its library has no constants.
const (
	endpointEnabled  = "enabled"
	endpointDisabled = "disabled"
)

// EventTypes are the events that we listen to: everything that may change what a customer has paid for.
var EventTypes = []string{
	"checkout.session.completed",
	"checkout.session.async_payment_succeeded",
	"checkout.session.async_payment_failed",
	"checkout.session.expired",
	"customer.deleted",
	"customer.subscription.created",
	"customer.subscription.updated",
	"customer.subscription.deleted",
	"customer.subscription.paused",
	"customer.subscription.resumed",
	"invoice.paid",
	"invoice.payment_failed",
	"invoice.payment_action_required",
	"invoice.voided",
	"invoice.marked_uncollectible",
	"payment_intent.succeeded",
	"payment_intent.payment_failed",
	"payment_intent.canceled",
	"charge.refunded",
	"charge.refund.updated",
	"charge.dispute.created",
	"charge.dispute.closed",
	"charge.dispute.funds_withdrawn",
	"charge.dispute.funds_reinstated",
}

// EndpointResult is the state in which EnsureEndpoint left the webhook endpoint.
type EndpointResult struct {
	ID      string
	Secret  string // whsec_…, only if it was created now: Stripe never shows it again
	Changes []Change
	Notes   []string // what else was found, for a person to look at
}

// EnsureEndpoint makes Stripe send our events to a URL, in the shape of stripe.APIVersion. Errors: EInvalid if it is
// not a URL; EConflict if an existing endpoint cannot be corrected by an update (the message says what to do instead);
// EStripeUnavailable, EStripeRefused.
func (g *Gateway) EnsureEndpoint(ctx context.Context, address string) (EndpointResult, error) {
	if u, err := url.Parse(address); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return EndpointResult{}, billing.Errorf(
			billing.EInvalid, "The webhook URL %q is not an http or https address.", address,
		)
	}
	all, err := g.endpoints(ctx)
	if err != nil {
		return EndpointResult{}, g.failure(err, "show its webhook endpoints")
	}
	var notes []string
	if old := others(all, address); len(old) > 0 {
		notes = append(
			notes,
			fmt.Sprintf(
				"another webhook endpoint of ours is enabled: %s. Disable or delete it in Stripe's dashboard, if no server runs there any more.",
				addressesOf(old),
			),
		)
	}
	var result EndpointResult
	present := endpointsAt(all, address)
	switch len(present) {
	case 0:
		result, err = g.createEndpoint(ctx, address)
		result.Notes = notes
		return result, err
	case 1:
		result, err = g.mendEndpoint(ctx, present[0])
		result.Notes = notes
		return result, err
	}
	return EndpointResult{Notes: notes}, billing.Errorf(billing.EConflict,
		"Stripe has %d webhook endpoints at %s (%s); delete all but one in the dashboard.", len(present), address,
		idsOf(present))
}

func (g *Gateway) endpoints(ctx context.Context) ([]*stripe.WebhookEndpoint, error) {
	list := g.api.WebhookEndpoints.List(&stripe.WebhookEndpointListParams{ListParams: listParams(ctx)})
	var found []*stripe.WebhookEndpoint
	err := each(list.Iter, "webhook endpoints", func() error {
		found = append(found, list.WebhookEndpoint())
		return nil
	})
	return found, err
}

func endpointsAt(all []*stripe.WebhookEndpoint, address string) (found []*stripe.WebhookEndpoint) {
	for _, e := range all {
		if e.URL == address {
			found = append(found, e)
		}
	}
	return found
}

// endpointDescription marks the endpoints that a setup creates.
const endpointDescription = "pointsync"

func (g *Gateway) createEndpoint(ctx context.Context, address string) (EndpointResult, error) {
	params := &stripe.WebhookEndpointParams{
		URL:           stripe.String(address),
		APIVersion:    stripe.String(stripe.APIVersion),
		EnabledEvents: stripe.StringSlice(EventTypes),
		Description:   stripe.String(endpointDescription),
	}
	params.Context = ctx
	e, err := g.api.WebhookEndpoints.New(params)
	if err != nil {
		return EndpointResult{}, g.failure(err, "create the webhook endpoint")
	}
	created := Change(
		fmt.Sprintf("webhook endpoint %s created at %s, API version %s", e.ID, address, stripe.APIVersion),
	)
	return EndpointResult{ID: e.ID, Secret: e.Secret, Changes: []Change{created}}, nil
}

// mendEndpoint adds what is missing. It keeps what an operator added.
func (g *Gateway) mendEndpoint(ctx context.Context, e *stripe.WebhookEndpoint) (EndpointResult, error) {
	result := EndpointResult{ID: e.ID}
	params := &stripe.WebhookEndpointParams{}
	params.Context = ctx
	if missing := missingEvents(e); len(missing) > 0 {
		params.EnabledEvents = stripe.StringSlice(append(slices.Clone(e.EnabledEvents), missing...))
		result.Changes = append(
			result.Changes,
			Change(fmt.Sprintf("webhook endpoint %s: now sends %s too", e.ID, strings.Join(missing, ", "))),
		)
	}
	if e.Status == endpointDisabled {
		params.Disabled = stripe.Bool(false)
		result.Changes = append(result.Changes, Change(fmt.Sprintf("webhook endpoint %s: enabled again", e.ID)))
	}
	if len(result.Changes) > 0 {
		if _, err := g.api.WebhookEndpoints.Update(e.ID, params); err != nil {
			return EndpointResult{ID: e.ID}, g.failure(err, "update the webhook endpoint")
		}
	}
	if e.APIVersion != stripe.APIVersion {
		return result, billing.Errorf(
			billing.EConflict, "The webhook endpoint %s has %s. %s", e.ID, versionOf(e), versionFix,
		)
	}
	return result, nil
}

const versionFix = "Stripe cannot change that on an endpoint: delete it in the dashboard and run pointsync stripe setup again; its new secret goes into STRIPE_WEBHOOK_SECRET."

func versionOf(e *stripe.WebhookEndpoint) string {
	if e.APIVersion == "" {
		return "the account's default API version instead of " + stripe.APIVersion
	}
	return "API version " + e.APIVersion + " instead of " + stripe.APIVersion
}

func missingEvents(e *stripe.WebhookEndpoint) []string {
	if slices.Contains(e.EnabledEvents, "*") {
		return nil
	}
	var missing []string
	for _, t := range EventTypes {
		if !slices.Contains(e.EnabledEvents, t) {
			missing = append(missing, t)
		}
	}
	return missing
}

func idsOf(endpoints []*stripe.WebhookEndpoint) string {
	var ids []string
	for _, e := range endpoints {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, ", ")
}
