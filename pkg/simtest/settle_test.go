package simtest

import (
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

const (
	// finishPatience is how long a client's last try may take once faults have stopped.
	finishPatience = time.Minute
	// maxDeliveryRounds limits how often the clock moves for webhooks that wait for their next attempt. The move
	// doubles each time, from a minute to three days in all.
	maxDeliveryRounds = 13
	// runAgain is how `events backfill` ends while a server walks over Stripe's list itself, and `stripe reconcile` if
	// an account was synced each time it was compared.
	runAgain = 2
)

// checkSafety checks, for the given users, the rules that hold at any time, at a moment when no client waits for a
// reply.
func (w *world) checkSafety(about []*user) {
	w.checkServers()
	w.inParallel(checkers, len(about), func(n int) {
		if err := w.checkUser(about[n]); err != nil {
			w.violate(about[n], "the checks themselves failed: %v", err)
		}
	})
}

func (w *world) checkServers() {
	for _, s := range w.servers {
		if s.diedAlone() {
			w.violate(nil, "the server %s ended by itself:\n%s", s.addr, s.said.String())
		}
		if said := s.said.about(`"panic"`, 3); len(said) > 0 {
			w.violate(nil, "the server %s says %q", s.addr, said)
		}
		if said := s.said.about("a rule that always holds is broken", 3); len(said) > 0 {
			w.violate(nil, "the periodic audit of the server %s says %q", s.addr, said)
		}
	}
}

func (w *world) checkUser(u *user) error {
	if err := w.checkBooks(u); err != nil {
		return err
	}
	return u.checkHistory(w.ctx)
}

// checkBooks audits a user's account, and compares it with what the user was told.
func (w *world) checkBooks(u *user) error {
	w.audit(u)
	entries, err := w.entries(u)
	if err != nil {
		return err
	}
	u.checkJournal(entries)
	if w.endpoint == nil {
		return nil
	}
	return w.checkTold(w.ctx, u)
}

func (w *world) audit(u *user) {
	if err := ledger.Audit(w.ctx, w.db, billing.AccountID(u.account)); err != nil {
		w.violate(u, "audit: %v", err)
	}
}

// entries reads all entries of a user, newest first.
func (w *world) entries(u *user) (all []billing.Entry, err error) {
	const page = 500
	for before := billing.EntryID(""); ; {
		some, err := w.db.Entries(w.ctx, billing.AccountID(u.account), before, page)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < page {
			return all, nil
		}
		before = some[page-1].ID
	}
}

// settled is how long the second phase took, in real time.
type settled struct {
	inbox, recovery time.Duration // zero if no webhook was lost
	agreement       time.Duration
}

// settle is the second phase. Faults stop, clients finish their open requests, and webhooks are delivered. Then the
// database must agree with Stripe, through the inbox alone unless webhooks were lost.
func (w *world) settle() (took settled) {
	w.clearFaults()
	w.api.restore()
	if w.toStripe != nil {
		w.toStripe.restore()
	}
	if w.database != nil {
		w.database.restore()
	}
	for _, s := range w.running() {
		w.startServer(s)
	}
	w.inParallel(atOnce, len(w.users), func(n int) { w.users[n].finish(finishPatience) })
	if err := w.deliverAll(); err != nil {
		w.violate(nil, "%v", err)
		return took
	}
	begin := time.Now()
	deadline := begin.Add(*agreement)
	if w.lost.Load() {
		w.awaitInbox(deadline)
		took.inbox = time.Since(begin)
		w.t.Logf("the inbox was empty %s after the last webhook", took.inbox.Round(time.Millisecond))
		begin = time.Now()
		w.recover()
		took.recovery = time.Since(begin)
		begin = time.Now()
		deadline = begin.Add(*agreement)
	}
	w.awaitAgreement(deadline)
	took.agreement = time.Since(begin)
	if len(w.broken()) == 0 {
		w.checkEndings()
	}
	return took
}

// recover does what an operator does after webhooks were lost. It takes the events from Stripe's list while Stripe
// still has all of them. Only if Stripe does not, it compares every account with Stripe.
func (w *world) recover() {
	begin := time.Now()
	said, err := w.commandAgain("events", "backfill")
	w.note(-1, "webhooks were lost: %s", said)
	if err == nil {
		w.t.Logf("`events backfill` took %s: %s", time.Since(begin).Round(time.Millisecond), strings.TrimSpace(said))
		return
	}
	if !strings.Contains(said, "run pointsync stripe reconcile") {
		w.violate(nil, "%v", err)
	}
	begin = time.Now()
	if _, err := w.commandAgain("stripe", "reconcile", "--rate", "1000"); err != nil {
		w.violate(nil, "%v", err)
	}
	w.t.Logf("`stripe reconcile` took %s", time.Since(begin).Round(time.Millisecond))
}

// commandAgain runs a command until it does not ask to be run again. A panic ends with the same code and counts as an
// end.
func (w *world) commandAgain(args ...string) (said string, err error) {
	for begin, try := time.Now(), 0; ; try++ {
		said, err = w.command(args...)
		if exitCode(err) != runAgain || strings.Contains(said, "panic:") || time.Since(begin) > *agreement {
			return said, err
		}
		pause(w.ctx, try)
	}
}

// exitCode returns how a command ended, and 0 if it did not end with an error of its own.
func exitCode(err error) int {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// deliverAll moves the clock until every webhook that still waited for another attempt was handled.
func (w *world) deliverAll() error {
	for round := range maxDeliveryRounds {
		w.flush()
		waiting, err := w.all("/v1/events", url.Values{"delivery_success": {"false"}})
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			return nil
		}
		w.advance(time.Minute << round)
	}
	return fmt.Errorf("webhooks are not delivered although the servers are well")
}

// worthTelling is the number of polls after which a passing run says what it waited for.
const worthTelling = 100

// flush waits until all due webhooks were tried.
func (w *world) flush() {
	for try := 0; try < maxFlushes && w.ctx.Err() == nil; try++ {
		if _, o := w.controlFor(w.ctx, flushPatience, "POST", "webhooks/flush", nil); o.flag("flushed") {
			return
		}
	}
	w.violate(nil, "webhooks are due and are not tried")
}

const (
	maxFlushes    = 30
	flushPatience = 90 * time.Second // the sandbox itself gives up after a minute
)

// awaitInbox waits until no event waits any more. If patience ends first, the comparison reports that.
func (w *world) awaitInbox(deadline time.Time) {
	for try := 0; time.Now().Before(deadline) && w.pendingEvent() != ""; try++ {
		pause(w.ctx, try)
	}
}

// awaitAgreement waits until the database agrees with Stripe about every user and no event waits. If that does not
// happen, it reports the difference.
func (w *world) awaitAgreement(deadline time.Time) {
	waiting := w.users
	for try := 0; ; try++ {
		why, who := w.pendingEvent(), (*user)(nil)
		if why == "" {
			if waiting, why = w.disagreeing(waiting); why == "" {
				return
			}
			who = waiting[0]
		}
		if try == worthTelling {
			w.t.Logf("it takes long: %s; the jobs that wait: %v", why, w.waitingJobs())
		}
		if time.Now().After(deadline) {
			w.violate(
				who, "faults stopped %s ago and the database does not agree with Stripe about %d users: %s", *agreement,
				len(waiting), why,
			)
			return
		}
		pause(w.ctx, try)
	}
}

// disagreeing returns those users about whom the database differs from Stripe, and describes the difference for the
// first of them.
func (w *world) disagreeing(among []*user) (found []*user, why string) {
	reasons := make([]string, len(among))
	w.inParallel(checkers, len(among), func(n int) {
		var err error
		if reasons[n], err = w.disagreement(w.ctx, among[n]); err != nil {
			reasons[n] = err.Error()
		}
	})
	for n, reason := range reasons {
		if reason == "" {
			continue
		}
		if found = append(found, among[n]); why == "" {
			why = fmt.Sprintf("user %d: %s", among[n].number, reason)
		}
	}
	return found, why
}

// pendingEvent describes an event that waits, or returns "" if no event waits.
func (w *world) pendingEvent() string {
	pending, err := w.db.Events(w.ctx, billing.InboxPending, "", 1)
	switch {
	case err != nil:
		return err.Error()
	case len(pending) > 0:
		return fmt.Sprintf(
			"the event %s (%s) of account %s is pending; its last error: %q", pending[0].ID, pending[0].Type,
			pending[0].AccountID, pending[0].LastError,
		)
	}
	return ""
}

// waitingJobs describes the queue's rows that are not finished.
func (w *world) waitingJobs() (jobs []string) {
	rows, err := w.db.SQL().QueryContext(
		w.ctx,
		`SELECT kind, state, attempt, attempted_at FROM river_job WHERE state NOT IN ('completed', 'discarded', 'cancelled')`,
	)
	if err != nil {
		return []string{err.Error()}
	}
	defer rows.Close()
	for rows.Next() {
		var kind, state string
		var attempt int
		var at any
		if err := rows.Scan(&kind, &state, &attempt, &at); err != nil {
			return []string{err.Error()}
		}
		jobs = append(jobs, fmt.Sprintf("%s is %s, attempt %d at %v", kind, state, attempt, at))
	}
	return jobs
}

// summary counts what the simulation did.
func (w *world) summary() string {
	told := w.answers()
	w.count("cut to clients", w.api.strikes())
	if w.toStripe != nil {
		w.count("late from Stripe", w.toStripe.strikes())
	}
	if w.database != nil {
		w.count("cut to the database", w.database.strikes())
	}
	return fmt.Sprintf("%v; faults that struck: %v", told, w.struck)
}

// answers counts what users were told, by kind and reply.
func (w *world) answers() map[string]int {
	told := map[string]int{}
	for _, u := range w.users {
		for _, in := range u.journal {
			told[fmt.Sprintf("%s %s", in.kind, in.state)]++
		}
	}
	return told
}
