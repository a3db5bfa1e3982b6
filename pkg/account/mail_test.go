package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// post is a mail server that keeps what it gets, and a Service that uses it. Its jobs run only when the test says so.
type post struct {
	t     *testing.T
	db    *store.DB
	s     *Service
	clock *storetest.Clock

	mu   sync.Mutex
	sent []mail.Message
	down error // what it says instead of taking a mail
}

func (p *post) Send(_ context.Context, m mail.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down == nil {
		p.sent = append(p.sent, m)
	}
	return p.down
}

// eachPost runs a suite on both databases.
func eachPost(t *testing.T, f func(p *post)) {
	t.Helper()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) { f(newPost(t, db, clock)) })
}

func newPost(t *testing.T, db *store.DB, clock *storetest.Clock) *post {
	t.Helper()
	p := &post{t: t, db: db, clock: clock}
	keys, err := token.ParseKeys(token.GenerateKey("test"))
	must(t, err)
	p.s, err = New(Options{
		DB: db, Tokens: token.NewIssuer(keys, "pointsync", "pointsync", db.Now), KeyRate: 200,
		Product: "Picture Mill", Sender: p, LinkURL: "https://app.example.com/account",
	})
	must(t, err)
	p.s.hashers.patience = 0 // a password waits for its turn under load
	runner, err := jobs.New(db, slog.New(slog.DiscardHandler))
	must(t, err)
	p.s.RegisterJobs(runner)
	return p
}

// register makes an account, logs in, and forgets its first mail.
func (p *post) register(email string) (Session, token.Claims) {
	p.t.Helper()
	in, err := p.s.Register(p.t.Context(), email, password)
	must(p.t, err)
	c, err := p.s.tokens.Parse(in.Token)
	must(p.t, err)
	p.run()
	p.take()
	return in, c
}

// run does the jobs that wait, as the queue does, and those that they cause. It returns how many letters wait for
// another attempt.
func (p *post) run() (again int) {
	p.t.Helper()
	for {
		waiting := p.jobs()
		if len(waiting) == 0 {
			return again
		}
		for _, j := range waiting {
			storetest.Exec(p.t, p.db, fmt.Sprintf("DELETE FROM river_job WHERE id = %d", j.id))
			var err error
			switch j.kind {
			case mailRequest{}.Kind():
				err = do(p, j.args, p.s.decideMail)
			case letter{}.Kind():
				err = do(p, j.args, p.s.sendLetter)
			}
			if err != nil && err.Error() == jobs.Again(mailPause).Error() {
				again++
				continue
			}
			must(p.t, err)
		}
	}
}

func do[A any](p *post, args string, f func(context.Context, A) error) error {
	p.t.Helper()
	var a A
	must(p.t, json.Unmarshal([]byte(args), &a))
	return f(p.t.Context(), a)
}

type waitingJob struct {
	id         int64
	kind, args string
}

// jobs returns the jobs that wait, oldest first.
func (p *post) jobs() (found []waitingJob) {
	p.t.Helper()
	text := "args::text"
	if p.db.Dialect() == store.SQLite {
		text = "json(args)"
	}
	rows, err := p.db.SQL().Query("SELECT id, kind, " + text + " FROM river_job ORDER BY id")
	must(p.t, err)
	defer rows.Close()
	for rows.Next() {
		var j waitingJob
		must(p.t, rows.Scan(&j.id, &j.kind, &j.args))
		found = append(found, j)
	}
	must(p.t, rows.Err())
	return found
}

// link returns what the last mail to an address carries after the link's #, and checks where the link leads.
func (p *post) link(to, name string) string {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.sent) - 1; i >= 0; i-- {
		if p.sent[i].To != to {
			continue
		}
		_, rest, found := strings.Cut(p.sent[i].Text, "https://app.example.com/account#"+name+"=")
		if raw, _, ended := strings.Cut(rest, "\n"); found && ended {
			return raw
		}
	}
	p.t.Fatalf("no mail to %s with the link %s: %+v", to, name, p.sent)
	return ""
}

// take returns the mails so far, and forgets them.
func (p *post) take() []mail.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent
	p.sent = nil
	return sent
}

var errDown = errors.New("the mail server is down")

// subjects returns to whom mails went and what they were about.
func subjects(sent []mail.Message) string {
	lines := make([]string, len(sent))
	for i, m := range sent {
		lines[i] = m.To + " " + strings.TrimPrefix(m.Subject, "Picture Mill: ")
	}
	return strings.Join(lines, "\n")
}

func invalidAt(err error, pointer string) bool {
	var e *billing.Error
	return errors.As(err, &e) && e.Code == billing.EInvalid && len(e.Fields) == 1 && e.Fields[0].Pointer == pointer
}
