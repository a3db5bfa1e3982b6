package sandbox

// draftHour is how long a renewal's invoice stays a draft, in seconds.
const draftHour = 3600

type invoice struct {
	base
	AccountCountry       string              `json:"account_country"`
	AccountName          string              `json:"account_name"`
	AmountDue            int64               `json:"amount_due"`
	AmountPaid           int64               `json:"amount_paid"`
	AmountRemaining      int64               `json:"amount_remaining"`
	AttemptCount         int64               `json:"attempt_count"`
	Attempted            bool                `json:"attempted"`
	AutoAdvance          bool                `json:"auto_advance"`
	BillingReason        string              `json:"billing_reason"`
	Charge               text                `json:"charge"`
	Currency             string              `json:"currency"`
	Customer             string              `json:"customer"`
	CustomerAddress      any                 `json:"customer_address"`
	CustomerEmail        text                `json:"customer_email"`
	CustomerName         text                `json:"customer_name"`
	CustomerPhone        text                `json:"customer_phone"`
	DefaultPaymentMethod text                `json:"default_payment_method"`
	Description          text                `json:"description"`
	Discount             *discount           `json:"discount"`
	Discounts            []string            `json:"discounts"`
	EffectiveAt          stamp               `json:"effective_at"`
	EndingBalance        *int64              `json:"ending_balance"`
	Lines                listOf[invoiceLine] `json:"lines"`
	Metadata             map[string]string   `json:"metadata"`
	NextPaymentAttempt   stamp               `json:"next_payment_attempt"`
	Number               text                `json:"number"`
	Paid                 bool                `json:"paid"`
	PaidOutOfBand        bool                `json:"paid_out_of_band"`
	PaymentIntent        text                `json:"payment_intent"`
	PeriodEnd            int64               `json:"period_end"` // looks back: the period paid for is that of the lines
	PeriodStart          int64               `json:"period_start"`
	StartingBalance      int64               `json:"starting_balance"`
	Status               string              `json:"status"`
	StatusTransitions    statusTransitions   `json:"status_transitions"`
	Subscription         text                `json:"subscription"`
	SubscriptionDetails  map[string]any      `json:"subscription_details"`
	Subtotal             int64               `json:"subtotal"`
	SubtotalExcludingTax int64               `json:"subtotal_excluding_tax"`
	TestClock            text                `json:"test_clock"`
	Total                int64               `json:"total"`
	TotalDiscountAmounts []discountAmount    `json:"total_discount_amounts"`
	TotalExcludingTax    int64               `json:"total_excluding_tax"`
	WebhooksDeliveredAt  stamp               `json:"webhooks_delivered_at"`
	Hidden               struct {
		Retries   int         // automatic retries so far
		Discounts []*discount // in the order in which they apply
	} `json:"_sandbox"`
}

type statusTransitions struct {
	FinalizedAt           stamp `json:"finalized_at"`
	MarkedUncollectibleAt stamp `json:"marked_uncollectible_at"`
	PaidAt                stamp `json:"paid_at"`
	VoidedAt              stamp `json:"voided_at"`
}

type invoiceLine struct {
	ID                     string            `json:"id"`
	Object                 string            `json:"object"`
	Amount                 int64             `json:"amount"`
	AmountExcludingTax     int64             `json:"amount_excluding_tax"`
	Currency               string            `json:"currency"`
	Description            text              `json:"description"`
	DiscountAmounts        []discountAmount  `json:"discount_amounts"`
	Discountable           bool              `json:"discountable"`
	Invoice                string            `json:"invoice"`
	InvoiceItem            string            `json:"invoice_item,omitempty"`
	Metadata               map[string]string `json:"metadata"`
	Period                 period            `json:"period"`
	Price                  *price            `json:"price"`
	Proration              bool              `json:"proration"`
	Quantity               *int64            `json:"quantity"`
	Subscription           text              `json:"subscription"`
	SubscriptionItem       string            `json:"subscription_item,omitempty"`
	Type                   string            `json:"type"`
	UnitAmountExcludingTax text              `json:"unit_amount_excluding_tax"`
}

type period struct {
	End   int64 `json:"end"`
	Start int64 `json:"start"`
}

func (l *invoiceLine) key() string { return l.ID }
func (l *invoiceLine) when() int64 { return 0 }

// nextDue answers when the invoice wants to be looked at again: the end of its draft hour or its next retry.
func (i *invoice) nextDue() int64 {
	switch {
	case i.Status == "draft" && i.AutoAdvance:
		return i.Created + draftHour
	case i.Status == "open" && i.AutoAdvance:
		return int64(i.NextPaymentAttempt)
	}
	return 0
}

func (c *call) invoice() (*invoice, error) {
	found := c.Invoices.get(c.id)
	if found == nil {
		return nil, noSuch("invoice", c.id, "id")
	}
	c.clock = string(found.TestClock)
	return found, nil
}

func getInvoice(c *call) (any, error) { return c.invoice() }

func listInvoices(c *call) (any, error) {
	p := c.p
	return list(c, &c.Invoices, "invoice", func(each *invoice) bool {
		return (!p.Has("customer") || each.Customer == p.Text("customer")) && (!p.Has("subscription") || string(each.Subscription) == p.Text("subscription")) &&
			(!p.Has("status") || each.Status == p.Text("status")) && (!p.Has("collection_method") || p.Text("collection_method") == "charge_automatically")
	})
}

