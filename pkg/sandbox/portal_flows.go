package sandbox

import "github.com/pointsync/pointsync/pkg/sandbox/spec"

// flowPath ends the address of a portal that opens directly at the flow's action.
const flowPath = "/flow"

// portalFlow is the one action for which a customer is sent to the portal, and what follows it.
type portalFlow struct {
	AfterCompletion           afterCompletion `json:"after_completion"`
	SubscriptionCancel        *flowCancel     `json:"subscription_cancel"`
	SubscriptionUpdate        *flowUpdate     `json:"subscription_update"`
	SubscriptionUpdateConfirm *flowConfirm    `json:"subscription_update_confirm"`
	Type                      string          `json:"type"`
}

type afterCompletion struct {
	HostedConfirmation *hostedConfirmation `json:"hosted_confirmation"`
	Redirect           *flowRedirect       `json:"redirect"`
	Type               string              `json:"type"`
}

type hostedConfirmation struct {
	CustomMessage text `json:"custom_message"`
}

type flowRedirect struct {
	ReturnURL string `json:"return_url"`
}

type flowCancel struct {
	Retention    any    `json:"retention"`
	Subscription string `json:"subscription"`
}

type flowUpdate struct {
	Subscription string `json:"subscription"`
}

type flowConfirm struct {
	Discounts    any        `json:"discounts"`
	Items        []flowItem `json:"items"`
	Subscription string     `json:"subscription"`
}

type flowItem struct {
	ID       string `json:"id"`
	Price    text   `json:"price"`
	Quantity *int64 `json:"quantity,omitempty"`
}

// subscription returns the id of the subscription that a flow is about, or "" if it is about a card.
func (f *portalFlow) subscription() string {
	switch {
	case f.SubscriptionCancel != nil:
		return f.SubscriptionCancel.Subscription
	case f.SubscriptionUpdate != nil:
		return f.SubscriptionUpdate.Subscription
	case f.SubscriptionUpdateConfirm != nil:
		return f.SubscriptionUpdateConfirm.Subscription
	}
	return ""
}

// portalFlow reads flow_data and checks that the portal offers what the flow leads to. It returns nil if none is given.
func (c *call) portalFlow(holder *customer, configuration *portalConfiguration) (*portalFlow, error) {
	p := c.p.Sub("flow_data")
	if p == nil {
		return nil, nil
	}
	flow, features := &portalFlow{Type: p.Text("type")}, configuration.Features
	details := p.Sub(flow.Type)
	enabled, feature := features.PaymentMethodUpdate.Enabled, "payment_method_update"
	switch flow.Type {
	case "subscription_cancel":
		enabled, feature = features.SubscriptionCancel.Enabled, flow.Type
	case "subscription_update", "subscription_update_confirm":
		enabled, feature = features.SubscriptionUpdate.Enabled, "subscription_update"
	}
	if !enabled {
		return nil, invalid(
			"flow_data[type]", "The portal's configuration %s does not have the feature %s enabled.", configuration.ID,
			feature,
		)
	}
	if feature != "payment_method_update" {
		if err := c.flowSubscription(flow, details, holder, configuration); err != nil {
			return nil, err
		}
	}
	var err error
	flow.AfterCompletion, err = readCompletion(p.Sub("after_completion"))
	return flow, err
}

// flowSubscription reads what a flow does, and to which of the customer's own subscriptions.
func (c *call) flowSubscription(
	flow *portalFlow, details spec.Params, holder *customer, configuration *portalConfiguration,
) error {
	at := "flow_data[" + flow.Type + "]"
	if details == nil {
		return missing(at)
	}
	if details.Has("retention") || details.Has("discounts") {
		return invalid(at, "The sandbox's portal offers no coupons: leave out retention and discounts.")
	}
	s := c.Subscriptions.get(details.Text("subscription"))
	switch {
	case s == nil || s.Customer != holder.ID:
		return noSuch("subscription", details.Text("subscription"), at+"[subscription]")
	case s.ended():
		return invalid(at+"[subscription]", "The subscription %s has ended: its status is %s.", s.ID, s.Status)
	case flow.Type == "subscription_cancel":
		if s.CancelAtPeriodEnd {
			return invalid(at+"[subscription]", "The subscription %s is already set to be canceled.", s.ID)
		}
		flow.SubscriptionCancel = &flowCancel{Subscription: s.ID}
		return nil
	case len(s.Items.Data) != 1:
		return invalid(at+"[subscription]", "Subscriptions with more than one item cannot be changed in the portal.")
	case flow.Type == "subscription_update":
		flow.SubscriptionUpdate = &flowUpdate{Subscription: s.ID}
		return nil
	}
	item, err := c.flowItem(s, details.List("items"), at+"[items]", configuration)
	flow.SubscriptionUpdateConfirm = &flowConfirm{Items: []flowItem{item}, Subscription: s.ID}
	return err
}

// flowItem reads the one change that a customer is asked to confirm.
func (c *call) flowItem(
	s *subscription, given []spec.Params, at string, configuration *portalConfiguration,
) (flowItem, error) {
	if len(given) != 1 {
		return flowItem{}, invalid(at, "Exactly one item must be given.")
	}
	entry, own := given[0], s.Items.Data[0]
	item := flowItem{ID: entry.Text("id"), Price: text(entry.Text("price"))}
	if item.Price == "" {
		item.Price = text(own.Price.ID)
	}
	if entry.Has("quantity") {
		item.Quantity = amountOf(entry.Int("quantity"))
	}
	target := c.Prices.get(string(item.Price))
	switch {
	case item.ID != own.ID:
		return item, noSuch("subscription_item", item.ID, at+"[0][id]")
	case target == nil:
		return item, noSuch("price", string(item.Price), at+"[0][price]")
	case target.ID != own.Price.ID && (!configuration.offers(target) || target.Currency != s.Currency):
		return item, invalid(
			at+"[0][price]",
			"The price %s is not among those that the portal's configuration %s offers for this subscription.",
			target.ID, configuration.ID,
		)
	case item.Quantity != nil && (*item.Quantity < 1 || *item.Quantity > maxQuantity):
		return item, coded(
			"parameter_invalid_integer", at+"[0][quantity]", "This value must be between 1 and %d.", maxQuantity,
		)
	}
	return item, nil
}

func readCompletion(p spec.Params) (afterCompletion, error) {
	switch kind := p.Text("type"); kind {
	case "redirect":
		address := p.Sub("redirect").Text("return_url")
		if address == "" {
			return afterCompletion{}, missing("flow_data[after_completion][redirect][return_url]")
		}
		if !absolute(address) {
			return afterCompletion{}, coded(
				"url_invalid", "flow_data[after_completion][redirect][return_url]", "Not a valid URL",
			)
		}
		return afterCompletion{Type: kind, Redirect: &flowRedirect{ReturnURL: address}}, nil
	case "hosted_confirmation":
		message := p.Sub(kind).Text("custom_message")
		return afterCompletion{Type: kind, HostedConfirmation: &hostedConfirmation{CustomMessage: text(message)}}, nil
	}
	return afterCompletion{Type: "portal_homepage"}, nil
}
