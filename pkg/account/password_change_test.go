package account

import (
	"context"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a change needs the current password and a login that lives. It ends the other logins, keeps the caller's,
// and tells the person.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		other, _ := p.register("ada@example.com")
		mine, c := p.login("ada@example.com")
		if err := p.s.ChangePassword(t.Context(), c, another, another); !invalidAt(err, "/current_password") {
			t.Errorf("a wrong password: %v", err)
		}
		must(t, p.s.ChangePassword(t.Context(), c, password, another))
		if _, err := p.s.Refresh(t.Context(), other.Refresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the other login: %v", err)
		}
		mine, err := p.s.Refresh(t.Context(), mine.Refresh)
		must(t, err)
		p.run()
		if got := subjects(p.take()); got != "ada@example.com Your password has changed" {
			t.Errorf("sent %q", got)
		}
		must(t, p.s.Logout(t.Context(), mine.Refresh))
		if err := p.s.ChangePassword(t.Context(), c, another, password); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("after the logout: %v", err)
		}
	})
}

// Proves that a login whose password was right, but was changed while it was checked, does not begin. The test holds
// the login back after its password was checked.
func TestLoginRacesChange(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		_, c := p.register("ada@example.com")
		s := newPost(t, p.db, p.clock).s
		began, changed := make(chan struct{}), make(chan struct{})
		s.hashers.began = func() {
			close(began)
			<-changed
		}
		done := make(chan error, 1)
		go func() {
			_, err := s.Login(context.WithoutCancel(t.Context()), "ada@example.com", password)
			done <- err
		}()
		storetest.Next(t, began) // the login has read the password and checks it
		must(t, p.s.ChangePassword(t.Context(), c, password, another))
		close(changed)
		if err := storetest.Next(t, done); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("got %v", err)
		}
	})
}

// Proves that without a mailer what needs a mail is refused, and the rest works.
func TestWithoutMailer(t *testing.T) {
	t.Parallel()
	s := newService(t, storetest.Open(t, store.SQLite))
	in, err := s.Register(t.Context(), "ada@example.com", password)
	must(t, err)
	c, err := s.tokens.Parse(in.Token)
	must(t, err)
	for name, err := range map[string]error{
		"forgot":   s.Forgot(t.Context(), "ada@example.com"),
		"register": s.AskToRegister(t.Context(), "ada@example.com", password),
		"verify":   s.AskToVerify(t.Context(), c),
		"change":   s.ChangeEmail(t.Context(), c, "new@example.com", password),
	} {
		if billing.CodeOf(err) != billing.EConflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, s.ChangePassword(t.Context(), c, password, another))
}

// Proves which new passwords are refused, wherever one is set, and that é is one letter however it is typed.
func TestPasswordRules(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		for password, ok := range map[string]bool{
			"1234567890": false, "QwertyUIOP": false, "password123": false, // common, in any case
			"ada.lovelace@example.com": false, "Ada.Lovelace": false, "ada.lovelace1815!": false, // the person's own
			"Picture Mill": false, "picture mill 2026": false, // the product's
			"correct horse battery": true, "lovelace of ada": true, "0192837465564738": true, "ａ wide alphabet": true,
		} {
			if err := p.s.checkPassword(password, "ada.lovelace@example.com"); (err == nil) != ok {
				t.Errorf("%q: %v", password, err)
			}
		}
		_, c := p.register("ada@example.com")
		_, err := p.s.Register(t.Context(), "bob@example.com", "1234567890")
		_, completed := p.s.CompleteRegistration(t.Context(), p.asked("new@example.com"), "1234567890")
		for name, err := range map[string]error{
			"register": err, "complete": completed,
			"ask":    p.s.AskToRegister(t.Context(), "new@example.com", "1234567890"),
			"change": p.s.ChangePassword(t.Context(), c, password, "1234567890"),
			"reset":  p.s.Reset(t.Context(), p.forgot("ada@example.com"), "1234567890"),
		} {
			if !invalidAt(err, "/password") {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, p.s.ChangePassword(t.Context(), c, password, "caf\u00e9 au lait"))
		if _, err := p.s.Login(t.Context(), "ada@example.com", "cafe\u0301 au lait"); err != nil {
			t.Errorf("typed on another keyboard: %v", err)
		}
	})
}

// asked asks to register an address and returns the token in the mail.
func (p *post) asked(email string) string {
	p.t.Helper()
	must(p.t, p.s.AskToRegister(p.t.Context(), email, password))
	p.run()
	return p.link(email, "complete_registration")
}
