// Package mail sends plain-text mails: by SMTP, or into a folder on a developer's machine. It owns the connection to
// the mail server and its encryption. It refuses to know accounts, what a mail is about, and when to send it again.
//
// Invariants: a login at a mail server never travels unencrypted. Nothing of a message can become a header line.
package mail

import (
	"context"
	"errors"
	netmail "net/mail"
)

// Message is a mail to one address.
type Message struct {
	To      string
	Subject string
	Text    string
}

// Sender sends a message. If Refused reports true for its error, there is no use in sending the message again.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// refusal is the error of a message that no later attempt will bring to its reader.
type refusal struct{ err error }

func (r refusal) Error() string { return r.err.Error() }
func (r refusal) Unwrap() error { return r.err }

// Refused reports whether a mail server said that it will never take the message, as for an address that does not
// exist.
func Refused(err error) bool {
	var r refusal
	return errors.As(err, &r)
}

// CheckSender refuses what cannot be a mail's sender: an address, or a name and an address in angle brackets.
func CheckSender(from string) error {
	_, err := netmail.ParseAddress(from)
	return err
}
