package sandbox

// balanceTransaction is one movement of the account's money: what came in or went out, and what Stripe kept of it.
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

// What Stripe keeps of a payment and of a dispute, in the smallest unit of the payment's own currency, and how long a
// payment stays pending, in seconds.
const (
	feePerMille = 29
	feeFixed    = 30
	disputeFee  = 1500
	payoutDelay = 2 * 86400
)

// bypassPending is the test card whose money is available at once.
const bypassPending = "4000000000000077"

// book writes a movement down. It is pending until its money is available.
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
	w.tally() // before the movement is there to be added up
	w.count(w.Transactions.add(made), 1)
	w.plan(made)
	return made
}

// bookCharge writes down what a charge brought in.
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

// kind answers the type of a movement; Stripe words those of payments without a card in its own way.
func (c *charge) kind(word string) string {
	if c.PaymentMethodDetails["type"] == "card" {
		return word
	}
	return map[string]string{
		"charge": "payment", "refund": "payment_refund", "refund_failure": "payment_failure_refund",
	}[word]
}

// bookAgainst writes down what became of a charge's money later, which is not available before the charge's own.
func (w *world) bookAgainst(paid *charge, made *balanceTransaction, feeText string) *balanceTransaction {
	made.Currency = paid.Currency
	if own := w.Transactions.get(string(paid.BalanceTransaction)); own != nil {
		made.AvailableOn = own.AvailableOn
	}
	return w.book(made, feeText)
}

// nextDue answers when the money becomes available.
func (t *balanceTransaction) nextDue() int64 {
	if t.Status == "pending" {
		return t.AvailableOn
	}
	return 0
}

// makeAvailable lets pending money become available; a dispute shows its own movements, as they are now.
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

// movementsOf answers copies of the movements that have this source, oldest first.
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
