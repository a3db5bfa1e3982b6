package sandbox

import (
	"fmt"
	"strconv"
)

// newInvoice makes an empty draft. s is nil for an invoice without a subscription.
func (w *world) newInvoice(holder *customer, s *subscription, reason string) *invoice {
	now := w.now()
	made := &invoice{
		base:                w.begin("in_1", "invoice"),
		AccountCountry:      "US",
		AccountName:         accountName,
		BillingReason:       reason,
		Currency:            string(holder.Currency),
		Customer:            holder.ID,
		CustomerAddress:     holder.Address,
		CustomerEmail:       holder.Email,
		CustomerName:        holder.Name,
		CustomerPhone:       holder.Phone,
		Metadata:            map[string]string{},
		PeriodStart:         now,
		PeriodEnd:           now,
		Status:              "draft",
		AutoAdvance:         s != nil,
		CollectionMethod:    chargeAutomatically,
		TestClock:           holder.TestClock,
		SubscriptionDetails: map[string]any{"metadata": nil},
	}
	made.Lines = newListOf[invoiceLine]("/v1/invoices/"+made.ID+"/lines", nil)
	if s != nil {
		made.Subscription, made.Currency = text(s.ID), s.Currency
		made.SubscriptionDetails = map[string]any{"metadata": s.Metadata}
		if s.sends() {
			made.sendWithin(*s.DaysUntilDue)
		}
	}
	if made.Currency == "" {
		made.Currency = "usd"
	}
	made.inheritDiscount(holder, s, now)
	return w.Invoices.add(made)
}

func (i *invoice) addLine(line *invoiceLine) {
	line.ID, line.Object, line.Invoice, line.AmountExcludingTax = newID("il_1", 23), "line_item", text(i.ID), line.Amount
	line.Currency = i.Currency
	if line.Metadata == nil {
		line.Metadata = map[string]string{}
	}
	i.Lines.Data = append(i.Lines.Data, line)
}

// total adds up the lines and subtracts the discounts.
func (i *invoice) total() {
	i.Subtotal = 0
	for _, line := range i.Lines.Data {
		i.Subtotal += line.Amount
	}
	i.Total = i.Subtotal - i.reduce()
	i.SubtotalExcludingTax, i.TotalExcludingTax = i.Subtotal, i.Total
	i.AmountDue = max(i.Total, 0)
	i.AmountRemaining = i.AmountDue
}

// amountAfterBalance returns the amount to charge after the customer's credit is used, or a debt added. An amount that
// is too small is not charged: it stays on the balance as a debt, and the invoice is paid. Source:
// https://stripe.com/docs/api/invoices (amount_due).
func (i *invoice) amountAfterBalance(holder *customer) int64 {
	due := max(i.Total+holder.Balance, 0)
	if due < leastAmount(i.Currency) {
		return 0
	}
	return due
}

// billedWith remembers the discount that the current period is billed with (nil: none). Prorations use it, so that they
// never give back more than was billed.
func (s *subscription) billedWith(d *discount) {
	s.Hidden.PeriodDiscount = ""
	if d != nil {
		s.Hidden.PeriodDiscount = d.ID
	}
}

// addPeriodLines bills a subscription's current period. During a trial the amount is zero.
func (w *world) addPeriodLines(i *invoice, s *subscription) {
	s.billedWith(i.Discount)
	for _, item := range s.Items.Data {
		name := w.productName(item.Price)
		line := &invoiceLine{
			Amount:           s.periodAmount(item),
			Discountable:     true,
			Proration:        s.anchoredAhead(),
			Period:           period{Start: s.CurrentPeriodStart, End: s.CurrentPeriodEnd},
			Price:            item.Price,
			Quantity:         amountOf(item.Quantity),
			Subscription:     text(s.ID),
			SubscriptionItem: item.ID,
			Type:             "subscription",
			Metadata:         s.Metadata,
			Description: text(
				fmt.Sprintf(
					"%d × %s (at %s / %s)", item.Quantity, name, money(item.Price.UnitAmount, item.Price.Currency),
					item.Price.Recurring.Interval,
				),
			),
			UnitAmountExcludingTax: text(strconv.FormatInt(item.Price.UnitAmount, 10)),
		}
		if s.Status == "trialing" {
			line.Amount, line.Description, line.UnitAmountExcludingTax = 0, text("Trial period for "+name), "0"
		}
		i.addLine(line)
	}
}

func (w *world) extraLine(from purchase, now int64) *invoiceLine {
	return &invoiceLine{
		Amount:                 from.price.UnitAmount * from.quantity,
		Discountable:           true,
		Period:                 period{Start: now, End: now},
		Price:                  from.price,
		Quantity:               amountOf(from.quantity),
		Type:                   "invoiceitem",
		InvoiceItem:            newID("ii_1", 23),
		Description:            text(w.productName(from.price)),
		UnitAmountExcludingTax: text(strconv.FormatInt(from.price.UnitAmount, 10)),
	}
}

func (w *world) productName(p *price) string {
	if found := w.Products.get(p.Product); found != nil {
		return found.Name
	}
	return p.Product
}

// addPendingItems moves the customer's pending invoice items onto an invoice: those of its subscription, and those
// without a subscription.
func (w *world) addPendingItems(i *invoice, s *subscription) {
	w.addItems(i, w.InvoiceItems.among(i.Customer, func(each *invoiceItem) bool {
		return each.Invoice == "" && each.Currency == i.Currency &&
			(each.Subscription == "" || s != nil && string(each.Subscription) == s.ID)
	}))
}

