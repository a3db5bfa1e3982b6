package sandbox

import (
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// upcoming is an invoice that is only a preview: it has no id.
type upcoming struct {
	invoice
	ID string `json:"id,omitempty"`
}

// upcomingInvoice previews the next invoice of a subscription, of a change to it, of a new one, or of a customer's
// waiting items. It runs the operation that really makes the change, in a world that is thrown away. So it shows the
// true result, and nothing is left behind.
func upcomingInvoice(c *call) (any, error) {
	shown, err := c.foresee()
	if err != nil {
		return nil, err
	}
	return shown, nil
}

func upcomingLines(c *call) (any, error) {
	shown, err := c.foresee()
	if err != nil {
		return nil, err
	}
	return paginate(c, shown.Lines.Data, "line_item")
}

// previewNames are the parameters that a preview acts on.
var previewNames = setOf([]string{
	"customer", "subscription", "currency", "expand", "invoice_items", "limit", "starting_after", "ending_before",
	"subscription_billing_cycle_anchor", "subscription_cancel_at", "subscription_cancel_at_period_end",
	"subscription_cancel_now",
	"subscription_items", "subscription_proration_behavior", "subscription_proration_date", "subscription_resume_at",
	"subscription_trial_end",
})

func (c *call) foresee() (*upcoming, error) {
	for _, name := range slices.Sorted(maps.Keys(c.p)) {
		if !previewNames[name] {
			return nil, invalid(name, "The sandbox's preview does not act on `%s`: leave it out.", name)
		}
	}
	holder, s, err := c.previewed()
	if err != nil {
		return nil, err
	}
	c.on(holder)
	fork := c.fork(holder, s)
	fork.ownCatalogue()
	now := fork.now()
	inner := &call{world: fork, host: c.host}
	if err := inner.previewItems(c.p.List("invoice_items"), holder, s); err != nil {
		return nil, err
	}
	if s, err = inner.previewChange(c.p, holder, s); err != nil {
		return nil, err
	}
	made := fork.foreseen(c.world)
	if made == nil && s != nil {
		fork.passTime(s)
		made = fork.foreseen(c.world)
	}
	if made == nil || len(made.Lines.Data) == 0 {
		return nil, noUpcoming(holder.ID)
	}
	shown := fork.asUpcoming(made, url.Values{"customer": {holder.ID}, "subscription": {c.p.Text("subscription")}})
	if c.p.Has("subscription_items") || c.p.Has("subscription_proration_date") || c.p.Flag("subscription_cancel_now") {
		if shown.ProrationDate = c.p.Int("subscription_proration_date"); shown.ProrationDate == 0 {
			shown.ProrationDate = now
		}
	}
	return shown, nil
}

// previewed returns the customer and the subscription whose invoice the request asks for. If the request names only a
// customer, it returns the subscription that renews first. If it describes a new subscription, it returns none.
func (c *call) previewed() (*customer, *subscription, error) {
	if id := c.p.Text("subscription"); id != "" {
		s, err := c.subscriptionAt(id, "subscription")
		if err != nil {
			return nil, nil, err
		}
		if given := c.p.Text("customer"); given != "" && given != s.Customer {
			return nil, nil, noSuch("subscription", id, "subscription")
		}
		return c.Customers.get(s.Customer), s, nil
	}
	if c.p.Text("customer") == "" {
		return nil, nil, missing("customer")
	}
	holder, err := c.customerAt(c.p.Text("customer"), "customer")
	if err != nil || c.p.Has("subscription_items") {
		return holder, nil, err
	}
	var first *subscription
	for _, s := range c.Subscriptions.among(holder.ID, (*subscription).renews) {
		if first == nil || s.CurrentPeriodEnd < first.CurrentPeriodEnd {
			first = s
		}
	}
	return holder, first, nil
}

// previewItems puts the invoice items of a preview into effect: new ones, and changes of those that wait.
func (c *call) previewItems(entries []spec.Params, holder *customer, s *subscription) error {
	for n, entry := range entries {
		c.p, c.id = spec.Params{}, entry.Text("invoiceitem")
		for name, value := range entry {
			if name != "invoiceitem" {
				c.p[name] = value
			}
		}
		do := updateInvoiceItem
		if c.id == "" {
			do = createInvoiceItem
			c.p["customer"] = holder.ID
			if s != nil {
				c.p["subscription"] = s.ID
			}
		}
		if _, err := do(c); err != nil {
			return withinParam(fmt.Sprintf("invoice_items[%d]", n), err)
		}
	}
	return nil
}

// withinParam returns err with a refused parameter named as a part of another one.
func withinParam(param string, err error) error {
	refusal := asAPIError(err)
	if refusal == nil || refusal.Param == "" {
		return err
	}
	shown := *refusal
	shown.Param = param + "[" + refusal.Param + "]"
	return &shown
}
