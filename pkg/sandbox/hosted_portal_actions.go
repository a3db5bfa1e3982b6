package sandbox

import (
	"net/url"
	"slices"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// cancelReasons are Stripe's words for why a customer leaves, with the text that the customer reads.
var cancelReasons = map[string]string{
	"customer_service": "Customer service was less than expected",
	"low_quality":      "Quality was less than expected",
	"missing_features": "Some features are missing",
	"other":            "Other reason",
	"switched_service": "I’m switching to a different service",
	"too_complex":      "Ease of use was less than expected",
	"too_expensive":    "It’s too expensive",
	"unused":           "I don’t use the service enough",
}

// act does what a form of the portal asks, if the portal's configuration offers it. It uses the same operations as the
// API. It returns a text that says what was done.
func (v *visit) act(form url.Values) (string, error) {
	features := v.offer.Features
	if form.Get("action") == "card" {
		if !features.PaymentMethodUpdate.Enabled {
			return "", notOffered()
		}
		return "Your card was updated.", v.replaceCard(v.holder, readCard(form))
	}
	s := v.Subscriptions.get(form.Get("subscription"))
	if s == nil || s.Customer != v.holder.ID {
		return "", noSuch("subscription", form.Get("subscription"), "id")
	}
	switch form.Get("action") {
	case "cancel":
		return v.cancel(s, form.Get("reason"))
	case "resume":
		if !features.SubscriptionCancel.Enabled {
			return "", notOffered()
		}
		return "Your plan goes on.", v.update(s, spec.Params{"cancel_at_period_end": false})
	case "change":
		target := v.Prices.get(form.Get("price"))
		if target == nil || !v.offer.offers(target) {
			return "", noSuch("price", form.Get("price"), "price")
		}
		return v.changePlan(s, spec.Params{"price": target.ID})
	case "confirm":
		if v.flow == nil || v.flow.SubscriptionUpdateConfirm == nil || v.flow.subscription() != s.ID {
			return "", notOffered()
		}
		wanted := v.flow.SubscriptionUpdateConfirm.Items[0]
		entry := spec.Params{"price": string(wanted.Price)}
		if wanted.Quantity != nil {
			entry["quantity"] = *wanted.Quantity
		}
		return v.changePlan(s, entry)
	}
	return "", invalid("action", "This page knows no such action.")
}

func notOffered() error { return invalid("action", "This portal does not offer that.") }

func (v *visit) update(s *subscription, p spec.Params) error {
	_, err := updateSubscription(&call{world: v.world, p: p, id: s.ID})
	return err
}

// cancel ends a plan, now or at the end of its period, as the portal is configured. If a reason was asked for, it
// stores the reason.
func (v *visit) cancel(s *subscription, reason string) (string, error) {
	offer := v.offer.Features.SubscriptionCancel
	if !offer.Enabled {
		return "", notOffered()
	}
	p := spec.Params{}
	if reason != "" {
		if !offer.CancellationReason.Enabled || !slices.Contains(offer.CancellationReason.Options, reason) {
			return "", invalid("reason", "Choose one of the reasons.")
		}
		p["cancellation_details"] = spec.Params{"feedback": reason}
	}
	if offer.Mode != "immediately" {
		p["cancel_at_period_end"] = true
		return "Your plan ends with its current period.", v.update(s, p)
	}
	if offer.ProrationBehavior != "none" {
		p["prorate"] = true
		p["invoice_now"] = offer.ProrationBehavior == "always_invoice"
	}
	_, err := deleteSubscription(&call{world: v.world, p: p, id: s.ID})
	return "Your plan has ended.", err
}

// changePlan changes the one item of a subscription. If the change is paid at once and the card is refused, the plan
// stays as it was.
func (v *visit) changePlan(s *subscription, entry spec.Params) (string, error) {
	entry["id"] = s.Items.Data[0].ID
	p := spec.Params{"items": []any{entry}, "proration_behavior": v.offer.Features.SubscriptionUpdate.ProrationBehavior}
	if p["proration_behavior"] == "always_invoice" {
		p["payment_behavior"] = "pending_if_incomplete"
	}
	err := v.update(s, p)
	if err == nil && s.PendingUpdate != nil {
		return "", invalid("", "Your card was refused: your plan stays as it was.")
	}
	return "Your plan was changed.", err
}

// replaceCard makes a card the default of the customer and of all subscriptions that renew.
func (w *world) replaceCard(holder *customer, entered enteredCard) error {
	method, err := w.enteredMethod(entered)
	if err != nil {
		return err
	}
	if err := method.attachable(); err != nil {
		return err
	}
	if entered.name != "" {
		method.BillingDetails.Name = text(entered.name)
	}
	method.BillingDetails.Email = holder.Email
	w.attach(method, holder)
	w.change("customer.updated", holder, func() { holder.InvoiceSettings.DefaultPaymentMethod = text(method.ID) })
	for _, s := range w.Subscriptions.among(holder.ID, func(s *subscription) bool { return !s.ended() }) {
		w.change("customer.subscription.updated", s, func() { s.DefaultPaymentMethod = text(method.ID) })
	}
	return nil
}
