package sandbox

import "github.com/pointsync/pointsync/pkg/sandbox/spec"

// longestDue bounds days_until_due, because the due date must stay a valid Unix time.
const longestDue = 3650

func (i *invoice) sends() bool      { return i.CollectionMethod == sendInvoice }
func (s *subscription) sends() bool { return s.CollectionMethod == sendInvoice }

// sendWithin sets an invoice to be sent, and due the given days after it is opened. Until then the due date counts from
// its creation.
func (i *invoice) sendWithin(days int64) {
	i.CollectionMethod, i.Hidden.DaysUntilDue, i.DueDate = sendInvoice, &days, stamp(i.Created+days*86400)
}

// fixDueDate sets the due date when an invoice is opened: the days count from that moment.
func (i *invoice) fixDueDate(now int64) {
	if i.sends() && i.Hidden.DaysUntilDue != nil {
		i.DueDate = stamp(now + *i.Hidden.DaysUntilDue*86400)
	}
}

// terms are how a subscription or an invoice is collected, as the parameters ask.
type terms struct {
	method string
	days   *int64 // until it is due, if it is sent
	date   int64  // when it is due, if the invoice names the date
}

// terms reads collection_method, days_until_due and due_date. What is not given stays as inForce has it.
func (c *call) terms(p spec.Params, inForce terms) (terms, error) {
	wanted := inForce
	if method := p.Text("collection_method"); method != "" {
		wanted.method = method
	}
	if p.Has("days_until_due") {
		days := p.Int("days_until_due")
		if days < 0 || days > longestDue {
			return terms{}, coded(
				"parameter_invalid_integer", "days_until_due", "days_until_due must be between 0 and %d.", longestDue,
			)
		}
		wanted.days, wanted.date = &days, 0
	}
	if date := p.Int("due_date"); date != 0 {
		if date <= c.now() {
			return terms{}, invalid("due_date", "Invalid timestamp: due_date must be in the future.")
		}
		if p.Has("days_until_due") {
			return terms{}, invalid(
				"due_date", "You may only specify one of these parameters: due_date, days_until_due.",
			)
		}
		wanted.days, wanted.date = nil, date
	}
	if wanted.method == sendInvoice {
		if wanted.days == nil && wanted.date == 0 {
			return terms{}, coded(
				"parameter_missing", "days_until_due",
				"If `collection_method` is set to `send_invoice`, you must also set `days_until_due` or `due_date`.",
			)
		}
		return wanted, nil
	}
	for _, name := range []string{"days_until_due", "due_date"} {
		if p.Has(name) && !p.Unset(name) {
			return terms{}, invalid(
				name, "You can only specify `%s` if the `collection_method` is set to `send_invoice`.", name,
			)
		}
	}
	return terms{method: wanted.method}, nil
}

// terms returns how an invoice is collected now.
func (i *invoice) terms() terms {
	now := terms{method: i.CollectionMethod, days: i.Hidden.DaysUntilDue}
	if i.sends() && now.days == nil {
		now.date = int64(i.DueDate)
	}
	return now
}

// agree sets the terms of an invoice.
func (i *invoice) agree(to terms) {
	i.CollectionMethod, i.DueDate, i.Hidden.DaysUntilDue, i.Hidden.Overdue = to.method, stamp(to.date), nil, false
	if to.method == sendInvoice && to.days != nil {
		i.sendWithin(*to.days)
	}
}

// sendInvoiceByHand sends an invoice to its customer. A draft is opened first. No one gets a mail, as in test mode.
func sendInvoiceByHand(c *call) (any, error) {
	found, err := c.invoice()
	switch {
	case err != nil:
		return nil, err
	case !found.sends():
		return nil, invalid("", "You can only manually send an invoice if its collection method is 'send_invoice'.")
	case found.Status != "draft" && found.Status != "open":
		return nil, coded(
			"invoice_not_editable", "", "You can only send a draft or open invoice; this one is %s.", found.Status,
		)
	case found.CustomerEmail == "":
		return nil, invalid("", "The customer of this invoice has no email address to send it to.")
	}
	if found.Status == "draft" {
		c.finalize(found)
	}
	c.emit("invoice.sent", found)
	return found, nil
}
