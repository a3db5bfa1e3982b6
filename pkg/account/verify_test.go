package account

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

// login logs in with the password of these tests.
func (p *post) login(email string) (Session, token.Claims) {
	p.t.Helper()
	in, err := p.s.Login(p.t.Context(), email, password)
	must(p.t, err)
	c, err := p.s.tokens.Parse(in.Token)
	must(p.t, err)
	return in, c
}

// change changes the caller's email, with the token of the mail.
func (p *post) change(c token.Claims, email string) {
	p.t.Helper()
	must(p.t, p.s.ChangeEmail(p.t.Context(), c, email, password))
	p.run()
	must(p.t, p.s.ConfirmEmail(p.t.Context(), c, p.link(email, "change_email")))
}

// Proves that registering mails a token that verifies the address once, and that a verified one gets no more.
func TestVerifyEmail(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		in, err := p.s.Register(t.Context(), "ada@example.com", password)
		must(t, err)
		if in.Account.EmailVerifiedAt != nil {
			t.Error("verified before the mail was read")
		}
		p.run()
		raw := p.link("ada@example.com", "verify_email")
		must(t, p.s.VerifyEmail(t.Context(), raw))
		if err := p.s.VerifyEmail(t.Context(), raw); !invalidAt(err, "/token") {
			t.Errorf("a second time: %v", err)
		}
		if in, _ = p.login("ada@example.com"); in.Account.EmailVerifiedAt == nil {
			t.Error("not verified")
		}
		p.take()
		_, c := p.login("ada@example.com")
		must(t, p.s.AskToVerify(t.Context(), c))
		p.run()
		if got := subjects(p.take()); got != "" {
			t.Errorf("sent %q", got)
		}
	})
}

// again logs in to the caller's account once more, whatever its password is, unless the account is closed.
func (p *post) again(c token.Claims) token.Claims {
	p.t.Helper()
	var in Session
	err := p.db.InTx(p.t.Context(), func(tx *store.Tx) error {
		a, err := tx.LockAccount(p.t.Context(), c.Account)
		must(p.t, err)
		in, err = p.s.beginLogin(p.t.Context(), tx, a)
		return err
	})
	if billing.CodeOf(err) == billing.EAccountClosed {
		return c
	}
	must(p.t, err)
	c, err = p.s.tokens.Parse(in.Token)
	must(p.t, err)
	return c
}

// Proves that an email changes only with the password and the token of a mail to the new address. The present address
// is told before and after. The new one is verified, and the old one is free for others.
func TestChangeEmail(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		in, c := p.register("ada@example.com")
		if err := p.s.ChangeEmail(t.Context(), c, "new@example.com", another); !invalidAt(err, "/password") {
			t.Errorf("with a wrong password: %v", err)
		}
		reset := p.forgot("ada@example.com")
		p.take()
		must(t, p.s.ChangeEmail(t.Context(), c, "New@Example.com", password))
		p.run()
		if a, err := p.db.Account(t.Context(), c.Account); err != nil || a.Email != "ada@example.com" {
			t.Errorf("changed before the mail was read: %q, %v", a.Email, err)
		}
		must(t, p.s.ConfirmEmail(t.Context(), c, p.link("new@example.com", "change_email")))
		p.run()
		const want = "new@example.com Confirm your new address\nada@example.com Your address is to change\n" +
			"ada@example.com Your address has changed"
		if got := subjects(p.take()); got != want {
			t.Errorf("sent\n%s\nwant\n%s", got, want)
		}
		if err := p.s.Reset(t.Context(), reset, another); !invalidAt(err, "/token") {
			t.Errorf("a token that went to the old address: %v", err)
		}
		if in, _ = p.login("new@example.com"); in.Account.ID != c.Account || in.Account.EmailVerifiedAt == nil {
			t.Errorf("got %+v", in.Account)
		}
		if other, err := p.s.Register(t.Context(), "ada@example.com", password); err != nil ||
			other.Account.ID == c.Account {
			t.Errorf("the old address: %+v, %v", other.Account, err)
		}
	})
}

