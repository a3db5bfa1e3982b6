package sandbox

import (
	"fmt"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// wantedItems returns the subscription's items after the changes in items[]: items changed by id, new items and deleted
// items. It changes nothing yet.
func (c *call) wantedItems(s *subscription) (items []*subscriptionItem, changed bool, err error) {
	entries := c.p.List("items")
	for _, item := range s.Items.Data {
		copied := *item
		items = append(items, &copied)
	}
	for n, entry := range entries {
		at := fmt.Sprintf("items[%d]", n)
		index := -1
		for i, item := range items {
			if item.ID == entry.Text("id") {
				index = i
			}
		}
		switch {
		case entry.Text("id") != "" && index < 0:
			return nil, false, noSuch("subscription_item", entry.Text("id"), at+"[id]")
		case index >= 0 && entry.Flag("deleted"):
			items, changed = append(items[:index], items[index+1:]...), true
			continue
		case index < 0:
			bought, err := c.purchases([]spec.Params{entry}, "items", "recurring")
			if err != nil {
				return nil, false, err
			}
			items, changed = append(items, c.newItem(s.ID, bought[0])), true
			continue
		}
		touched, err := c.touchItem(items[index], entry, at)
		if err != nil {
			return nil, false, err
		}
		changed = changed || touched
	}
	return items, changed, checkItems(items, s.Currency)
}

func (c *call) touchItem(item *subscriptionItem, entry spec.Params, at string) (bool, error) {
	before := *item
	if entry.Has("price") || entry.Has("price_data") {
		found, err := c.priceOf(entry, at)
		if err != nil {
			return false, err
		}
		if found.Recurring == nil {
			return false, invalid(
				at+"[price]",
				"The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
			)
		}
		item.Price = found
	}
	if entry.Has("quantity") {
		item.Quantity = entry.Int("quantity")
	}
	item.Metadata = mergedMetadata(item.Metadata, entry)
	if item.Quantity < 0 || item.Quantity > maxQuantity || item.amount() > maxAmount {
		return false, coded("parameter_invalid_integer", at+"[quantity]", "Invalid quantity: %d", item.Quantity)
	}
	return before.Price.ID != item.Price.ID || before.Quantity != item.Quantity || entry.Has("metadata"), nil
}

func checkItems(items []*subscriptionItem, currency string) error {
	if len(items) == 0 {
		return invalid("items", "A subscription must have at least one active plan.")
	}
	for _, item := range items {
		if item.Price.Currency != currency {
			return invalid(
				"items", "The price specified only supports `%s`. This doesn't match the expected currency: `%s`.",
				item.Price.Currency, currency,
			)
		}
		if !item.Price.Recurring.same(items[0].Price.Recurring) {
			return invalid(
				"items", "Currently, all prices on a subscription must have the same interval and interval count.",
			)
		}
	}
	return nil
}

func listSubscriptionItems(c *call) (any, error) {
	found, err := c.subscriptionAt(c.p.Text("subscription"), "subscription")
	if err != nil {
		return nil, err
	}
	return paginate(c, found.Items.Data, "subscription_item")
}

func getSubscriptionItem(c *call) (any, error) {
	_, item, err := c.subscriptionItem()
	return item, err
}

// subscriptionItem finds the item that the URL names, and its subscription.
func (c *call) subscriptionItem() (*subscription, *subscriptionItem, error) {
	for _, id := range c.Subscriptions.ids {
		s := c.Subscriptions.get(id)
		for _, item := range s.Items.Data {
			if item.ID == c.id {
				return s, item, nil
			}
		}
	}
	return nil, nil, noSuch("subscription_item", c.id, "id")
}

// The operations below make a change of their subscription's items[] in another form.

func createSubscriptionItem(c *call) (any, error) {
	s, err := c.subscriptionAt(c.p.Text("subscription"), "subscription")
	if err != nil {
		return nil, err
	}
	if err := c.changeItem(s, spec.Params{}); err != nil {
		return nil, err
	}
	return s.Items.Data[len(s.Items.Data)-1], nil
}

func updateSubscriptionItem(c *call) (any, error) {
	s, item, err := c.subscriptionItem()
	if err != nil {
		return nil, err
	}
	if err := c.changeItem(s, spec.Params{"id": item.ID}); err != nil {
		return nil, err
	}
	_, item, err = c.subscriptionItem()
	return item, err
}

func deleteSubscriptionItem(c *call) (any, error) {
	s, item, err := c.subscriptionItem()
	if err != nil {
		return nil, err
	}
	if err := c.changeItem(s, spec.Params{"id": item.ID, "deleted": true}); err != nil {
		return nil, err
	}
	return deleted("subscription_item", item.ID), nil
}

// changeItem turns an item's parameters into one entry of items[] and updates the subscription with it.
func (c *call) changeItem(s *subscription, entry spec.Params) error {
	whole := spec.Params{"items": []any{entry}}
	for name, value := range c.p {
		switch name {
		case "price", "price_data", "quantity", "metadata":
			entry[name] = value
		case "payment_behavior", "proration_behavior", "proration_date", "off_session":
			whole[name] = value
		}
	}
	inner := *c
	inner.id, inner.p = s.ID, whole
	_, err := updateSubscription(&inner)
	return err
}
