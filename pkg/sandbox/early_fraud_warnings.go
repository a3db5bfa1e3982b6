package sandbox

// earlyFraudWarning is a warning from a card network that a payment may be fraudulent. It comes before any dispute.
type earlyFraudWarning struct {
	base
	Actionable    bool   `json:"actionable"`
	Charge        string `json:"charge"`
	FraudType     string `json:"fraud_type"`
	PaymentIntent string `json:"payment_intent,omitempty"`
}

// warnedCard is the test card whose payments bring an early fraud warning.
const warnedCard = "4000000000005423"

func (w *world) warnOfFraud(paid *charge) {
	paid.Hidden.Disputed = true
	w.emit("radar.early_fraud_warning.created", w.Warnings.add(&earlyFraudWarning{
		base:          w.begin("issfr_1", "radar.early_fraud_warning"),
		Actionable:    true,
		Charge:        paid.ID,
		FraudType:     "misc",
		PaymentIntent: string(paid.PaymentIntent),
	}))
}

// calm makes the warnings of a charge not actionable once the charge is refunded or disputed. Nothing is left to do
// then.
func (w *world) calm(paid *charge) {
	if !paid.Refunded && !paid.Disputed {
		return
	}
	for _, each := range w.Warnings.where(
		func(each *earlyFraudWarning) bool { return each.Charge == paid.ID && each.Actionable },
	) {
		w.change("radar.early_fraud_warning.updated", each, func() { each.Actionable = false })
	}
}

func getEarlyFraudWarning(c *call) (any, error) {
	if found := c.Warnings.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("early fraud warning", c.id, "id")
}

func listEarlyFraudWarnings(c *call) (any, error) {
	return list(c, &c.Warnings, "early fraud warning", func(each *earlyFraudWarning) bool {
		return (!c.p.Has("charge") || each.Charge == c.p.Text("charge")) &&
			(!c.p.Has("payment_intent") || each.PaymentIntent == c.p.Text("payment_intent"))
	})
}
