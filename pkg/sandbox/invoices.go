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
	CollectionMethod     string              `json:"collection_method"`
	Currency             string              `json:"currency"`
	CustomFields         []customField       `json:"custom_fields"`
	Customer             string              `json:"customer"`
	CustomerAddress      any                 `json:"customer_address"`
	CustomerEmail        text                `json:"customer_email"`
	CustomerName         text                `json:"customer_name"`
	CustomerPhone        text                `json:"customer_phone"`
	DefaultPaymentMethod text                `json:"default_payment_method"`
	Description          text                `json:"description"`
	Discount             *discount           `json:"discount"`
	Discounts            []string            `json:"discounts"`
	DueDate              stamp               `json:"due_date"`
	EffectiveAt          stamp               `json:"effective_at"`
	EndingBalance        *int64              `json:"ending_balance"`
	Footer               text                `json:"footer"`
	HostedInvoiceURL     text                `json:"hosted_invoice_url"`
	Lines                listOf[invoiceLine] `json:"lines"`
	Metadata             map[string]string   `json:"metadata"`
	NextPaymentAttempt   stamp               `json:"next_payment_attempt"`
	Number               text                `json:"number"`
	Paid                 bool                `json:"paid"`
	PaidOutOfBand        bool                `json:"paid_out_of_band"`
	PaymentIntent        text                `json:"payment_intent"`
	PeriodEnd            int64               `json:"period_end"` // looks back; the period paid for is in the lines
	PeriodStart          int64               `json:"period_start"`
	StartingBalance      int64               `json:"starting_balance"`
	Status               string              `json:"status"`
	StatusTransitions    statusTransitions   `json:"status_transitions"`
	Subscription         text                `json:"subscription"`
	SubscriptionDetails  map[string]any      `json:"subscription_details"`
	ProrationDate        int64               `json:"subscription_proration_date,omitempty"` // only in a preview
	Subtotal             int64               `json:"subtotal"`
	SubtotalExcludingTax int64               `json:"subtotal_excluding_tax"`
	TestClock            text                `json:"test_clock"`
	Total                int64               `json:"total"`
	TotalDiscountAmounts []discountAmount    `json:"total_discount_amounts"`
	TotalExcludingTax    int64               `json:"total_excluding_tax"`
	WebhooksDeliveredAt  stamp               `json:"webhooks_delivered_at"`
	Hidden               struct {
		Retries      int         // automatic retries so far
		DaysUntilDue *int64      // from finalization to DueDate; nil if DueDate was given
		Overdue      bool        // DueDate passed, and the subscription was updated
		Discounts    []*discount // in the order in which they apply
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
	Invoice                text              `json:"invoice"`
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
		return (!p.Has("customer") || each.Customer == p.Text("customer")) &&
			(!p.Has("subscription") || string(each.Subscription) == p.Text("subscription")) &&
			(!p.Has("status") || each.Status == p.Text("status")) &&
			(!p.Has("collection_method") || each.CollectionMethod == p.Text("collection_method"))
	})
}

func listInvoiceLines(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	return paginate(c, found.Lines.Data, "line_item")
}

func deleteInvoice(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if found.Status != "draft" || found.Subscription != "" {
		return nil, coded(
			"invoice_not_editable", "", "You can only delete draft invoices that do not belong to a subscription.",
		)
	}
	for _, item := range c.InvoiceItems.where(func(i *invoiceItem) bool { return string(i.Invoice) == found.ID }) {
		item.Invoice = ""
	}
	c.emit("invoice.deleted", found)
	c.Invoices.remove(found.ID)
	return deleted("invoice", found.ID), nil
}

// finalizeInvoice opens a draft. If it advances automatically, it is charged an hour later.
func finalizeInvoice(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if found.Status != "draft" {
		return nil, coded(
			"invoice_not_editable", "", "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
		)
	}
	if c.p.Has("auto_advance") {
		found.AutoAdvance = c.p.Flag("auto_advance")
	}
	if found.AutoAdvance && !found.sends() {
		found.NextPaymentAttempt = stamp(c.now() + draftHour)
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
	case "void":
		return nil, coded(
			"invoice_not_editable", "", "This invoice can no longer be paid: its status is %s.", found.Status,
		)
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
		method = c.cardOf(found)
	}
	how := offSession
	if c.p.Has("off_session") && !c.p.Flag("off_session") {
		how = onSession
	}
	if refusal := c.payInvoice(found, method, how); refusal != nil {
		return nil, refusal
	}
	if intent := c.Intents.get(string(found.PaymentIntent)); intent.Status == "requires_action" {
		return nil, actionRequired(intent)
	}
	return found, nil
}

func voidInvoiceByHand(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if found.Status != "open" && found.Status != "uncollectible" {
		return nil, coded(
			"invoice_not_editable", "", "You can only void an open or uncollectible invoice; this one is %s.",
			found.Status,
		)
	}
	c.voidInvoice(found)
	if s := c.Subscriptions.get(
		string(found.Subscription),
	); s != nil && s.PendingUpdate != nil && s.Hidden.PendingInvoice == found.ID {
		c.dropPendingUpdate(s)
	}
	return found, nil
}

func markUncollectible(c *call) (any, error) {
	found, err := c.invoice()
	if err != nil {
		return nil, err
	}
	if found.Status != "open" {
		return nil, coded(
			"invoice_not_editable", "", "You can only mark an open invoice as uncollectible; this one is %s.",
			found.Status,
		)
	}
	c.giveUpInvoice(found)
	return found, nil
}
