package account

import (
	"fmt"

	"github.com/pointsync/pointsync/pkg/mail"
)

// texts are the subjects and bodies of letters. %[1]s is the product's name and %[2]s the link. Nothing in them was
// written by a caller.
var texts = map[subject][2]string{
	subjectReset: {"Set a new password", `Someone, probably you, wants to set a new password for your account at
%[1]s. To do so, open this link within 30 minutes:

%[2]s

If it was not you, do nothing. Your password stays as it is.
`},
	subjectVerify: {"Confirm your address", `To confirm that this is the address of your account at %[1]s,
open this link within 24 hours:

%[2]s

If you have no account there, do nothing. Someone has mistyped their address.
`},
	subjectChange: {"Confirm your new address", `Someone, probably you, wants to make this the address of an account at
%[1]s. To confirm it, open this link within 24 hours where you are
logged in to that account:

%[2]s

If it was not you, do nothing. Nothing changes.
`},
	subjectRegister: {"Finish your registration", `Someone, probably you, wants to open an account at %[1]s with
this address. To open it, follow this link within 24 hours:

%[2]s

If it was not you, do nothing. No account is opened.
`},
	subjectTaken: {"You have an account", `Someone, probably you, entered this address at %[1]s. There is an account
with it already, so nothing has changed.

Log in with your password. If you have forgotten it, the login page sets a
new one. If it was not you, do nothing.
`},
	subjectChanging: {"Your address is to change", `Someone who is logged in to your account at %[1]s, and knows its
password, wants to give it another address. It changes when they confirm the
new one.

If it was not you, set a new password now. That ends all logins and stops the
change.
`},
	subjectEmailChanged: {"Your address has changed", `Your account at %[1]s has another address now. This is the last
mail to this one.

If it was not you, ask the people who run %[1]s for help.
`},
	subjectPasswordChanged: {"Your password has changed", `The password of your account at %[1]s was changed. All other
logins were ended.

If it was not you, set a new password on the login page now.
`},
}

// compose returns a letter as it is sent. The link leads to the configured address, whatever host the request named.
// The token is after the #, which browsers do not send: it reaches no log.
func (s *Service) compose(l letter, raw string) mail.Message {
	text := texts[l.Subject]
	link := s.linkURL + "#" + tokens[l.Subject].name + "=" + raw
	return mail.Message{
		To: l.To, Subject: s.product + ": " + text[0], Text: fmt.Sprintf(text[1], s.product, link),
	}
}
