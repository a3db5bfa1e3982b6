package sandbox

import (
	"maps"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// dispute is a claim of the payer's bank: it takes a payment back, or asks about it.
type dispute struct {
	base
	Amount              int64                 `json:"amount"`
	BalanceTransactions []*balanceTransaction `json:"balance_transactions"`
	Charge              string                `json:"charge"`
	Currency            string                `json:"currency"`
	Evidence            map[string]any        `json:"evidence"`
	EvidenceDetails     evidenceDetails       `json:"evidence_details"`
	IsChargeRefundable  bool                  `json:"is_charge_refundable"`
	Metadata            map[string]string     `json:"metadata"`
	PaymentIntent       text                  `json:"payment_intent"`
	PaymentMethodDetail map[string]any        `json:"payment_method_details"`
	Reason              string                `json:"reason"`
	Status              string                `json:"status"`
}

type evidenceDetails struct {
	DueBy           stamp `json:"due_by"`
	HasEvidence     bool  `json:"has_evidence"`
	PastDue         bool  `json:"past_due"`
	SubmissionCount int64 `json:"submission_count"`
}

// evidencePeriod is how long a merchant may respond to a dispute, in seconds.
const evidencePeriod = 9 * 86400

// disputeCards are the test cards whose successful payments the bank disputes. An inquiry moves no money.
var disputeCards = map[string]struct {
	reason  string
	inquiry bool
}{
	"4000000000000259": {"fraudulent", false},
	"4000000000002685": {"product_not_received", false},
	"4000000000001976": {"fraudulent", true},
}

// nextDue returns when the bank acts next on a charge (0: never). It disputes the charge or warns of fraud right after
// the payment. It releases an uncaptured charge that has no payment intent.
func (made *charge) nextDue() int64 {
	_, disputes := disputeCards[made.Hidden.Number]
	switch {
	case made.uncaptured() && made.PaymentIntent == "":
		return made.Created + holdLifetime
	case (disputes || made.Hidden.Number == warnedCard) && made.Paid && made.Captured && !made.Hidden.Disputed:
		return made.Created
	}
	return 0
}

// tendCharge does the bank's next action on a charge: it releases the hold, warns of fraud, or opens a dispute.
func (w *world) tendCharge(paid *charge) {
	if paid.uncaptured() {
		w.releaseHold(paid, "charge.expired", "expired_uncaptured_charge")
		return
	}
	if paid.Hidden.Number == warnedCard {
		w.warnOfFraud(paid)
		return
	}
	card := disputeCards[paid.Hidden.Number]
	w.openDispute(paid, card.reason, card.inquiry)
}

// openDispute takes a payment back. With an inquiry it only asks about the payment.
func (w *world) openDispute(paid *charge, reason string, inquiry bool) *dispute {
	paid.Hidden.Disputed = true
	evidence, _ := spec.Blank("dispute")["evidence"].(map[string]any)
	made := &dispute{
		base:               w.begin("dp_1", "dispute"),
		Amount:             paid.Amount,
		Charge:             paid.ID,
		Currency:           paid.Currency,
		Evidence:           maps.Clone(evidence),
		EvidenceDetails:    evidenceDetails{DueBy: stamp(w.now() + evidencePeriod)},
		IsChargeRefundable: inquiry,
		Metadata:           map[string]string{},
		PaymentIntent:      paid.PaymentIntent,
		PaymentMethodDetail: map[string]any{"type": "card", "card": map[string]any{
			"brand": "visa", "network_reason_code": "10.4",
		}},
		Reason: reason,
		Status: "needs_response",
	}
	if inquiry {
		made.Status = "warning_needs_response"
	}
	w.Disputes.add(made)
	made.BalanceTransactions = []*balanceTransaction{}
	if !inquiry {
		w.bookDispute(made, -1)
	}
	w.emit("charge.dispute.created", made)
	if !inquiry {
		w.change("charge.updated", paid, func() { paid.Disputed = true })
		w.emit("charge.dispute.funds_withdrawn", made)
		w.calm(paid)
	}
	return made
}

func (c *call) dispute() (*dispute, error) {
	found := c.Disputes.get(c.id)
	if found == nil {
		return nil, noSuch("dispute", c.id, "id")
	}
	if paid := c.Charges.get(found.Charge); paid != nil {
		c.on(c.Customers.get(string(paid.Customer)))
	}
	return found, nil
}

func getDispute(c *call) (any, error) { return c.dispute() }

func listDisputes(c *call) (any, error) {
	return list(c, &c.Disputes, "dispute", func(each *dispute) bool {
		return (!c.p.Has("charge") || each.Charge == c.p.Text("charge")) &&
			(!c.p.Has("payment_intent") || string(each.PaymentIntent) == c.p.Text("payment_intent"))
	})
}

func (d *dispute) open() bool {
	return d.Status == "needs_response" || d.Status == "warning_needs_response"
}

// updateDispute stores or submits evidence. Stripe's test words winning_evidence and losing_evidence decide at once.
func updateDispute(c *call) (any, error) {
	found, err := c.dispute()
	if err != nil {
		return nil, err
	}
	evidence := c.p.Sub("evidence")
	if evidence != nil && !found.open() {
		return nil, invalid(
			"", "This dispute is already closed or under review: its evidence can no longer be changed.",
		)
	}
	submitted := evidence != nil && (!c.p.Has("submit") || c.p.Flag("submit"))
	c.change("charge.dispute.updated", found, func() {
		found.Metadata = mergedMetadata(found.Metadata, c.p)
		shown := maps.Clone(found.Evidence)
		for name, value := range evidence {
			shown[name] = nullIfUnset(value)
		}
		found.Evidence = shown
		found.EvidenceDetails.HasEvidence = found.EvidenceDetails.HasEvidence || evidence != nil
		if submitted {
			found.EvidenceDetails.SubmissionCount++
			found.Status = map[bool]string{
				true: "warning_under_review", false: "under_review",
			}[found.IsChargeRefundable]
		}
	})
	if word := evidence.Text("uncategorized_text"); submitted &&
		(word == "winning_evidence" || word == "losing_evidence") {
		c.closeDispute(found, word == "winning_evidence")
	}
	return found, nil
}

func closeDisputeByHand(c *call) (any, error) {
	found, err := c.dispute()
	if err != nil {
		return nil, err
	}
	if !found.open() {
		return nil, invalid("", "This dispute is already closed.")
	}
	c.closeDispute(found, false)
	return found, nil
}

// bookDispute records that a dispute took the money and a fee (sign -1), or that both came back (sign 1).
func (w *world) bookDispute(d *dispute, sign int64) {
	category, description := "dispute", "Chargeback withdrawal for "+d.Charge
	if sign > 0 {
		category, description = "dispute_reversal", "Chargeback reversal for "+d.Charge
	}
	w.bookAgainst(w.Charges.get(d.Charge), &balanceTransaction{
		Amount:            sign * d.Amount,
		Description:       text(description),
		Fee:               -sign * disputeFee,
		ReportingCategory: category,
		Source:            text(d.ID),
		Type:              "adjustment",
	}, "Dispute fee")
	d.BalanceTransactions = w.movementsOf(d.ID)
}

// closeDispute ends a dispute. If it is won, the money comes back. An inquiry ends without a winner, and no money
// moves.
func (w *world) closeDispute(d *dispute, won bool) {
	moved := !d.IsChargeRefundable
	switch {
	case !moved:
		d.Status = "warning_closed"
	case won:
		d.Status = "won"
	default:
		d.Status = "lost"
	}
	if won && moved {
		w.bookDispute(d, 1)
	}
	w.emit("charge.dispute.closed", d)
	if won && moved {
		w.emit("charge.dispute.funds_reinstated", d)
	}
}
