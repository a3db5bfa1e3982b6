package sandbox

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
