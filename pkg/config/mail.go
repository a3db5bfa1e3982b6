package config

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/pointsync/pointsync/pkg/mail"
)

// The two ways of registering.
const (
	RegistrationOpen    = "open"    // an account at once; the response shows whether the email is taken
	RegistrationPrivate = "private" // an account when its mail is read; no response shows who has one
)

// PrivateRegistration reports whether registering must not show who has an account: as the operator chose, or else
// whenever mail can be sent.
func (c *Config) PrivateRegistration() bool {
	return c.Registration == RegistrationPrivate || c.Registration == "" && c.SMTP != ""
}

// maxProductName is how long the product's name may be, in bytes: it is part of a mail's subject.
const maxProductName = 60

func (c *Config) checkMail(p *problems) {
	if len(c.ProductName) > maxProductName || strings.ContainsFunc(c.ProductName, unicode.IsControl) {
		p.add("POINTSYNC_PRODUCT_NAME must be one line of at most %d bytes", maxProductName)
	}
	switch {
	case c.Registration != "" && c.Registration != RegistrationOpen && c.Registration != RegistrationPrivate:
		p.add("POINTSYNC_REGISTRATION must be open or private")
	case c.Registration == RegistrationPrivate && c.SMTP == "":
		p.add("POINTSYNC_REGISTRATION is private, which needs POINTSYNC_SMTP_URL: an account begins with a mail")
	}
	if c.SMTP != "" {
		c.checkMailServer(p)
	}
}

// checkMailServer checks what a server that sends mail needs.
func (c *Config) checkMailServer(p *problems) {
	if isPlaceholder(c.SMTP.Reveal()) {
		p.placeholder("POINTSYNC_SMTP_URL")
	} else if err := mail.CheckServer(c.SMTP.Reveal()); err != nil {
		p.add("POINTSYNC_SMTP_URL %v", err)
	}
	if c.MailFrom == "" {
		p.missing("POINTSYNC_MAIL_FROM", "the sender of mails, such as Example <no-reply@example.com>")
	} else if mail.CheckSender(c.MailFrom) != nil {
		p.add("POINTSYNC_MAIL_FROM must be an address, or a name and an address: Example <no-reply@example.com>")
	}
	switch u, err := url.Parse(c.LinkURL); {
	case c.LinkURL == "":
		p.missing("POINTSYNC_LINK_URL", "the page of your app that the links in mails lead to")
	case err != nil || !isURL(c.LinkURL) || strings.Contains(c.LinkURL, "#") || u.User != nil:
		p.add("POINTSYNC_LINK_URL must be an address without a login and a #, such as https://app.example.com/account")
	}
}
