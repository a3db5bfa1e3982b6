package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/store"
)

// A request that causes a mail writes one job, no matter whose address it is. So its status, text and time show
// nothing about the address. The job decides what is sent to whom, and enqueues a job for each letter. That one makes
// the token and sends it, so a token is never stored, and a letter that waits for its mail server does not age its
// token.

var mails = jobs.Queue{Name: "mail", Workers: 4}

const (
	// mailPause is how long a letter waits after the mail server did not take it.
	mailPause = time.Minute
	// mailPatience is how long a letter is retried.
	mailPatience = 24 * time.Hour
)

// subject is what a letter is about.
type subject string

const (
	subjectReset           subject = "reset_password"
	subjectVerify          subject = "verify_email"
	subjectChange          subject = "change_email"
	subjectRegister        subject = "complete_registration"
	subjectTaken           subject = "email_taken"
	subjectChanging        subject = "email_changes"
	subjectEmailChanged    subject = "email_changed"
	subjectPasswordChanged subject = "password_changed"
)

// mailRequest are the arguments of the job that decides what is sent because of a request.
type mailRequest struct {
	Subject subject           `json:"subject"`
	Email   string            `json:"email"`   // where someone wants a mail
	Account billing.AccountID `json:"account"` // of the caller; "" if no one is logged in
}

// Kind names the job.
func (mailRequest) Kind() string { return "mail_request" }

// letter are the arguments of the job that sends a mail.
type letter struct {
	Subject subject           `json:"subject"`
	Account billing.AccountID `json:"account"` // that the letter is about; "" for an address without one
	To      string            `json:"to"`
	Until   time.Time         `json:"until"` // the end of the attempts to send it
}

// Kind names the job.
func (letter) Kind() string { return "letter" }

// registerMail registers the two jobs, and the look that deletes what has expired.
func (s *Service) registerMail(r *jobs.Runner) {
	s.jobs = r
	if s.sender == nil {
		return
	}
	jobs.Handle(r, mails, s.decideMail)
	jobs.Handle(r, mails, s.sendLetter)
	r.Look(jobs.Look{Kind: "forget_mail", Every: 10 * time.Minute, Later: true, Do: func(ctx context.Context) error {
		return s.db.InTx(ctx, func(tx *store.Tx) error { return tx.DeleteOldMail(ctx) })
	}})
}

// mailable returns the address, normalized, to which a request about a password has a mail sent. Errors: EInvalid,
// EConflict (no mailer), EPasswordLoginOff.
func (s *Service) mailable(email string) (string, error) {
	if err := s.passwordsOn(); err != nil {
		return "", err
	}
	if err := s.needMail(); err != nil {
		return "", err
	}
	return NormalizeEmail(email)
}

// needMail refuses a request that no server without a mailer can fulfil. Errors: EConflict.
func (s *Service) needMail() error {
	if s.sender == nil {
		return billing.Errorf(billing.EConflict, "This server sends no mail, so this is not possible here.")
	}
	return nil
}

// askForMail enqueues the job that decides about a mail, in its own transaction.
func (s *Service) askForMail(ctx context.Context, r mailRequest) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error { return s.jobs.Enqueue(ctx, tx, r) })
}

// notify enqueues a letter that tells the person what has changed. It has no budget, because only a change causes it.
// It does nothing for an account without an address, or if the server sends no mail.
func (s *Service) notify(ctx context.Context, tx *store.Tx, subject subject, a billing.Account) error {
	if s.sender == nil || a.Email == "" {
		return nil
	}
	return s.jobs.Enqueue(ctx, tx, letter{subject, a.ID, a.Email, tx.Now.Add(mailPatience)})
}

// decideMail enqueues the letters that a request causes, unless the address or the account has had too many.
func (s *Service) decideMail(ctx context.Context, r mailRequest) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		letters, err := lettersOf(ctx, tx, r)
		if err != nil || len(letters) == 0 {
			return err
		}
		names := []string{r.Email} // before the account, in each transaction: no two of them wait for each other
		if id := letters[len(letters)-1].Account; id != "" {
			names = append(names, string(id))
		}
		within, err := takeMails(ctx, tx, names)
		if err != nil || !within {
			return err
		}
		for _, l := range letters {
			l.Until = tx.Now.Add(mailPatience)
			if err := s.jobs.Enqueue(ctx, tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

// lettersOf returns the letters that a request causes. If an account is involved, the last one is about it.
func lettersOf(ctx context.Context, tx *store.Tx, r mailRequest) ([]letter, error) {
	owner, err := tx.AccountByEmail(ctx, r.Email)
	taken := err == nil
	if err != nil && billing.CodeOf(err) != billing.ENotFound {
		return nil, err
	}
	mine := taken && owner.ID == r.Account
	switch r.Subject {
	case subjectReset:
		if !taken {
			return nil, nil
		}
		return []letter{{Subject: subjectReset, Account: owner.ID, To: r.Email}}, nil
	case subjectVerify:
		if !mine || owner.EmailVerifiedAt != nil {
			return nil, nil
		}
		return []letter{{Subject: subjectVerify, Account: owner.ID, To: r.Email}}, nil
	case subjectRegister:
		if taken {
			return []letter{{Subject: subjectTaken, To: r.Email}}, nil
		}
		return []letter{{Subject: subjectRegister, To: r.Email}}, nil
	}
	// The address of an account is to change.
	a, err := tx.Account(ctx, r.Account)
	if err != nil || mine {
		return nil, err
	}
	first := letter{Subject: subjectChange, Account: a.ID, To: r.Email}
	if taken {
		first = letter{Subject: subjectTaken, To: r.Email}
	}
	return []letter{first, {Subject: subjectChanging, Account: a.ID, To: a.Email}}, nil
}

// takeMails takes one mail out of each budget, or none if one of them is used up.
func takeMails(ctx context.Context, tx *store.Tx, names []string) (bool, error) {
	next := make([]time.Time, len(names))
	for i, name := range names {
		wholeAt, err := tx.LockMailBudget(ctx, name)
		if err != nil {
			return false, err
		}
		var wait time.Duration
		if next[i], wait = billing.MailBudget.Take(wholeAt, tx.Now); wait > 0 {
			return false, nil
		}
	}
	for i, name := range names {
		if err := tx.SaveMailBudget(ctx, name, next[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// sendLetter makes a letter's token and sends it. If the mail server does not take it, it is sent again later, with
// another token.
func (s *Service) sendLetter(ctx context.Context, l letter) error {
	if l.To == "" {
		return nil
	}
	if !s.db.Now().Before(l.Until) {
		s.log.WarnContext(ctx, "a mail was given up", "subject", l.Subject, "account", l.Account)
		return nil
	}
	raw, ok, err := s.saveToken(ctx, l)
	if err != nil || !ok {
		return err
	}
	switch err := s.sender.Send(ctx, s.compose(l, raw)); {
	case err == nil:
		return nil
	case mail.Refused(err):
		s.log.WarnContext(ctx, "a mail was refused", "subject", l.Subject, "account", l.Account, "error", err)
		return nil
	default:
		s.log.WarnContext(ctx, "a mail waits", "subject", l.Subject, "account", l.Account, "error", err)
		return jobs.Again(mailPause)
	}
}
