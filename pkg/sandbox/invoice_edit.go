package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// customField is a line that the merchant adds to an invoice's header.
type customField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// mostCustomFields is Stripe's limit on the custom fields of one invoice.
const mostCustomFields = 4

func customFields(p spec.Params) ([]customField, error) {
	var fields []customField
	for n, entry := range p.List("custom_fields") {
		if n == mostCustomFields {
			return nil, invalid(
				"custom_fields", "Array custom_fields exceeded maximum %d allowed elements.", mostCustomFields,
			)
		}
		fields = append(fields, customField{entry.Text("name"), entry.Text("value")})
	}
	return fields, nil
}

// createInvoice makes a draft. On request it contains the customer's pending invoice items. For a subscription it
// contains that subscription's pending items.
func createInvoice(c *call) (any, error) {
	if c.p.Text("customer") == "" {
		return nil, missing("customer")
	}
	holder, err := c.customerAt(c.p.Text("customer"), "customer")
	if err != nil {
		return nil, err
	}
	c.on(holder)
	var s *subscription
	if id := c.p.Text("subscription"); id != "" {
		if s = c.Subscriptions.get(id); s == nil || s.Customer != holder.ID {
			return nil, noSuch("subscription", id, "subscription")
		}
		if len(c.pendingItems(s)) == 0 {
			return nil, coded(
				"invoice_no_subscription_line_items", "subscription", "Nothing to invoice for subscription %s", s.ID,
			)
		}
	}
	currency := strings.ToLower(c.p.Text("currency"))
	if currency != "" && (!validCurrency(currency) || s != nil && currency != s.Currency) {
		return nil, invalid("currency", "Invalid currency: %s.", currency)
	}
	edit, err := c.invoiceEdit(terms{method: chargeAutomatically}, holder)
	if err != nil {
		return nil, err
	}
	if currency == "" {
		currency = cmp.Or(holderCurrency(holder, s), "usd")
	}
	wanted, err := c.invoiceGrants(holder, nil, currency)
	if err != nil {
		return nil, err
	}
	made := c.newInvoice(holder, s, "manual")
	made.AutoAdvance, made.Currency = c.p.Flag("auto_advance"), currency
	edit(made)
	made.inheritDiscount(holder, s, c.now())
	if c.p.Has("discounts") {
		c.discountInvoice(made, wanted)
	}
	switch {
	case s != nil:
		c.addItems(made, c.pendingItems(s))
	case c.p.Text("pending_invoice_items_behavior") == "include": // Stripe adds them only on request
		c.addPendingItems(made, nil)
	}
	made.total()
	c.emit("invoice.created", made)
	return made, nil
}

// holderCurrency returns the currency of a subscription's invoices, or without a subscription the customer's currency.
// It returns "" if there is neither.
func holderCurrency(holder *customer, s *subscription) string {
	if s != nil {
		return s.Currency
	}
	return string(holder.Currency)
}

// pendingItems returns a subscription's own pending invoice items.
func (w *world) pendingItems(s *subscription) []*invoiceItem {
	return w.InvoiceItems.among(s.Customer, func(each *invoiceItem) bool {
		return each.Invoice == "" && string(each.Subscription) == s.ID && each.Currency == s.Currency
	})
}

// invoiceEdit checks the invoice fields of a request and returns the edit. The edit itself cannot fail.
func (c *call) invoiceEdit(inForce terms, holder *customer) (func(*invoice), error) {
	p := c.p
	agreed, err := c.terms(p, inForce)
	if err != nil {
		return nil, err
	}
	fields, err := customFields(p)
	if err != nil {
		return nil, err
	}
	method, err := c.offered("default_payment_method", holder)
	if err != nil {
		return nil, err
	}
	if method != nil && string(method.Customer) != holder.ID {
		return nil, invalid(
			"default_payment_method",
			"The customer does not have a payment method with the ID %s. The payment method must be attached to the customer.",
			p.Text("default_payment_method"),
		)
	}
	return func(i *invoice) {
		setText(&i.Description, p, "description")
		setText(&i.Footer, p, "footer")
		if p.Has("custom_fields") {
			i.CustomFields = fields
		}
		if method != nil {
			i.DefaultPaymentMethod = text(method.ID)
		}
		if p.Has("auto_advance") {
			i.AutoAdvance = p.Flag("auto_advance")
		}
		if p.Has("collection_method") || p.Has("days_until_due") || p.Has("due_date") {
			i.agree(agreed)
		}
		i.Metadata = mergedMetadata(i.Metadata, p)
	}, nil
}

// finalEdits are the parameters that may still change once an invoice is finalized.
var finalEdits = setOf(
	[]string{
		"metadata", "expand", "auto_advance", "default_payment_method", "due_date", "description", "footer",
		"custom_fields",
	},
)

func updateInvoice(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.p)) {
		open := found.Status == "open" || found.Status == "uncollectible"
		if found.Status != "draft" && !(open && finalEdits[name]) && name != "metadata" && name != "expand" {
			return nil, coded(
				"invoice_not_editable", name,
				"Finalized invoices can't be updated in this way: `%s` of an invoice that is %s.", name, found.Status,
			)
		}
	}
	holder := c.Customers.get(found.Customer)
	edit, err := c.invoiceEdit(found.terms(), holder)
	if err != nil {
		return nil, err
	}
	wanted, err := c.invoiceGrants(holder, found, found.Currency)
	if err != nil {
		return nil, err
	}
	c.change("invoice.updated", found, func() {
		edit(found)
		if c.p.Has("discounts") {
			c.discountInvoice(found, wanted)
			found.total()
		}
	})
	return found, nil
}
