package sandbox

// balanceTransaction is one movement of the account's money: the amount that came in or went out, and Stripe's fee.
type balanceTransaction struct {
	base
	Amount            int64       `json:"amount"`
	AvailableOn       int64       `json:"available_on"`
	Currency          string      `json:"currency"`
	Description       text        `json:"description"`
	Fee               int64       `json:"fee"`
	FeeDetails        []feeDetail `json:"fee_details"`
	Net               int64       `json:"net"`
	ReportingCategory string      `json:"reporting_category"`
	Source            text        `json:"source"`
	Status            string      `json:"status"`
	Type              string      `json:"type"`
	Hidden            struct {
		Clock text // the test clock on which it becomes available
	} `json:"_sandbox"`
}

type feeDetail struct {
	Amount      int64  `json:"amount"`
	Application text   `json:"application"`
	Currency    string `json:"currency"`
	Description string `json:"description"`
	Type        string `json:"type"`
}

// Stripe's fees for a payment and for a dispute, in the smallest unit of the payment's own currency; and how long a
// payment stays pending, in seconds.
const (
	feePerMille = 29
	feeFixed    = 30
	disputeFee  = 1500
	payoutDelay = 2 * 86400
)

// bypassPending is the test card whose money is available at once.
const bypassPending = "4000000000000077"

// book records a movement. It is pending until its money is available.
func (w *world) book(made *balanceTransaction, feeText string) *balanceTransaction {
	made.base = w.begin("txn_1", "balance_transaction")
	made.Net, made.Status, made.Hidden.Clock = made.Amount-made.Fee, "pending", text(w.clock)
	made.AvailableOn = max(made.AvailableOn, made.Created)
	made.FeeDetails = []feeDetail{}
	if made.Fee != 0 {
		made.FeeDetails = []feeDetail{
			{Amount: made.Fee, Currency: made.Currency, Description: feeText, Type: "stripe_fee"},
		}
	}
	w.tally() // before the movement is added, so that it is not counted twice
	w.count(w.Transactions.add(made), 1)
	w.plan(made)
	return made
}

// bookCharge records the money that a charge brought in.
func (w *world) bookCharge(paid *charge) {
	made := &balanceTransaction{
		Amount:            paid.AmountCaptured,
		AvailableOn:       w.now() + payoutDelay,
		Currency:          paid.Currency,
		Description:       paid.Description,
		Fee:               (paid.AmountCaptured*feePerMille+500)/1000 + feeFixed,
		ReportingCategory: "charge",
		Source:            text(paid.ID),
		Type:              paid.kind("charge"),
	}
	if paid.Hidden.Number == bypassPending {
		made.AvailableOn = 0
	}
	paid.BalanceTransaction = text(w.book(made, "Stripe processing fees").ID)
}

// kind returns the type of a movement. For payments without a card, Stripe has its own words.
func (c *charge) kind(word string) string {
	if c.PaymentMethodDetails["type"] == "card" {
		return word
	}
	return map[string]string{
		"charge": "payment", "refund": "payment_refund", "refund_failure": "payment_failure_refund",
	}[word]
}

// bookAgainst records a later movement of a charge's money, such as a refund. It becomes available no earlier than the
// charge's own movement.
func (w *world) bookAgainst(paid *charge, made *balanceTransaction, feeText string) *balanceTransaction {
	made.Currency = paid.Currency
	if own := w.Transactions.get(string(paid.BalanceTransaction)); own != nil {
		made.AvailableOn = own.AvailableOn
	}
	return w.book(made, feeText)
}

// nextDue returns when the money becomes available, or 0 if it already is.
func (t *balanceTransaction) nextDue() int64 {
	if t.Status == "pending" {
		return t.AvailableOn
	}
	return 0
}

// makeAvailable makes pending money available. A dispute lists copies of its own movements; it gets the new ones.
func (w *world) makeAvailable(due *balanceTransaction) {
	w.tally()
	w.count(due, -1)
	due.Status = "available"
	w.count(due, 1)
	if owner := w.Disputes.get(string(due.Source)); owner != nil {
		owner.BalanceTransactions = w.movementsOf(owner.ID)
	}
	if due.Net > 0 { // Stripe does not announce what goes out
		w.emit("balance.available", w.balance())
	}
}

// movementsOf returns copies of the movements with this source, oldest first.
func (w *world) movementsOf(source string) []*balanceTransaction {
	shown := []*balanceTransaction{}
	for _, each := range w.Transactions.where(func(t *balanceTransaction) bool { return string(t.Source) == source }) {
		copied := *each
		shown = append(shown, &copied)
	}
	return shown
}

func getBalanceTransaction(c *call) (any, error) {
	if found := c.Transactions.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("balance transaction", c.id, "id")
}

func listBalanceTransactions(c *call) (any, error) {
	p := c.p
	if id := p.Text("payout"); id != "" {
		return nil, noSuch("payout", id, "payout") // nothing is ever paid out
	}
	return list(c, &c.Transactions, "balance transaction", func(each *balanceTransaction) bool {
		return (!p.Has("currency") || each.Currency == p.Text("currency")) &&
			(!p.Has("type") || each.Type == p.Text("type")) &&
			(!p.Has("source") || string(each.Source) == p.Text("source"))
	})
}
