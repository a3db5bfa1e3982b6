package billing

import (
	"fmt"
	"time"
)

// Violation is a rule that an account's rows break although it always holds. docs/audit.md lists the rules.
type Violation struct {
	Account AccountID // "" if the rows belong to no account
	Rule    string
	Detail  string
}

// Error names the account, the rule and the detail.
func (v *Violation) Error() string {
	return fmt.Sprintf("account %s breaks the rule %s: %s", v.Account, v.Rule, v.Detail)
}

// RunKind names a periodic walk over all accounts.
type RunKind string

// The walks.
const (
	RunAudit RunKind = "audit" // the rules of the database
	RunDrift RunKind = "drift" // the comparison with Stripe
)

// AuditRun is the cursor of a walk of one kind. It is stored so that any replica continues where another one stopped.
type AuditRun struct {
	Kind     RunKind
	BeganAt  *time.Time // nil: never
	Cursor   AccountID  // the last account that was looked at
	Accounts int64      // read so far
	Findings int64      // found so far
	EndedAt  *time.Time // nil while it is running

	LastEndedAt  *time.Time // of the last run that finished
	LastFindings int64
}