func (w *world) addItems(i *invoice, items []*invoiceItem) {
	for _, item := range items {
		item.Invoice = text(i.ID)
		i.addLine(&invoiceLine{
			Amount:                 item.Amount,
			Discountable:           item.Discountable,
			Period:                 item.Period,
			Price:                  item.Price,
			Proration:              item.Proration,
			Quantity:               amountOf(item.Quantity),
			Subscription:           item.Subscription,
			Type:                   "invoiceitem",
			InvoiceItem:            item.ID,
			Description:            item.Description,
			SubscriptionItem:       item.Hidden.SubscriptionItem,
			Metadata:               item.Metadata,
			UnitAmountExcludingTax: text(strconv.FormatInt(item.UnitAmount, 10)),
		})
	}
}

// finalize opens a draft. The invoice gets its number and its payment intent, and uses up the customer's credit. If
// nothing is left to pay, it is paid at once.
func (w *world) finalize(i *invoice) {
	holder, now := w.Customers.get(i.Customer), w.now()
	w.spendDiscounts(i, holder)
	i.StartingBalance = holder.Balance
	i.AmountDue = i.amountAfterBalance(holder)
	i.AmountRemaining = i.AmountDue
	if left := holder.Balance + i.Total - i.AmountDue; left != holder.Balance {
		used := left - holder.Balance
		w.change("customer.updated", holder, func() { holder.Balance = left })
		kind := "applied_to_invoice"
		if i.AmountDue == 0 && left > 0 {
			kind = "invoice_too_small"
		}
		w.enterBalance(holder, used, kind).Invoice = text(i.ID)
	}
	i.EndingBalance = amountOf(holder.Balance)
	i.Number = text(fmt.Sprintf("%s-%04d", holder.InvoicePrefix, holder.NextInvoiceSequence))
	holder.NextInvoiceSequence++
	i.Status, i.EffectiveAt, i.StatusTransitions.FinalizedAt = "open", stamp(now), stamp(now)
	i.HostedInvoiceURL = w.invoiceURL(i)
	i.fixDueDate(now)
	if i.AmountDue == 0 {
		w.emit("invoice.finalized", i)
		i.Attempted = true
		w.settleInvoice(i, "")
		return
	}
	intent := w.newIntent(i.AmountDue, i.Currency, i.Customer)
	intent.Invoice, i.PaymentIntent = text(i.ID), text(intent.ID)
	intent.Description = "Subscription creation"
	if i.BillingReason != "subscription_create" {
		intent.Description = text("Subscription update")
	}
	if i.Subscription == "" {
		intent.Description = text("Payment for Invoice")
	} else {
		intent.SetupFutureUsage = "off_session"
	}
	w.emit("invoice.finalized", i)
	w.emit("payment_intent.created", intent)
}

// payInvoice tries to collect an open invoice from a payment method (nil: there is none) and updates its subscription.
func (w *world) payInvoice(i *invoice, method *paymentMethod, how attempt) *apiError {
	intent := w.Intents.get(string(i.PaymentIntent))
	if intent.Status == "processing" { // the bank is already deciding; only a control can decide sooner
		if paid, decided := w.verdict(intent); decided {
			w.settleDebit(intent, map[bool]*decline{false: debitUnprocessed}[paid])
		}
		return nil
	}
	var refusal *apiError
	if method == nil || method.usable(intent.PaymentMethodTypes, "") != nil {
		e := &apiError{
			status:  402,
			Type:    "card_error",
			Code:    "missing",
			Message: "Cannot charge a customer that has no active card",
			Param:   "customer",
		}
		refusal = w.refusePayment(intent, nil, e, "")
	} else {
		refusal = w.pay(intent, method, how)
	}
	switch {
	case refusal != nil:
		w.invoiceFailed(i, intent)
	case intent.Status == "requires_action" && how == offSession:
		w.invoiceFailed(i, intent)
	case intent.Status == "requires_action":
		w.change("invoice.updated", i, func() { i.Attempted, i.AttemptCount = true, i.AttemptCount+1 })
		w.emit("invoice.payment_action_required", i)
	case intent.Status == "processing": // the bank's decision plans the next attempt, if there is one
		w.change(
			"invoice.updated", i,
			func() { i.Attempted, i.AttemptCount, i.NextPaymentAttempt = true, i.AttemptCount+1, 0 },
		)
		if s := w.Subscriptions.get(string(i.Subscription)); s != nil && s.Status == "incomplete" {
			w.change("customer.subscription.updated", s, func() { s.Status = "active" }) // Stripe trusts a first debit
		}
	default:
		w.change("invoice.updated", i, func() { i.AttemptCount++ })
		w.settleInvoice(i, string(intent.LatestCharge))
	}
	return refusal
}

// settleInvoice marks an invoice paid, by a charge or because nothing was due.
func (w *world) settleInvoice(i *invoice, chargeID string) {
	pay := func() {
		i.Status, i.Paid, i.Attempted, i.Charge = "paid", true, true, text(chargeID)
		i.AmountPaid, i.AmountRemaining, i.NextPaymentAttempt = i.AmountDue, 0, 0
		i.StatusTransitions.PaidAt = stamp(w.now())
	}
	w.change("invoice.updated", i, pay)
	w.emit("invoice.paid", i)
	w.emit("invoice.payment_succeeded", i)
	if s := w.Subscriptions.get(string(i.Subscription)); s != nil {
		w.subscriptionPaid(s, i)
	}
}

// voidInvoice voids an open invoice. The customer gets back the balance that the invoice used.
func (w *world) voidInvoice(i *invoice) {
	i.Status, i.NextPaymentAttempt, i.AutoAdvance, i.StatusTransitions.VoidedAt = "void", 0, false, stamp(w.now())
	w.emit("invoice.voided", i)
	w.unapplyBalance(i)
	if intent := w.Intents.get(string(i.PaymentIntent)); intent != nil && intent.payable() {
		w.cancelIntent(intent, "void_invoice")
	}
}
