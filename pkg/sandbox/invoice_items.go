package sandbox

import (
	"strconv"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// invoiceItem waits for the customer's next invoice. Stripe dates it with "date" where others have "created".
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
		return nil, invalid("discounts", "The sandbox discounts whole invoices only: leave out `discounts` of an invoice item.")
	}
	currency := strings.ToLower(p.Text("currency"))
	amount, description := p.Int("amount"), p.Text("description")
	var priced *price
	if p.Has("price") || p.Has("price_data") {
		bought, err := c.purchases([]spec.Params{p}, "items", "one_time")
		if err != nil {
			return nil, err
		}
		priced, currency, amount = bought[0].price, bought[0].price.Currency, bought[0].price.UnitAmount*bought[0].quantity
		if description == "" {
			description = c.productName(priced)
		}
	} else if p.Has("unit_amount") {
		amount = p.Int("unit_amount") * max(p.Int("quantity"), 1)
	} else if !p.Has("amount") {
		return nil, missing("amount")
	}
	if currency == "" {
		currency = string(holder.Currency)
	}
	if !validCurrency(currency) {
		return nil, missing("currency")
	}
	if amount > maxAmount || amount < -maxAmount {
		return nil, coded("amount_too_large", "amount", "Amount must be no more than $999,999.99")
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
		return nil, coded("invoice_not_editable", "invoice", "The invoice %s is already finalized and cannot be changed.", target.ID)
	}
	made := c.newInvoiceItem(holder, amount, currency, description)
	made.Price, made.Subscription, made.Metadata = priced, text(p.Text("subscription")), mergedMetadata(nil, p)
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

func getInvoiceItem(c *call) (any, error) {
	if found := c.InvoiceItems.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("invoiceitem", c.id, "id")
}

func listInvoiceItems(c *call) (any, error) {
	p := c.p
	return list(c, &c.InvoiceItems, "invoiceitem", func(each *invoiceItem) bool {
		return (!p.Has("customer") || each.Customer == p.Text("customer")) && (!p.Has("invoice") || string(each.Invoice) == p.Text("invoice")) &&
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
