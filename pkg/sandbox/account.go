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
