package sandbox

import "strings"

// balanceEntry is one change of a customer's credit. Stripe's name for it is customer_balance_transaction. Negative
// amounts are credit that the next invoices use up.
type balanceEntry struct {
	base
	Amount        int64             `json:"amount"`
	Currency      string            `json:"currency"`
	Customer      string            `json:"customer"`
	Description   text              `json:"description"`
	EndingBalance int64             `json:"ending_balance"`
	Invoice       text              `json:"invoice"`
	Metadata      map[string]string `json:"metadata"`
	Type          string            `json:"type"`
}

// enterBalance records a change of a customer's balance. The caller has already changed the balance.
func (w *world) enterBalance(holder *customer, amount int64, kind string) *balanceEntry {
	made := &balanceEntry{
		base:          w.begin("cbtxn_1", "customer_balance_transaction"),
		Amount:        amount,
		Currency:      string(holder.Currency),
		Customer:      holder.ID,
		EndingBalance: holder.Balance,
		Metadata:      map[string]string{},
		Type:          kind,
	}
	if made.Currency == "" {
		made.Currency = "usd"
	}
	return w.BalanceEntries.add(made)
}

// unapplyBalance gives back to a customer what a finalized invoice took from the balance.
func (w *world) unapplyBalance(i *invoice) {
	holder := w.Customers.get(i.Customer)
	if holder.Hidden.Deleted || i.EndingBalance == nil || *i.EndingBalance == i.StartingBalance {
		return
	}
	applied := *i.EndingBalance - i.StartingBalance
	w.change("customer.updated", holder, func() { holder.Balance -= applied })
	w.enterBalance(holder, -applied, "unapplied_from_invoice").Invoice = text(i.ID)
}

func createBalanceEntry(c *call) (any, error) {
	holder, err := c.customerAt(c.id, "customer")
	if err != nil {
		return nil, err
	}
	currency, amount := strings.ToLower(c.p.Text("currency")), c.p.Int("amount")
	switch {
	case !validCurrency(currency):
		return nil, invalid("currency", "Invalid currency: %s.", c.p.Text("currency"))
	case holder.Currency != "" && string(holder.Currency) != currency:
		return nil, invalid(
			"currency", "The customer's balance is in %s: it cannot be changed by an amount in %s.", holder.Currency,
			currency,
		)
	case amount > maxAmount || amount < -maxAmount:
		return nil, coded("amount_too_large", "amount", "Amount must be no more than $999,999.99")
	}
	c.on(holder)
	c.change(
		"customer.updated", holder, func() { holder.Balance, holder.Currency = holder.Balance+amount, text(currency) },
	)
	made := c.enterBalance(holder, amount, "adjustment")
	made.Description, made.Metadata = text(c.p.Text("description")), mergedMetadata(nil, c.p)
	return made, nil
}

// balanceEntry returns the entry in the URL.
func (c *call) balanceEntry() (*balanceEntry, error) {
	found := c.BalanceEntries.get(c.item)
	if found == nil || found.Customer != c.id {
		return nil, noSuch("customer balance transaction", c.item, "id")
	}
	return found, nil
}

func getBalanceEntry(c *call) (any, error) {
	found, err := c.balanceEntry()
	if err != nil {
		return nil, err
	}
	return found, nil
}

// updateBalanceEntry changes the description or metadata of an entry, never its amount. Stripe sends no event for it.
func updateBalanceEntry(c *call) (any, error) {
	found, err := c.balanceEntry()
	if err != nil {
		return nil, err
	}
	setText(&found.Description, c.p, "description")
	found.Metadata = mergedMetadata(found.Metadata, c.p)
	return found, nil
}

func listBalanceEntries(c *call) (any, error) {
	if _, err := c.customerAt(c.id, "id"); err != nil {
		return nil, err
	}
	return list(
		c, &c.BalanceEntries, "customer balance transaction",
		func(each *balanceEntry) bool { return each.Customer == c.id },
	)
}
