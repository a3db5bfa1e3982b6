package config

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestMail proves that a mail server needs a sender and a page for its links, and makes registering private unless the
// operator decides otherwise. The server's password is never printed.
func TestMail(t *testing.T) {
	complete := map[string]string{
		"POINTSYNC_SMTP_URL":  "smtps://user:hunter3hunter3@smtp.example.com",
		"POINTSYNC_MAIL_FROM": "Example <no-reply@example.com>",
		"POINTSYNC_LINK_URL":  "https://app.example.com/account",
	}
	environment(t, complete)
	if c, err := Load(everything...); err != nil || !c.PrivateRegistration() ||
		strings.Contains(fmt.Sprintf("%+v", c), "hunter3") {
		t.Errorf("got %v, %v", c.PrivateRegistration(), err)
	}
	with := func(name, value string) map[string]string {
		changed := maps.Clone(complete)
		changed[name] = value
		return changed
	}
	environment(t, with("POINTSYNC_REGISTRATION", "open"))
	if c, err := Load(everything...); err != nil || c.PrivateRegistration() {
		t.Errorf("open: %v, %v", c.PrivateRegistration(), err)
	}
	for _, m := range []mistake{
		{"POINTSYNC_MAIL_FROM", "-", "is not set"}, {"POINTSYNC_MAIL_FROM", "nobody", "address"},
		{"POINTSYNC_LINK_URL", "-", "is not set"}, {"POINTSYNC_LINK_URL", "app.example.com", "address"},
		{"POINTSYNC_LINK_URL", "https://app.example.com/#a", "#"},
		{"POINTSYNC_LINK_URL", "https://u:hunter3@app.example.com", "login"},
		{"POINTSYNC_SMTP_URL", "smtps://user:changeme@smtp.example.com", "placeholder"},
		{"POINTSYNC_SMTP_URL", "http://user:hunter3@smtp.example.com", "smtps://"},
		{"POINTSYNC_SMTP_URL", "smtp.example.com", "smtps://"}, {"POINTSYNC_SMTP_URL", "smtps://", "a host"},
		{"POINTSYNC_SMTP_URL", "smtps://u:hunter3@h:port", "smtps://"},
		{"POINTSYNC_SMTP_URL", "smtp-plain://u:hunter3@smtp.example.com", "unencrypted"},
	} {
		environment(t, with(m.name, m.value))
		if _, err := Load(everything...); err == nil || !strings.Contains(err.Error(), m.name) ||
			!strings.Contains(err.Error(), m.says) || strings.Contains(err.Error(), "hunter3") {
			t.Errorf("%s=%s: %v", m.name, m.value, err)
		}
	}
}
