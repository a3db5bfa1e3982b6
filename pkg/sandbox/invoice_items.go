package sandbox

import (
	"maps"
	"strconv"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// invoiceItem waits for the customer's next invoice. Stripe dates it with "date"; other objects have "created".
type invoiceItem struct {
	ID                string            `json:"id"`
	Object            string            `json:"object"`
	Amount            int64             `json:"amount"`
	Currency          string            `json:"currency"`
	Customer          string            `json:"customer"`
	Date              int64             `json:"date"`
	Description       text              `json:"description"`
	Discountable      bool              `json:"discountable"`
	Invoice           text              `json:"invoice"`
	Metadata          map[string]string `json:"metadata"`
	Period            period            `json:"period"`
	Price             *price            `json:"price"`
	Proration         bool              `json:"proration"`
	Quantity          int64             `json:"quantity"`
	Subscription      text              `json:"subscription"`
	TestClock         text              `json:"test_clock"`
	UnitAmount        int64             `json:"unit_amount"`
	UnitAmountDecimal string            `json:"unit_amount_decimal"`
	Hidden            struct {
		SubscriptionItem string
	} `json:"_sandbox"`
}

func (i *invoiceItem) key() string { return i.ID }
func (i *invoiceItem) when() int64 { return i.Date }

func (w *world) newInvoiceItem(holder *customer, amount int64, currency, description string) *invoiceItem {
	now := w.now()
	return &invoiceItem{
		ID:                newID("ii_1", 23),
		Object:            "invoiceitem",
		Amount:            amount,
		Currency:          currency,
		Customer:          holder.ID,
		Date:              now,
		Description:       text(description),
		Discountable:      true,
		Metadata:          map[string]string{},
		Period:            period{Start: now, End: now},
		Quantity:          1,
		TestClock:         holder.TestClock,
		UnitAmount:        amount,
		UnitAmountDecimal: strconv.FormatInt(amount, 10),
	}
}

func createInvoiceItem(c *call) (any, error) {
	p := c.p
	holder, err := c.customerAt(p.Text("customer"), "customer")
	if err != nil {
		return nil, err
	}
	c.on(holder)
	if len(p.List("discounts")) > 0 {
		return nil, invalid(
			"discounts", "The sandbox discounts whole invoices only: leave out `discounts` of an invoice item.",
		)
	}
	if id := p.Text("subscription"); id != "" {
		if s := c.Subscriptions.get(id); s == nil || s.Customer != holder.ID {
			return nil, noSuch("subscription", id, "subscription")
		}
	}
	target := c.Invoices.get(p.Text("invoice"))
	if id := p.Text("invoice"); id != "" && (target == nil || target.Customer != holder.ID) {
		return nil, noSuch("invoice", id, "invoice")
	}
	if target != nil && target.Status != "draft" {
		return nil, coded(
			"invoice_not_editable", "invoice", "The invoice %s is already finalized and cannot be changed.", target.ID,
		)
	}
	currency := strings.ToLower(p.Text("currency"))
	if currency == "" {
		currency = string(holder.Currency)
	}
	made := c.newInvoiceItem(holder, 0, currency, "")
	if !p.Has("price") && !p.Has("price_data") && !p.Has("unit_amount") && !p.Has("amount") {
		return nil, missing("amount")
	}
	if err := c.fillInvoiceItem(made); err != nil {
		return nil, err
	}
	made.Subscription = text(p.Text("subscription"))
	c.InvoiceItems.add(made)
	c.emit("invoiceitem.created", made)
	if target != nil {
		c.change("invoice.updated", target, func() {
			c.addPendingItems(target, c.Subscriptions.get(string(target.Subscription)))
			target.total()
		})
	}
	return made, nil
}

// fillInvoiceItem stores the given values in an item: what is sold, for how much, and when. If it returns an error, the
// item may be half filled.
func (c *call) fillInvoiceItem(into *invoiceItem) error {
	p := c.p
	if p.Has("quantity") {
		into.Quantity = p.Int("quantity")
	}
	unit := into.UnitAmount
	switch {
	case p.Has("price") || p.Has("price_data"):
		p = maps.Clone(p)
		p["quantity"] = into.Quantity
		bought, err := c.purchases([]spec.Params{p}, "items", "one_time")
		if err != nil {
			return err
		}
		into.Price, into.Currency, unit = bought[0].price, bought[0].price.Currency, bought[0].price.UnitAmount
		if into.Description == "" {
			into.Description = text(c.productName(into.Price))
		}
	case p.Has("unit_amount"):
		unit = p.Int("unit_amount")
	case p.Has("amount"):
		if p.Has("quantity") {
			return invalid("quantity", "You may only specify one of these parameters: amount, quantity.")
		}
		into.Quantity, unit = 1, p.Int("amount")
	}
	if !validCurrency(into.Currency) {
		return missing("currency")
	}
	if into.Quantity < 0 || into.Quantity > maxQuantity {
		return coded("parameter_invalid_integer", "quantity", "Invalid quantity: %d", into.Quantity)
	}
	if unit > maxAmount || unit < -maxAmount || unit*into.Quantity > maxAmount || unit*into.Quantity < -maxAmount {
		return coded("amount_too_large", "amount", "Amount must be no more than $999,999.99")
	}
	into.UnitAmount, into.UnitAmountDecimal, into.Amount = unit, strconv.FormatInt(unit, 10), unit*into.Quantity
	setText(&into.Description, p, "description")
	if p.Has("discountable") {
		into.Discountable = p.Flag("discountable")
	}
	if span := p.Sub("period"); span != nil {
		if span.Int("end") < span.Int("start") {
			return invalid("period[end]", "A period cannot end before it starts.")
		}
		into.Period = period{Start: span.Int("start"), End: span.Int("end")}
	}
	into.Metadata = mergedMetadata(into.Metadata, p)
	return nil
}

// updateInvoiceItem changes an item that is pending, or whose invoice is still a draft. The draft is updated too.
func updateInvoiceItem(c *call) (any, error) {
	found := c.InvoiceItems.get(c.id)
	if found == nil {
		return nil, noSuch("invoiceitem", c.id, "id")
	}
	c.clock = string(found.TestClock)
	owner := c.Invoices.get(string(found.Invoice))
	if owner != nil && owner.Status != "draft" {
		return nil, coded(
			"invoice_not_editable", "", "The invoice %s is already finalized and its items cannot be changed.",
			owner.ID,
		)
	}
	changed := *found
	if err := c.fillInvoiceItem(&changed); err != nil {
		return nil, err
	}
	if changed.Currency != found.Currency {
		return nil, invalid(
			"price", "The price specified only supports `%s`. This doesn't match the expected currency: `%s`.",
			changed.Currency, found.Currency,
		)
	}
	*found = changed // Stripe sends no invoiceitem.updated at this version
	if owner != nil {
		c.change("invoice.updated", owner, func() { c.redrawItem(owner, found) })
	}
	return found, nil
}

// redrawItem replaces the line of an item on its draft.
func (w *world) redrawItem(i *invoice, item *invoiceItem) {
	kept := i.Lines.Data
	i.Lines.Data = nil
	for _, line := range kept {
		if line.InvoiceItem == item.ID {
			w.addItems(i, []*invoiceItem{item})
		} else {
			i.Lines.Data = append(i.Lines.Data, line)
		}
	}
	i.total()
}

func getInvoiceItem(c *call) (any, error) {
	if found := c.InvoiceItems.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("invoiceitem", c.id, "id")
}

func listInvoiceItems(c *call) (any, error) {
	p := c.p
	return list(c, &c.InvoiceItems, "invoiceitem", func(each *invoiceItem) bool {
		return (!p.Has("customer") || each.Customer == p.Text("customer")) &&
			(!p.Has("invoice") || string(each.Invoice) == p.Text("invoice")) &&
			(!p.Has("pending") || (each.Invoice == "") == p.Flag("pending"))
	})
}

func deleteInvoiceItem(c *call) (any, error) {
	found := c.InvoiceItems.get(c.id)
	if found == nil {
		return nil, noSuch("invoiceitem", c.id, "id")
	}
	if found.Invoice != "" {
		return nil, invalid("", "This invoice item is attached to an invoice and cannot be deleted.")
	}
	c.emit("invoiceitem.deleted", found)
	c.InvoiceItems.remove(c.id)
	return deleted("invoiceitem", c.id), nil
}