// Proves that the click of an address's owner does not give the address to the account of someone else who entered it:
// the token changes nothing without a live login of its own account.
func TestChangeNeedsItsLogin(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		_, eve := p.register("eve@example.com")
		_, ada := p.register("ada@example.com")
		const email = "ada@work.example.com"
		must(t, p.s.ChangeEmail(t.Context(), eve, email, password))
		p.run()
		raw := p.link(email, "change_email")
		if err := p.s.VerifyEmail(t.Context(), raw); !invalidAt(err, "/token") {
			t.Errorf("without a login: %v", err)
		}
		if err := p.s.ConfirmEmail(t.Context(), ada, raw); !invalidAt(err, "/token") {
			t.Errorf("with the login of another account: %v", err)
		}
		_, ended := p.login("eve@example.com")
		must(t, p.s.EndLogin(t.Context(), ended, ended.Login))
		if err := p.s.ConfirmEmail(t.Context(), ended, raw); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("with a login that has ended: %v", err)
		}
		if _, err := ByEmail(t.Context(), p.db, email); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("an account has the address: %v", err)
		}
		reset := p.forgot("eve@example.com")
		if err := p.s.ConfirmEmail(t.Context(), eve, reset); !invalidAt(err, "/token") {
			t.Errorf("with a token of another kind: %v", err)
		}
		must(t, p.s.ConfirmEmail(t.Context(), eve, raw))
		if a, err := ByEmail(t.Context(), p.db, email); err != nil || a.ID != eve.Account {
			t.Errorf("got %+v, %v", a, err)
		}
	})
}

// Proves that what must stop a change of the email stops it also while its mail waits for the mail server, and that no
// token opens a closed account: not even one that was mailed before.
func TestChangeIsStopped(t *testing.T) {
	t.Parallel()
	const email = "new@example.com"
	for name, stop := range map[string]func(p *post, c token.Claims) error{
		"PasswordChanged": func(p *post, c token.Claims) error {
			return p.s.ChangePassword(p.t.Context(), c, password, another)
		},
		"Reset": func(p *post, _ token.Claims) error {
			return p.s.Reset(p.t.Context(), p.forgot("ada@example.com"), another)
		},
		"TakenOver": func(p *post, c token.Claims) error {
			return p.db.InTx(p.t.Context(), func(tx *store.Tx) error {
				a, err := tx.LockAccount(p.t.Context(), c.Account)
				must(p.t, err)
				_, err = takeOver(p.t.Context(), tx, a, "ada@example.com")
				return err
			})
		},
		"Disabled": func(p *post, c token.Claims) error {
			if _, err := Disable(p.t.Context(), p.db, c.Account, Decision{Reason: "stolen"}); err != nil {
				return err
			}
			_, err := Enable(p.t.Context(), p.db, c.Account, Decision{Reason: "it is theirs again"})
			return err
		},
		"Deleting": func(p *post, c token.Claims) error {
			return p.db.InTx(p.t.Context(), func(tx *store.Tx) error {
				return tx.SetDeleting(p.t.Context(), c.Account)
			})
		},
		"Deleted": func(p *post, c token.Claims) error {
			return p.db.InTx(p.t.Context(), func(tx *store.Tx) error {
				a, err := tx.LockAccount(p.t.Context(), c.Account)
				must(p.t, err)
				must(p.t, tx.SetDeleting(p.t.Context(), a.ID))
				return tx.ErasePerson(p.t.Context(), a)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachPost(t, func(p *post) {
				_, c := p.register("ada@example.com")
				must(p.t, p.s.ChangeEmail(p.t.Context(), c, email, password))
				p.run()
				raw := p.link(email, "change_email")
				must(p.t, stop(p, c))
				p.run()
				p.take()
				// The same letter comes again, as one does that the mail server did not take before.
				l := letter{Subject: subjectChange, Account: c.Account, To: email, Until: p.clock.Now().Add(time.Hour)}
				must(p.t, p.s.sendLetter(p.t.Context(), l))
				if got := subjects(p.take()); got != "" {
					p.t.Errorf("sent %q", got)
				}
				err := p.s.ConfirmEmail(p.t.Context(), p.again(c), raw)
				if !invalidAt(err, "/token") && billing.CodeOf(err) != billing.EAccountClosed {
					p.t.Errorf("the token of the first mail: %v", err)
				}
				if a, err := p.db.Account(p.t.Context(), c.Account); err != nil || a.Email == email {
					p.t.Errorf("the email is %q, %v", a.Email, err)
				}
			})
		})
	}
}

// Proves that a letter that waits is sent for the change that was asked for last, and for no other.
func TestChangeOfChange(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		_, c := p.register("ada@example.com")
		p.down = errDown
		must(t, p.s.ChangeEmail(t.Context(), c, "first@example.com", password))
		must(t, p.s.ChangeEmail(t.Context(), c, "second@example.com", password))
		p.run()
		p.down = nil
		for _, to := range []string{"first@example.com", "second@example.com"} {
			l := letter{Subject: subjectChange, Account: c.Account, To: to, Until: p.clock.Now().Add(time.Hour)}
			must(t, p.s.sendLetter(t.Context(), l))
		}
		must(t, p.s.ConfirmEmail(t.Context(), c, p.link("second@example.com", "change_email")))
		if got := subjects(p.take()); got != "second@example.com Confirm your new address" {
			t.Errorf("sent %q", got)
		}
	})
}

