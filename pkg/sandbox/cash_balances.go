package sandbox

import (
	"maps"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// cashBalance is money that a customer sent by bank transfer and that no payment has used. In the sandbox no payment
// uses it. It is stored under the customer's id.
type cashBalance struct {
	Object    string           `json:"object"`
	Available map[string]int64 `json:"available"` // by currency; null until the first transfer
	Customer  string           `json:"customer"`
	Settings  cashSettings     `json:"settings"`
}

type cashSettings struct {
	ReconciliationMode   string `json:"reconciliation_mode"`
	UsingMerchantDefault bool   `json:"using_merchant_default"`
}

func (b *cashBalance) key() string { return b.Customer }
func (b *cashBalance) when() int64 { return 0 }

// cashTransaction is one movement of a cash balance.
type cashTransaction struct {
	base
	Currency      string         `json:"currency"`
	Customer      string         `json:"customer"`
	EndingBalance int64          `json:"ending_balance"`
	Funded        map[string]any `json:"funded"`
	NetAmount     int64          `json:"net_amount"`
	Type          string         `json:"type"`
}

// cashBalanceOf returns a customer's stored balance, or the default one that every customer begins with.
func (w *world) cashBalanceOf(customerID string) *cashBalance {
	if kept := w.CashBalances.get(customerID); kept != nil {
		return kept
	}
	return &cashBalance{Object: "cash_balance", Customer: customerID, Settings: cashSettings{"automatic", true}}
}

func getCashBalance(c *call) (any, error) {
	if _, err := c.livingCustomer(); err != nil {
		return nil, err
	}
	return c.cashBalanceOf(c.id), nil
}

// livingCustomer returns the customer in the URL, who must not be deleted.
func (c *call) livingCustomer() (*customer, error) {
	found, err := c.customerAt(c.id, "customer")
	if err != nil {
		return nil, noSuch("customer", c.id, "id")
	}
	return found, nil
}

func updateCashBalance(c *call) (any, error) {
	if _, err := c.livingCustomer(); err != nil {
		return nil, err
	}
	c.settleCash(c.id, c.p)
	return c.cashBalanceOf(c.id), nil
}

// settleCash stores the settings of a customer's balance, if any are given.
func (w *world) settleCash(customerID string, p spec.Params) {
	fresh := *w.cashBalanceOf(customerID)
	switch mode := p.Sub("settings").Text("reconciliation_mode"); mode {
	case "":
		return
	case "merchant_default":
		fresh.Settings = cashSettings{"automatic", true}
	default:
		fresh.Settings = cashSettings{mode, false}
	}
	w.CashBalances.add(&fresh)
}

func listCashTransactions(c *call) (any, error) {
	if _, err := c.customerAt(c.id, "id"); err != nil {
		return nil, err
	}
	return list(
		c, &c.CashEntries, "customer_cash_balance_transaction",
		func(each *cashTransaction) bool { return each.Customer == c.id },
	)
}

func getCashTransaction(c *call) (any, error) {
	if found := c.CashEntries.get(c.item); found != nil && found.Customer == c.id {
		return found, nil
	}
	return nil, noSuch("customer_cash_balance_transaction", c.item, "id")
}

// transfers are the kinds of bank transfer, by the currency that they bring. Each has the data that Stripe shows about
// the sender.
var transfers = map[string]struct {
	kind   string
	sender map[string]any
}{
	"eur": {
		"eu_bank_transfer",
		map[string]any{"bic": "BANKDEAAXXX", "iban_last4": "7089", "sender_name": "Sample Business GmbH"},
	},
	"gbp": {
		"gb_bank_transfer",
		map[string]any{"account_number_last4": "2345", "sender_name": "Sample Business Ltd", "sort_code": "108800"},
	},
	"jpy": {"jp_bank_transfer", map[string]any{"sender_bank": "サンプル銀行", "sender_branch": "本店", "sender_name": "サンプル"}},
	"usd": {"us_bank_transfer", map[string]any{"network": "ach", "sender_name": "Sample Business Inc"}},
}

// fundCashBalance simulates a bank transfer that arrives.
func fundCashBalance(c *call) (any, error) {
	holder, err := c.livingCustomer()
	if err != nil {
		return nil, err
	}
	currency, amount := strings.ToLower(c.p.Text("currency")), c.p.Int("amount")
	transfer, known := transfers[currency]
	switch {
	case !known:
		return nil, invalid("currency", "The sandbox knows bank transfers in eur, gbp, jpy and usd only.")
	case amount < 1 || amount > maxAmount:
		return nil, coded("parameter_invalid_integer", "amount", "This value must be between 1 and %d.", maxAmount)
	}
	c.on(holder)
	fresh := *c.cashBalanceOf(holder.ID)
	if fresh.Available = maps.Clone(fresh.Available); fresh.Available == nil {
		fresh.Available = map[string]int64{}
	}
	fresh.Available[currency] += amount
	c.CashBalances.add(&fresh)
	made := c.CashEntries.add(&cashTransaction{
		base:          c.begin("ccsbtxn_1", "customer_cash_balance_transaction"),
		Currency:      currency,
		Customer:      holder.ID,
		EndingBalance: fresh.Available[currency],
		NetAmount:     amount,
		Type:          "funded",
		Funded: map[string]any{"bank_transfer": map[string]any{
			transfer.kind: transfer.sender,
			"reference":   text(c.p.Text("reference")),
			"type":        transfer.kind,
		}},
	})
	c.emit("customer_cash_balance_transaction.created", made)
	c.emit("cash_balance.funds_available", &fresh)
	return made, nil
}

// createFundingInstructions returns where to send money to. At this API version Stripe's document has two kinds of
// addresses.
func createFundingInstructions(c *call) (any, error) {
	if _, err := c.livingCustomer(); err != nil {
		return nil, err
	}
	wanted := c.p.Sub("bank_transfer")
	var transfer map[string]any
	switch kind := wanted.Text("type"); kind {
	case "eu_bank_transfer":
		country := wanted.Sub(kind).Text("country")
		if country == "" {
			return nil, missing("bank_transfer[eu_bank_transfer][country]")
		}
		transfer = bankAddress(kind, country, "iban", "sepa", map[string]any{
			"account_holder_name": "Stripe Technology Europe Limited", "bic": "SXPYDEHH", "country": country,
			"iban": country + "00000000000000000001",
		})
	case "jp_bank_transfer":
		transfer = bankAddress(kind, "JP", "zengin", "zengin", map[string]any{
			"account_holder_name": "ストライプジャパン(カ", "account_number": "0000001", "account_type": "futsu",
			"bank_code": "0000", "bank_name": "テスト銀行", "branch_code": "000", "branch_name": "テスト支店",
		})
	default:
		return nil, invalid(
			"bank_transfer[type]", "The sandbox has addresses for eu_bank_transfer and jp_bank_transfer only.",
		)
	}
	return map[string]any{
		"object": "funding_instructions", "bank_transfer": transfer, "currency": strings.ToLower(c.p.Text("currency")),
		"funding_type": "bank_transfer",
	}, nil
}

func bankAddress(kind, country, form, network string, details map[string]any) map[string]any {
	address := map[string]any{form: details, "type": form, "supported_networks": []string{network}}
	return map[string]any{"country": country, "financial_addresses": []any{address}, "type": kind}
}