func listInvoiceLines(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	return paginate(c, found.Lines.Data, "line_item")
}

// createInvoice makes a draft out of the customer's pending invoice items.
func createInvoice(c *call) (any, error) {
	if c.p.Text("customer") == "" {
		return nil, missing("customer")
	}
	holder, err := c.customerAt(c.p.Text("customer"), "customer")
	if err != nil {
		return nil, err
	}
	if c.p.Text("collection_method") == "send_invoice" {
		return nil, invalid("collection_method", "The sandbox charges automatically only.")
	}
	if c.p.Has("subscription") {
		return nil, invalid("subscription", "The sandbox invoices a subscription's prorations with proration_behavior=always_invoice only.")
	}
	c.on(holder)
	currency := c.p.Text("currency")
	if currency == "" {
		currency = string(holder.Currency)
	}
	if currency == "" {
		currency = "usd"
	}
	wanted, err := c.invoiceGrants(holder, nil, currency)
	if err != nil {
		return nil, err
	}
	made := c.newInvoice(holder, nil, "manual")
	made.AutoAdvance, made.Description, made.Metadata = c.p.Flag("auto_advance"), text(c.p.Text("description")), mergedMetadata(nil, c.p)
	made.Currency = currency
	made.inheritDiscount(holder, nil, c.now())
	if c.p.Has("discounts") {
		c.discountInvoice(made, wanted)
	}
	if c.p.Text("pending_invoice_items_behavior") != "exclude" {
		c.addPendingItems(made, nil)
	}
	made.total()
	c.emit("invoice.created", made)
	return made, nil
}

func updateInvoice(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	wanted, err := c.invoiceGrants(c.Customers.get(found.Customer), found, found.Currency)
	if err != nil {
		return nil, err
	}
	if c.p.Has("discounts") {
		if found.Status != "draft" {
			return nil, coded("invoice_not_editable", "discounts", "Finalized invoices can't be updated in this way: its discounts are final.")
		}
		c.change("invoice.updated", found, func() {
			c.discountInvoice(found, wanted)
			found.total()
		})
	}
	if found.Status == "draft" || found.Status == "open" {
		c.change("invoice.updated", found, func() {
			setText(&found.Description, c.p, "description")
			if c.p.Has("auto_advance") {
				found.AutoAdvance = c.p.Flag("auto_advance")
			}
			found.Metadata = mergedMetadata(found.Metadata, c.p)
		})
		return found, nil
	}
	c.change("invoice.updated", found, func() { found.Metadata = mergedMetadata(found.Metadata, c.p) })
	return found, nil
}

func deleteInvoice(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if found.Status != "draft" || found.Subscription != "" {
		return nil, coded("invoice_not_editable", "", "You can only delete draft invoices that do not belong to a subscription.")
	}
	for _, item := range c.InvoiceItems.where(func(i *invoiceItem) bool { return string(i.Invoice) == found.ID }) {
		item.Invoice = ""
	}
	c.emit("invoice.deleted", found)
	c.Invoices.remove(found.ID)
	return deleted("invoice", found.ID), nil
}

func finalizeInvoice(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if found.Status != "draft" {
		return nil, coded("invoice_not_editable", "", "This invoice is already finalized, you can't re-finalize a non-draft invoice.")
	}
	c.finalize(found)
	return found, nil
}

func payInvoiceByHand(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	holder := c.Customers.get(found.Customer)
	switch found.Status {
	case "paid":
		return nil, invalid("", "Invoice is already paid")
	case "void", "uncollectible":
		return nil, coded("invoice_not_editable", "", "This invoice can no longer be paid: its status is %s.", found.Status)
	}
	method, err := c.offered("payment_method", holder)
	if err != nil {
		return nil, err
	}
	if found.Status == "draft" {
		c.finalize(found)
	}
	if found.Status == "paid" {
		return found, nil
	}
	if c.p.Flag("paid_out_of_band") {
		found.PaidOutOfBand = true
		c.settleInvoice(found, "")
		return found, nil
	}
	if method == nil {
		method = c.cardFor(c.Subscriptions.get(string(found.Subscription)), holder)
	}
	how := offSession
	if c.p.Has("off_session") && !c.p.Flag("off_session") {
		how = onSession
	}
	if refusal := c.payInvoice(found, method, how); refusal != nil {
		return nil, refusal
	}
	return found, nil
}

func voidInvoiceByHand(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if found.Status != "open" && found.Status != "uncollectible" {
		return nil, coded("invoice_not_editable", "", "You can only void an open or uncollectible invoice; this one is %s.", found.Status)
	}
	c.voidInvoice(found)
	return found, nil
}

func markUncollectible(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if found.Status != "open" {
		return nil, coded("invoice_not_editable", "", "You can only mark an open invoice as uncollectible; this one is %s.", found.Status)
	}
	found.Status, found.NextPaymentAttempt, found.StatusTransitions.MarkedUncollectibleAt = "uncollectible", 0, stamp(c.now())
	c.emit("invoice.marked_uncollectible", found)
	return found, nil
}
