package sandbox

// bankHour is how long a bank takes over what it does not do at once, in seconds: a debit, a refund that is pending or
// that comes back. Stripe's own banks take minutes in test mode and days otherwise.
const bankHour = 3600

// refundCards are the test cards whose refunds have not succeeded for good when they are made: the status that such a
// refund begins with, and the one that it comes to.
var refundCards = map[string]struct{ first, last string }{
	"4000000000007726": {"pending", "succeeded"},
	"4000000000005126": {"succeeded", "failed"},
}

// bookRefund writes down that a refund takes its amount out of the account. Stripe's fee for the payment stays paid.
func (w *world) bookRefund(made *refund, paid *charge) {
	made.Transaction = text(w.bookAgainst(paid, &balanceTransaction{
		Amount:            -made.Amount,
		Description:       "REFUND FOR CHARGE",
		ReportingCategory: "refund",
		Source:            text(made.ID),
		Type:              paid.kind("refund"),
	}, "").ID)
}

// foretell lets a refund to one of the test cards go their way.
func (r *refund) foretell(paid *charge, now int64) {
	if fate, known := refundCards[paid.Hidden.Number]; known {
		r.Status, r.Hidden.Fate, r.Hidden.FateAt = fate.first, fate.last, now+bankHour
	}
}

// nextDue answers when the payer's bank decides on the refund.
func (r *refund) nextDue() int64 {
	if r.Hidden.Fate == "" {
		return 0
	}
	return r.Hidden.FateAt
}

// payerOf answers the customer of a charge, "" when it has none.
func (w *world) payerOf(chargeID string) string {
	if paid := w.Charges.get(chargeID); paid != nil {
		return string(paid.Customer)
	}
	return ""
}

// meetFate ends a refund as the payer's bank decides. The money of one that fails comes back to the account, and the
// charge counts as not refunded by that much.
func (w *world) meetFate(r *refund) {
	paid, fate := w.Charges.get(string(r.Charge)), r.Hidden.Fate
	r.Hidden.Fate = ""
	if fate != "failed" {
		w.change("charge.refund.updated", r, func() { r.Status = fate })
		return
	}
	w.change("charge.refund.updated", r, func() {
		r.Status, r.FailureReason = fate, "expired_or_canceled_card"
		w.bookReturn(r, paid)
	})
	w.change(
		"charge.updated", paid, func() { paid.AmountRefunded, paid.Refunded = paid.AmountRefunded-r.Amount, false },
	)
}

// bookReturn writes down that a refund's money comes back to the account.
func (w *world) bookReturn(r *refund, paid *charge) {
	r.Reversal = w.bookAgainst(paid, &balanceTransaction{
		Amount:            r.Amount,
		Description:       "REFUND FAILURE",
		ReportingCategory: "refund_failure",
		Source:            text(r.ID),
		Type:              paid.kind("refund_failure"),
	}, "").ID
}
