package billing

import (
	"fmt"
	"time"
)

// Violation says that an account's rows break a rule that always holds; docs/audit.md lists the rules.
type Violation struct {
	Account AccountID // "" where the rows are no account's
	Rule    string
	Detail  string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("account %s breaks the rule %s: %s", v.Account, v.Rule, v.Detail)
}

// RunKind names a walk over all accounts that comes back again and again.
type RunKind string

// The walks.
const (
	RunAudit RunKind = "audit" // the rules of the database
	RunDrift RunKind = "drift" // the comparison with Stripe
)

// AuditRun is how far the walk of a kind has come. It is kept so that any replica goes on where another one stopped.
type AuditRun struct {
	Kind     RunKind
	BeganAt  *time.Time // nil: never
	Cursor   AccountID  // the last account that was looked at
	Accounts int64      // looked at so far
	Findings int64      // found so far
	EndedAt  *time.Time // nil while it is under way

	LastEndedAt  *time.Time // of the last run that came to its end
	LastFindings int64
}
