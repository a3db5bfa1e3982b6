package sandbox

import "net/http"

// refundPatience is how long a refund waits for the payer's bank details, in seconds.
const refundPatience = 45 * 86400

// holdRefund makes a refund wait for the payer, like the refund of a bank transfer whose bank is not known. At Stripe
// no refund to a card waits, so only this control can cause it.
func (s *Sandbox) holdRefund(out http.ResponseWriter, r *http.Request) {
	s.control(out, r, nil, func(w *world) (any, error) {
		found := w.Refunds.get(r.PathValue("refund"))
		switch {
		case found == nil:
			return nil, noSuch("refund", r.PathValue("refund"), "id")
		case found.Status != "succeeded":
			return nil, invalid("", "Only a refund that succeeded can be held: this one is %s.", found.Status)
		}
		paid := w.onCharge(found)
		w.change("charge.refund.updated", found, func() {
			found.Status = "requires_action"
			found.NextAction = &refundAction{Type: "display_details", DisplayDetails: refundDetails{
				EmailSent: refundEmail{EmailSentAt: w.now(), EmailSentTo: string(paid.BillingDetails.Email)},
				ExpiresAt: w.now() + refundPatience,
			}}
		})
		return found, nil
	})
}

// refundAction is what Stripe asks the payer for.
type refundAction struct {
	DisplayDetails refundDetails `json:"display_details"`
	Type           string        `json:"type"`
}

type refundDetails struct {
	EmailSent refundEmail `json:"email_sent"`
	ExpiresAt int64       `json:"expires_at"`
}

type refundEmail struct {
	EmailSentAt int64  `json:"email_sent_at"`
	EmailSentTo string `json:"email_sent_to"`
}

func cancelRefund(c *call) (any, error) {
	return c.endRefund("canceled", func(r *refund) { r.Status = "canceled" })
}

// expireRefund fails a refund whose payer never responded.
func expireRefund(c *call) (any, error) {
	return c.endRefund("expired", func(r *refund) { r.Status, r.FailureReason = "failed", "unknown" })
}

// endRefund ends a refund that waits for the payer. The money goes back to where it came from.
func (c *call) endRefund(word string, end func(*refund)) (any, error) {
	found := c.Refunds.get(c.id)
	switch {
	case found == nil:
		return nil, noSuch("refund", c.id, "id")
	case found.Status != "requires_action":
		return nil, invalid(
			"", "Refund %s cannot be %s: only refunds with the status requires_action can, and it is %s.", found.ID,
			word, found.Status,
		)
	}
	paid := c.onCharge(found)
	c.change("charge.refund.updated", found, func() {
		end(found)
		found.NextAction = nil
		c.bookReturn(found, paid)
	})
	c.change("charge.updated", paid, func() {
		paid.AmountRefunded -= found.Amount
		paid.Refunded = false
	})
	return found, nil
}

// onCharge makes the clock of a refund's customer the current one, and returns the charge.
func (w *world) onCharge(r *refund) *charge {
	paid := w.Charges.get(string(r.Charge))
	w.on(w.Customers.get(string(paid.Customer)))
	return paid
}
