package mail

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// sendTimeout limits how long a mail server may take over one message.
const sendTimeout = 20 * time.Second

// The schemes of a mail server's address.
const (
	schemeTLS      = "smtps"      // TLS from the first byte, port 465
	schemeSTARTTLS = "smtp"       // STARTTLS, without which nothing is sent, port 587
	schemePlain    = "smtp-plain" // no encryption and no login, for a relay on the same machine or network, port 25
)

var defaultPorts = map[string]int{schemeTLS: 465, schemeSTARTTLS: 587, schemePlain: 25}

// SMTP sends by a mail server.
type SMTP struct {
	host    string
	options []gomail.Option
	from    string
}

// NewSMTP returns a sender that uses the mail server at an address such as smtps://user:password@smtp.example.com. The
// errors never quote the address, which may hold a password.
func NewSMTP(address, from string) (*SMTP, error) {
	s, err := serverAt(address)
	if err == nil {
		err = CheckSender(from)
	}
	s.from = from
	return &s, err
}

// CheckServer refuses an address that NewSMTP would refuse. It does not connect to it.
func CheckServer(address string) error {
	_, err := serverAt(address)
	return err
}

func serverAt(address string) (s SMTP, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return s, errors.New("is not a scheme and a host, such as smtps://user:password@smtp.example.com")
	}
	port, known := defaultPorts[u.Scheme]
	if !known {
		return s, errors.New("must begin with smtps:// (TLS), smtp:// (STARTTLS) or smtp-plain://")
	}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil || port < 1 || port > 65535 {
			return s, errors.New("has a port that is not from 1 to 65535")
		}
	}
	login, err := loginOf(u)
	return SMTP{host: u.Hostname(), options: append(
		login, gomail.WithPort(port), gomail.WithTimeout(sendTimeout), encryption(u.Scheme),
	)}, err
}

// loginOf returns how to log in at the mail server; not at all if its address names no user.
func loginOf(u *url.URL) ([]gomail.Option, error) {
	if u.User == nil {
		return nil, nil
	}
	password, _ := u.User.Password()
	switch {
	case u.Scheme == schemePlain:
		return nil, errors.New("would send its password unencrypted: use smtps:// or smtp://")
	case password == "":
		return nil, errors.New("names a user without a password")
	}
	return []gomail.Option{
		gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()),
		gomail.WithPassword(password),
	}, nil
}

func encryption(scheme string) gomail.Option {
	switch scheme {
	case schemeTLS:
		return gomail.WithSSL()
	case schemePlain:
		return gomail.WithTLSPolicy(gomail.NoTLS)
	}
	return gomail.WithTLSPolicy(gomail.TLSMandatory)
}

// Send gives the message to the mail server. No error of it names the recipient.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := out.From(s.from); err != nil {
		return fmt.Errorf("mail: sender: %w", err)
	}
	if err := out.To(m.To); err != nil {
		return refusal{errors.New("mail: the recipient is not an address")}
	}
	out.Subject(m.Subject)
	out.SetDate()
	out.SetMessageID()
	// RFC 3834: no vacation responder replies to it.
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	out.SetBodyString(gomail.TypeTextPlain, m.Text)
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err = client.DialAndSendWithContext(ctx, out)
	if out.IsDelivered() {
		return nil // the server has it, whatever became of the connection after that
	}
	return failure(err)
}

// failure returns the error of a message without the texts of the mail server and of go-mail, which quote addresses.
func failure(err error) error {
	var failed *gomail.SendError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &failed): // no message was begun
		return fmt.Errorf("mail: %w", err)
	}
	short := fmt.Errorf("mail: %s (code %d)", failed.Reason, failed.ErrorCode())
	if failed.ErrorCode() >= 500 && !failed.IsTemp() && !aboutSender(failed) {
		return refusal{short}
	}
	return short
}

// aboutSender reports whether a refusal is one of this server, whose settings can be corrected. The message is not at
// fault. Many servers refuse the sender only when they hear the recipient (Postfix: smtpd_delay_reject). Then the
// enhanced code tells (RFC 3463): 5.7 is about what a client may do, 5.1.7 and 5.1.8 are about the sender's address.
func aboutSender(failed *gomail.SendError) bool {
	code := failed.EnhancedStatusCode()
	return failed.Reason == gomail.ErrSMTPMailFrom || failed.Reason == gomail.ErrSMTPRcptTo &&
		(strings.HasPrefix(code, "5.7.") || code == "5.1.7" || code == "5.1.8")
}
