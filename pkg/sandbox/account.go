package sandbox

import "net/http"

const (
	accountID   = "acct_1SandboxSandbox1"
	accountName = "Sandbox"
)

func getAccount(c *call) (any, error) {
	return map[string]any{
		"id":                accountID,
		"object":            "account",
		"created":           1700000000,
		"charges_enabled":   true,
		"details_submitted": true,
		"payouts_enabled":   true,
		"external_accounts": map[string]any{
			"object":   "list",
			"data":     []any{},
			"has_more": false,
			"url":      "/v1/accounts/" + accountID + "/external_accounts",
		},
	}, nil
}

// getAccountByID knows the one account that there is.
func getAccountByID(c *call) (any, error) {
	if c.id == accountID {
		return getAccount(c)
	}
	e := coded("account_invalid", "", "The provided key does not have access to account '%s' (or that account does not exist). Application access may have been revoked.", c.id)
	e.status = http.StatusForbidden
	return nil, e
}

// getBalance adds up what was charged and not given back, by currency.
func getBalance(c *call) (any, error) {
	sums, order := map[string]int64{"usd": 0}, []string{"usd"}
	for _, each := range c.Charges.where(func(each *charge) bool { return each.Paid }) {
		if _, seen := sums[each.Currency]; !seen {
			order = append(order, each.Currency)
		}
		sums[each.Currency] += each.Amount - each.AmountRefunded
	}
	var available, pending, reserved []any
	for _, currency := range order {
		available = append(available, map[string]any{
			"amount":       sums[currency],
			"currency":     currency,
			"source_types": map[string]any{"card": sums[currency]},
		})
		pending = append(pending, map[string]any{"amount": 0, "currency": currency, "source_types": map[string]any{"card": 0}})
		reserved = append(reserved, map[string]any{"amount": 0, "currency": currency})
	}
	return map[string]any{"object": "balance", "available": available, "pending": pending, "connect_reserved": reserved}, nil
}
