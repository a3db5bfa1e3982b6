package sandbox

import "net/http"

const accountName = "Sandbox"

// ensureAccount gives a new state its account id. Two sandboxes are two accounts; a restarted sandbox keeps its
// account.
func (w *world) ensureAccount() {
	if w.Account == "" {
		w.Account = newID("acct_1", 15)
	}
}

func getAccount(c *call) (any, error) {
	accountID := c.Account
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

// getAccountByID returns the sandbox's one account; any other id is an error.
func getAccountByID(c *call) (any, error) {
	if c.id == c.Account {
		return getAccount(c)
	}
	e := coded(
		"account_invalid", "",
		"The provided key does not have access to account '%s' (or that account does not exist). Application access may have been revoked.",
		c.id,
	)
	e.status = http.StatusForbidden
	return nil, e
}
