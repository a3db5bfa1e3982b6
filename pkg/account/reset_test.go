package account

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/mail/mailtest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const another = "staple paper clip"

// forgot asks for a mail to an address and returns the token in it.
func (p *post) forgot(email string) string {
	p.t.Helper()
	must(p.t, p.s.Forgot(p.t.Context(), strings.ToUpper(email)))
	p.run()
	return p.link(email, "reset_password")
}

// Proves that a mail's token sets a new password once. It ends all logins and verifies the address. The database holds
// neither the token nor, once the mail is sent, a job.
func TestReset(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		in, _ := p.register("ada@example.com")
		raw := p.forgot("ada@example.com")
		stored := dump(t, p.db) + storetest.Dump(t, p.db, "SELECT * FROM mail_tokens") +
			storetest.Dump(t, p.db, "SELECT * FROM river_job")
		if strings.Contains(stored, raw) || strings.Contains(stored, "letter") {
			t.Errorf("the database holds the token or a letter: %s", stored)
		}
		must(t, p.s.Reset(t.Context(), raw, another))
		if err := p.s.Reset(t.Context(), raw, "a third password"); !invalidAt(err, "/token") {
			t.Errorf("a second time: %v", err)
		}
		if _, err := p.s.Refresh(t.Context(), in.Refresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the old login: %v", err)
		}
		if _, err := p.s.Login(t.Context(), "ada@example.com", password); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the old password: %v", err)
		}
		in, err := p.s.Login(t.Context(), "ada@example.com", another)
		if err != nil || in.Account.EmailVerifiedAt == nil {
			t.Errorf("the new password: %+v, %v", in.Account, err)
		}
		p.take()
		p.run()
		if got := subjects(p.take()); got != "ada@example.com Your password has changed" {
			t.Errorf("the person is told %q", got)
		}
	})
}

// Proves that a token does not work after its time, after the next one, after the password has changed, for another
// kind of request or for another account.
func TestResetTokenEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(p *post, raw string) string{
		"Expired": func(p *post, raw string) string { p.clock.Advance(resetTTL); return raw },
		"Newer": func(p *post, raw string) string {
			if p.forgot("ada@example.com") == raw {
				p.t.Error("the same token twice")
			}
			return raw
		},
		"PasswordChanged": func(p *post, raw string) string {
			_, c := p.login("ada@example.com")
			must(p.t, p.s.ChangePassword(p.t.Context(), c, password, another))
			return raw
		},
		"AnotherKind": func(p *post, _ string) string {
			_, c := p.login("ada@example.com")
			must(p.t, p.s.AskToVerify(p.t.Context(), c))
			p.run()
			return p.link("ada@example.com", "verify_email")
		},
		"AnotherAccount": func(p *post, raw string) string {
			other, _ := p.register("other@example.com")
			_, random, _ := strings.Cut(raw, ".")
			return mailPrefix + string(other.Account.ID) + "." + random
		},
		"NotOurs": func(*post, string) string { return "psm_acc_\x00.x" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachPost(t, func(p *post) {
				p.register("ada@example.com")
				raw := end(p, p.forgot("ada@example.com"))
				if err := p.s.Reset(p.t.Context(), raw, "a third password"); !invalidAt(err, "/token") {
					p.t.Errorf("got %v", err)
				}
			})
		})
	}
}

// Proves that a reset token verifies no address, and that a mail on its way to an earlier address is not sent.
func TestLettersKnowTheirAddress(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		_, c := p.register("ada@example.com")
		if err := p.s.VerifyEmail(t.Context(), p.forgot("ada@example.com")); !invalidAt(err, "/token") {
			t.Errorf("a reset token verifies: %v", err)
		}
		p.down = errDown
		must(t, p.s.Forgot(t.Context(), "ada@example.com"))
		if n := p.run(); n != 1 {
			t.Fatalf("%d letters wait, want 1", n)
		}
		p.down = nil
		p.change(c, "new@example.com")
		p.take()
		until := p.clock.Now().Add(time.Hour)
		l := letter{Subject: subjectReset, Account: c.Account, To: "ada@example.com", Until: until}
		must(t, p.s.sendLetter(t.Context(), l))
		if got := subjects(p.take()); got != "" {
			t.Errorf("sent %q", got)
		}
	})
}

// Proves on PostgreSQL that of resets with one token at once one wins, and that its password is the one that opens the
// account.
func TestResetOnce(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	p := newPost(t, storetest.OpenAt(t, store.Postgres, clock), clock)
	p.register("ada@example.com")
	raw := p.forgot("ada@example.com")
	// the read before the hash lets all of them through
	var all sync.WaitGroup
	won := make(chan string, 4)
	for n := range 4 {
		all.Go(func() {
			mine := fmt.Sprintf("the password of number %d", n)
			if err := p.s.Reset(t.Context(), raw, mine); err == nil {
				won <- mine
			} else if !invalidAt(err, "/token") {
				t.Errorf("%d: %v", n, err)
			}
		})
	}
	all.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d won, want 1", len(won))
	}
	if _, err := p.s.Login(t.Context(), "ada@example.com", <-won); err != nil {
		t.Errorf("the winner's password: %v", err)
	}
}

