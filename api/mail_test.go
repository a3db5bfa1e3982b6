package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/mail/mailtest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const newPassword = "staple paper clip"

// mailbox is what a real mail server took. Any server of the database may send a letter, so all use the same one.
type mailbox struct {
	t      testing.TB
	server *mailtest.Server
	read   map[int]bool
}

func (w *world) mailbox() *mailbox {
	w.t.Helper()
	m := &mailbox{t: w.t, server: mailtest.New(w.t, nil), read: map[int]bool{}}
	var err error
	w.sender, err = mail.NewSMTP("smtp-plain://"+m.server.Addr, "Picture Mill <no-reply@example.com>")
	must(w.t, err)
	return m
}

// withMail starts another server on the same database, which sends mail. Clients call it from now on.
func (w *world) withMail(private bool) {
	w.t.Helper()
	w.private = private
	w.url = w.server(w.t, nil)
}

// next waits for the next mail to an address about something. Mails overtake each other.
func (m *mailbox) next(to, subject string) (found mailtest.Mail) {
	m.t.Helper()
	storetest.WaitFor(m.t, "a mail comes to "+to+": "+subject, func() bool {
		for i, one := range m.server.Mails() {
			if !m.read[i] && one.To == to && one.Subject == "Picture Mill: "+subject {
				m.read[i], found = true, one
				return true
			}
		}
		return false
	})
	return found
}

// link returns what the link of such a mail carries.
func (m *mailbox) link(to, subject, name string) string {
	m.t.Helper()
	text := m.next(to, subject).Text
	_, rest, found := strings.Cut(text, appURL+"#"+name+"=")
	raw, _, _ := strings.Cut(rest, "\n")
	if !found {
		m.t.Fatalf("no link to the app: %s", text)
	}
	return raw
}

// readsItsMail verifies its address, forgets its password, changes password and address, and registers once more in
// private.
func (c *client) readsItsMail() {
	c.t.Helper()
	box := c.w.mailbox()
	c.w.withMail(false)
	c.call(http.StatusAccepted, http.MethodPost, "/auth/email/resend", nil)
	token := map[string]any{"token": box.link(c.email, "Confirm your address", "verify_email")}
	c.call(http.StatusNoContent, http.MethodPost, "/auth/email/verify", token)
	read := c.call(http.StatusOK, http.MethodGet, "/session", nil)
	c.expect(read.at("user.email_verified_at") != nil, "the address is verified: %s", read.raw)

	c.forgetsItsPassword(box)
	change := map[string]any{"current_password": newPassword, "password": password}
	c.call(http.StatusNoContent, http.MethodPost, "/auth/password", change)
	box.next(c.email, "Your password has changed")

	change = map[string]any{"email": "new-" + c.email, "password": password, "device_name": "Laptop"}
	c.call(http.StatusBadRequest, http.MethodPost, "/auth/email", change) // it begins no login
	delete(change, "device_name")
	c.call(http.StatusAccepted, http.MethodPost, "/auth/email", change)
	box.next(c.email, "Your address is to change")
	raw := box.link("new-"+c.email, "Confirm your new address", "change_email")
	token = map[string]any{"token": raw}
	c.call(http.StatusBadRequest, http.MethodPost, "/auth/email/verify", token)
	anonymous := &client{t: c.t, w: c.w}
	anonymous.call(http.StatusUnauthorized, http.MethodPost, "/auth/email/confirm", token)
	c.w.user(c.t).call(http.StatusBadRequest, http.MethodPost, "/auth/email/confirm", token)
	c.call(http.StatusNoContent, http.MethodPost, "/auth/email/confirm", token)
	box.next(c.email, "Your address has changed")
	c.email = "new-" + c.email

	c.w.withMail(true)
	fresh := map[string]any{"email": "fresh-" + c.email, "password": password}
	taken := map[string]any{"email": c.email, "password": password}
	one := c.call(http.StatusAccepted, http.MethodPost, "/auth/register", fresh)
	raw = box.link("fresh-"+c.email, "Finish your registration", "complete_registration")
	other := c.call(http.StatusAccepted, http.MethodPost, "/auth/register", taken)
	c.expect(string(one.raw) == string(other.raw), "no response shows who has an account")
	box.next(c.email, "You have an account")
	done := map[string]any{"token": raw, "password": password, "device_name": "Laptop"}
	user := c.other()
	in := user.call(http.StatusCreated, http.MethodPost, "/auth/register/complete", done)
	c.expect(in.text("user.email") == "fresh-"+c.email, "the account is of the address: %s", in.raw)
	all := user.call(http.StatusOK, http.MethodGet, "/sessions", nil)
	c.expect(strings.Contains(string(all.raw), `"Laptop"`), "the login has its device's name: %s", all.raw)
}

// forgetsItsPassword sets a new one by the mail's token, and logs in with it.
func (c *client) forgetsItsPassword(box *mailbox) {
	c.t.Helper()
	known := c.call(http.StatusAccepted, http.MethodPost, "/auth/password/forgot", map[string]any{"email": c.email})
	raw := box.link(c.email, "Set a new password", "reset_password")
	unknown := c.call(
		http.StatusAccepted, http.MethodPost, "/auth/password/forgot", map[string]any{"email": "nobody@example.com"},
	)
	c.expect(string(known.raw) == string(unknown.raw), "the same response: %s and %s", known.raw, unknown.raw)
	set := map[string]any{"token": raw, "password": newPassword}
	c.call(http.StatusNoContent, http.MethodPost, "/auth/password/reset", set)
	again := c.call(http.StatusBadRequest, http.MethodPost, "/auth/password/reset", set)
	c.expect(again.text("type") == "/problems/validation", "a token works once: %s", again.raw)
	box.next(c.email, "Your password has changed")
	c.call(http.StatusUnauthorized, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": c.refresh})
	login := map[string]any{"email": c.email, "password": newPassword}
	c.call(http.StatusOK, http.MethodPost, "/auth/login", login)
}

// TestForgottenPassword proves that a forgotten password is reset from the mail that a real SMTP server took, that the
// link leads to the configured page whatever host the request names, and that only development shows mails.
func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	c := w.user(t)
	box := w.mailbox()
	w.withMail(false)
	c.call(
		http.StatusAccepted, http.MethodPost, "/auth/password/forgot", map[string]any{"email": c.email},
		"X-Forwarded-Host", "evil.example",
	)
	set := map[string]any{"token": box.link(c.email, "Set a new password", "reset_password"), "password": newPassword}
	c.call(http.StatusNoContent, http.MethodPost, "/auth/password/reset", set)
	c.call(http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"email": c.email, "password": newPassword})
	for _, page := range []string{"/mails", "/mails.json"} {
		c.call(http.StatusNotFound, http.MethodGet, page, nil)
	}
}
