package sandbox

import (
	"fmt"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// purchase is one price and its quantity: a line of a session, or an item of a subscription.
type purchase struct {
	price    *price
	quantity int64
	metadata map[string]string
}

const maxQuantity = 1_000_000

// purchases reads a list of {price | price_data, quantity}. It checks that all prices have the wanted type, one
// currency and, if recurring, one interval.
func (c *call) purchases(entries []spec.Params, param, wanted string) ([]purchase, error) {
	var out []purchase
	if len(entries) > 100 {
		return nil, invalid(param, "Array %s exceeded maximum 100 allowed elements.", param)
	}
	for i, entry := range entries {
		at := fmt.Sprintf("%s[%d]", param, i)
		found, err := c.priceOf(entry, at)
		if err != nil {
			return nil, err
		}
		if wanted != "" && found.Type != wanted {
			return nil, invalid(
				at+"[price]",
				"The price specified is set to `type=%s` but this field only accepts prices with `type=%s`.",
				found.Type, wanted,
			)
		}
		quantity := int64(1)
		if entry.Has("quantity") {
			quantity = entry.Int("quantity")
		}
		if quantity < 0 || quantity > maxQuantity || found.UnitAmount*quantity > maxAmount {
			return nil, coded(
				"parameter_invalid_integer", at+"[quantity]",
				"Invalid quantity: %d units of %d make more than 99999999, or are negative.", quantity,
				found.UnitAmount,
			)
		}
		if len(out) > 0 && out[0].price.Currency != found.Currency {
			return nil, invalid(
				at+"[price]",
				"The price specified supports currencies of `%s`. This doesn't match the expected currency: `%s`.",
				found.Currency, out[0].price.Currency,
			)
		}
		if wanted == "recurring" && len(out) > 0 && !out[0].price.Recurring.same(found.Recurring) {
			return nil, invalid(
				at+"[price]", "Currently, all prices on a subscription must have the same interval and interval count.",
			)
		}
		out = append(out, purchase{found, quantity, mergedMetadata(nil, entry)})
	}
	return out, nil
}

// priceOf returns the price that an entry names or describes.
func (c *call) priceOf(entry spec.Params, at string) (*price, error) {
	if id := entry.Text("price"); id != "" {
		found := c.Prices.get(id)
		if found == nil {
			return nil, noSuch("price", id, at+"[price]")
		}
		if !found.Active {
			return nil, invalid(at+"[price]", "The price specified is inactive. This field only accepts active prices.")
		}
		if wanted := c.p.Text("currency"); wanted != "" && !strings.EqualFold(wanted, found.Currency) {
			return nil, invalid(
				"currency", "The sandbox sells a price in its own currency only, which is %s.", found.Currency,
			)
		}
		copied := *found
		return &copied, nil
	}
	data := entry.Sub("price_data")
	if data == nil {
		return nil, missing(at + "[price]")
	}
	return c.describedPrice(data, at)
}

// describedPrice makes a price for one purchase only. It also makes the product, if that is described as well.
func (c *call) describedPrice(data spec.Params, at string) (*price, error) {
	productID := data.Text("product")
	var fresh *product
	switch details := data.Sub("product_data"); {
	case details != nil:
		fresh = c.newProduct(details.Text("name"))
		fresh.Description, fresh.Metadata = text(details.Text("description")), mergedMetadata(nil, details)
		productID = fresh.ID
	case productID == "":
		return nil, missing(at + "[price_data][product]")
	case c.Products.get(productID) == nil:
		return nil, noSuch("product", productID, at+"[price_data][product]")
	}
	inline, err := c.inlinePrice(data, at+"[price_data]", productID)
	if err != nil {
		return nil, err
	}
	if fresh != nil {
		c.Products.add(fresh)
	}
	inline.Active = false
	copied := *c.Prices.add(inline)
	return &copied, nil
}
