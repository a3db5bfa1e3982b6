package billing

import "time"

// MailTokenKind is what the token of a mail allows.
type MailTokenKind string

// The kinds of tokens that belong to an account.
const (
	MailTokenReset  MailTokenKind = "reset_password" // set a new password
	MailTokenVerify MailTokenKind = "verify_email"   // prove that the account's own address is read
	MailTokenChange MailTokenKind = "change_email"   // prove that another address is read, and make it the account's
)

// MailToken is what a mail carries to prove that its reader receives the mails of an address. It works once.
type MailToken struct {
	AccountID AccountID
	Kind      MailTokenKind
	Digest    string // of the token; the token itself is stored nowhere
	Email     string // that the mail is sent to
	ExpiresAt time.Time
}

// MailBudget is how many mails may be caused for one address, and by one account. What is beyond it is not sent, and no
// one is told: a limit that can be seen would show who has an account.
var MailBudget = Budget{Burst: 5, Every: 12 * time.Minute}
