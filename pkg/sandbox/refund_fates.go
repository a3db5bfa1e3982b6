package sandbox

// bankHour is how long, in seconds, a bank takes for what it does not do at once: a debit, a refund that is pending, or
// one that comes back. Stripe's own banks take minutes in test mode and days otherwise.
const bankHour = 3600

// refundCards are the test cards whose refunds are not final when they are made. first is the status that such a refund
// begins with, and last the one that it ends with.
var refundCards = map[string]struct{ first, last string }{
	"4000000000007726": {"pending", "succeeded"},
	"4000000000005126": {"succeeded", "failed"},
}

// bookRefund books that a refund takes its amount out of the account. Stripe's fee for the payment stays paid.
func (w *world) bookRefund(made *refund, paid *charge) {
	made.Transaction = text(w.bookAgainst(paid, &balanceTransaction{
		Amount:            -made.Amount,
		Description:       "REFUND FOR CHARGE",
		ReportingCategory: "refund",
		Source:            text(made.ID),
		Type:              paid.kind("refund"),
	}, "").ID)
}

// foretell sets the present and the planned status of a refund to one of refundCards.
func (r *refund) foretell(paid *charge, now int64) {
	if fate, known := refundCards[paid.Hidden.Number]; known {
		r.Status, r.Hidden.Fate, r.Hidden.FateAt = fate.first, fate.last, now+bankHour
	}
}

// nextDue returns when the payer's bank decides on the refund.
func (r *refund) nextDue() int64 {
	if r.Hidden.Fate == "" {
		return 0
	}
	return r.Hidden.FateAt
}

// payerOf returns the customer of a charge, or "" if it has none.
func (w *world) payerOf(chargeID string) string {
	if paid := w.Charges.get(chargeID); paid != nil {
		return string(paid.Customer)
	}
	return ""
}

// meetFate ends a refund as the payer's bank decides. If the refund fails, its money comes back to the account, and the
// charge counts as refunded by that much less.
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

// bookReturn books that a refund's money comes back to the account.
func (w *world) bookReturn(r *refund, paid *charge) {
	r.Reversal = w.bookAgainst(paid, &balanceTransaction{
		Amount:            r.Amount,
		Description:       "REFUND FAILURE",
		ReportingCategory: "refund_failure",
		Source:            text(r.ID),
		Type:              paid.kind("refund_failure"),
	}, "").ID
}