// Proves that a customer who asks again for the same address, when no more mails are sent, can use the last one that
// came. Strangers can use up the mails of an address.
func TestChangeAskedAgain(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		const email = "new@example.com"
		_, c := p.register("ada@example.com")
		for range billing.MailBudget.Burst + 1 {
			must(t, p.s.ChangeEmail(t.Context(), c, email, password))
			p.run()
		}
		last := p.link(email, "change_email")
		if n := strings.Count(subjects(p.take()), email); n > billing.MailBudget.Burst {
			t.Errorf("%d mails", n)
		}
		must(t, p.s.ConfirmEmail(t.Context(), c, last))
	})
}

// Proves that no token of a mail verifies the email of a closed account or sets its password, and that it gets no new
// one.
func TestClosedByMail(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		in, err := p.s.Register(t.Context(), "ada@example.com", password)
		must(t, err)
		p.run()
		verify, reset := p.link("ada@example.com", "verify_email"), p.forgot("ada@example.com")
		p.take()
		must(t, p.db.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetDeleting(t.Context(), in.Account.ID) }))
		if err := p.s.VerifyEmail(t.Context(), verify); billing.CodeOf(err) != billing.EAccountClosed {
			t.Errorf("verify: %v", err)
		}
		if err := p.s.Reset(t.Context(), reset, another); billing.CodeOf(err) != billing.EAccountClosed {
			t.Errorf("reset: %v", err)
		}
		must(t, p.s.Forgot(t.Context(), "ada@example.com"))
		p.run()
		if got := subjects(p.take()); got != "" {
			t.Errorf("sent %q", got)
		}
		a, err := p.db.Account(t.Context(), in.Account.ID)
		if err != nil || a.EmailVerifiedAt != nil || a.PasswordHash != in.Account.PasswordHash {
			t.Errorf("changed: %+v, %v", a, err)
		}
	})
}

// Proves that a caller cannot learn from a change whether another account has an address. Its owner is told. If the
// address is taken while the mail is on its way, its new owner keeps it.
func TestChangeToTakenEmail(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		_, c := p.register("ada@example.com")
		p.register("owner@example.com")
		must(t, p.s.ChangeEmail(t.Context(), c, "owner@example.com", password))
		p.run()
		const want = "owner@example.com You have an account\nada@example.com Your address is to change"
		if got := subjects(p.take()); got != want {
			t.Errorf("sent\n%s\nwant\n%s", got, want)
		}
		must(t, p.s.ChangeEmail(t.Context(), c, "late@example.com", password))
		p.run()
		raw := p.link("late@example.com", "change_email")
		p.register("late@example.com")
		if err := p.s.ConfirmEmail(t.Context(), c, raw); billing.CodeOf(err) != billing.EEmailTaken {
			t.Errorf("got %v", err)
		}
		if a, err := p.db.Account(t.Context(), c.Account); err != nil || a.Email != "ada@example.com" {
			t.Errorf("got %q, %v", a.Email, err)
		}
	})
}