// Proves that what a request about an address waits for is the same whether or not an account has it: the same
// statements, no hash, and nothing sent before the response.
func TestAskingShowsNothing(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	db := storetest.OpenAt(t, store.SQLite, clock)
	var mu sync.Mutex
	var statements []string
	db.Watch(func(_ context.Context, statement string) {
		mu.Lock()
		defer mu.Unlock()
		statements = append(statements, strings.Join(strings.Fields(statement)[:3], " "))
	})
	p := newPost(t, db, clock)
	p.register("ada@example.com")
	cost := func(f func(email string) error, email string) string {
		mu.Lock()
		statements = nil
		mu.Unlock()
		if n, err := turns(p.s, func() error { return f(email) }); err != nil || n != 0 {
			t.Errorf("%s: %d hashes, %v", email, n, err)
		}
		if sent := p.take(); len(sent) != 0 {
			t.Errorf("%s: sent before the response: %+v", email, sent)
		}
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprint(len(p.jobs()), statements)
	}
	for name, f := range map[string]func(email string) error{
		"forgot":   func(email string) error { return p.s.Forgot(t.Context(), email) },
		"register": func(email string) error { return p.s.AskToRegister(t.Context(), email, another) },
	} {
		taken := cost(f, "ada@example.com")
		p.run()
		p.take()
		free := cost(f, "nobody@example.com")
		p.run()
		p.take()
		if taken != free {
			t.Errorf("%s: an account's address costs %s, another one %s", name, taken, free)
		}
	}
	login := func(email string) string {
		mu.Lock()
		statements = nil
		mu.Unlock()
		_, err := p.s.Login(t.Context(), email, "not the password")
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprint(statements, err)
	}
	if taken, free := login("ada@example.com"), login("nobody@example.com"); taken != free {
		t.Errorf("login: an account's address costs %s, another one %s", taken, free)
	}
}

// Proves that an address gets five mails at once and then one every 12 minutes, and that no response shows it.
func TestMailsAreFew(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		p.register("ada@example.com") // its first mail
		ask := func(times, want int) {
			t.Helper()
			for range times {
				must(t, p.s.Forgot(t.Context(), "ada@example.com"))
				p.run()
			}
			if sent := p.take(); len(sent) != want {
				t.Errorf("%d mails, want %d", len(sent), want)
			}
		}
		ask(10, 4)
		p.clock.Advance(billing.MailBudget.Every)
		ask(10, 1)
		must(t, p.db.InTx(t.Context(), func(tx *store.Tx) error { return tx.DeleteOldMail(t.Context()) }))
		ask(1, 0)
		p.clock.Advance(5 * billing.MailBudget.Every)
		must(t, p.db.InTx(t.Context(), func(tx *store.Tx) error { return tx.DeleteOldMail(t.Context()) }))
		if n := storetest.Count(t, p.db, "SELECT count(*) FROM mail_budgets"); n != 0 {
			t.Errorf("%d budgets are kept that are whole", n)
		}
		ask(10, 5)
	})
}

// Proves that one account cannot fill other people's mailboxes: its budget counts over all addresses.
func TestMailsOfOneAccountAreFew(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		_, c := p.register("ada@example.com")
		for n := range 10 {
			must(t, p.s.ChangeEmail(t.Context(), c, fmt.Sprintf("victim%d@example.com", n), password))
			p.run()
		}
		victims := 0
		for _, m := range p.take() {
			if strings.HasPrefix(m.To, "victim") {
				victims++
			}
		}
		if victims != 4 { // the fifth was the mail of its registration
			t.Errorf("%d mails to others, want 4", victims)
		}
	})
}

// Proves that a mail server that is down loses nothing: a letter waits, is sent with a token that has just been made,
// and costs its budget once. A refused letter is not sent again, and no letter is retried without end.
func TestMailServerDown(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		p.register("ada@example.com")
		p.down = errDown
		must(t, p.s.Forgot(t.Context(), "ada@example.com"))
		if n := p.run(); n != 1 {
			t.Fatalf("%d letters wait, want 1", n)
		}
		id := storetest.Dump(t, p.db, "SELECT account_id FROM mail_tokens WHERE kind = 'reset_password'")
		if id == "" {
			t.Fatal("no attempt was made")
		}
		a, err := p.db.AccountByEmail(t.Context(), "ada@example.com")
		must(t, err)
		l := letter{Subject: subjectReset, Account: a.ID, To: a.Email, Until: p.clock.Now().Add(mailPatience)}
		p.clock.Advance(mailPatience - time.Second)
		p.down = nil
		must(t, p.s.sendLetter(t.Context(), l))
		must(t, p.s.Reset(t.Context(), p.link("ada@example.com", "reset_password"), another))
		p.take()
		p.clock.Advance(time.Second)
		must(t, p.s.sendLetter(t.Context(), l))
		if got := subjects(p.take()); got != "" {
			t.Errorf("sent after the end of its time: %q", got)
		}
	})
}

// Proves that the log line of a refused mail says why, and names neither the address nor the mail server's words, which
// quote it.
func TestMailLogNamesNoAddress(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	p := newPost(t, storetest.OpenAt(t, store.SQLite, clock), clock)
	p.register("ada@example.com")
	server := mailtest.New(t, nil)
	server.Say(550)
	var log strings.Builder
	var err error
	p.s.log = slog.New(slog.NewTextHandler(&log, nil))
	p.s.sender, err = mail.NewSMTP("smtp-plain://"+server.Addr, "no-reply@example.com")
	must(t, err)
	must(t, p.s.Forgot(t.Context(), "ada@example.com"))
	p.run()
	if !strings.Contains(log.String(), "a mail was refused") || !strings.Contains(log.String(), "550") ||
		strings.Contains(log.String(), "example.com") || strings.Contains(log.String(), "no, says") {
		t.Errorf("logged %s", log.String())
	}
}

var _ mail.Sender = (*post)(nil)
