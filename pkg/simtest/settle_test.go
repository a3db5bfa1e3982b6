package simtest

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

const (
	// finishPatience is how long a client's last try may take once faults have stopped.
	finishPatience = time.Minute
	// maxDeliveryRounds bounds how often the clock is moved for webhooks that wait for their next attempt: it doubles each
	// time, from a minute to three days in all.
	maxDeliveryRounds = 13
)

// checkSafety holds what must hold at any time, at a moment when no client is waiting for an answer, about the given users.
func (w *world) checkSafety(about []*user) {
	for _, s := range w.servers {
		if s.diedAlone() {
			w.violate(nil, "the server %s ended by itself:\n%s", s.addr, s.said.String())
		}
		if said := s.said.about(`"panic"`, 3); len(said) > 0 {
			w.violate(nil, "the server %s says %q", s.addr, said)
		}
	}
	for _, u := range about {
		if err := w.checkUser(u); err != nil {
			w.violate(u, "the checks themselves failed: %v", err)
		}
	}
}

func (w *world) checkUser(u *user) error {
	if err := ledger.Audit(w.ctx, w.db, billing.AccountID(u.account)); err != nil {
		w.violate(u, "audit: %v", err)
	}
	entries, err := w.entries(u)
	if err != nil {
		return err
	}
	u.checkJournal(entries)
	return u.checkHistory(w.ctx)
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

// settle is the second phase. Faults stop, clients come to an end with what is open, webhooks are delivered; then the
// database must agree with Stripe, by the inbox alone unless webhooks were lost. It answers how long that took.
func (w *world) settle() time.Duration {
	w.clearFaults()
	w.api.mend()
	w.toStripe.mend()
	if w.database != nil {
		w.database.mend()
	}
	for _, s := range w.running() {
		w.startServer(s)
	}
	var wait sync.WaitGroup
	for _, u := range w.users {
		wait.Go(func() { u.finish(finishPatience) })
	}
	wait.Wait()
	if err := w.deliverAll(); err != nil {
		w.violate(nil, "%v", err)
		return 0
	}
	if w.lost.Load() {
		w.note(-1, "webhooks were lost, so the nightly reconcile runs")
		if _, err := w.command("stripe", "reconcile"); err != nil {
			w.violate(nil, "%v", err)
		}
	}
	begin := time.Now()
	w.awaitAgreement(begin.Add(*agreement))
	return time.Since(begin)
}

// deliverAll moves the clock until every webhook that still waited for another attempt has been answered.
func (w *world) deliverAll() error {
	for round := range maxDeliveryRounds {
		w.control(w.ctx, "POST", "webhooks/flush", nil)
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

// worthTelling is after how many looks a passing run says what it waited for.
const worthTelling = 100

// awaitAgreement waits until the database agrees with Stripe about every user and no event waits, or says what is wrong.
func (w *world) awaitAgreement(deadline time.Time) {
	for try := 0; ; try++ {
		who, why := w.firstDisagreement(w.ctx)
		if why == "" {
			return
		}
		if try == worthTelling {
			w.t.Logf("it takes long: %s; the jobs that wait: %v", why, w.waitingJobs())
		}
		if time.Now().After(deadline) {
			w.violate(who, "faults stopped %s ago and the database does not agree with Stripe: %s", *agreement, why)
			return
		}
		pause(w.ctx, try)
	}
}

// waitingJobs shows the queue's rows that have not come to an end.
func (w *world) waitingJobs() (jobs []string) {
	rows, err := w.db.SQL().QueryContext(w.ctx, `SELECT kind, state, attempt, attempted_at FROM river_job WHERE state NOT IN ('completed', 'discarded', 'cancelled')`)
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

func (w *world) firstDisagreement(ctx context.Context) (*user, string) {
	pending, err := w.db.Events(ctx, billing.InboxPending, 1)
	if err != nil {
		return nil, err.Error()
	}
	if len(pending) > 0 {
		return nil, fmt.Sprintf("the event %s (%s) of account %s is pending; its last error: %q", pending[0].ID, pending[0].Type, pending[0].AccountID, pending[0].LastError)
	}
	for _, u := range w.users {
		why, err := w.disagreement(ctx, u)
		if err != nil {
			return u, err.Error()
		}
		if why != "" {
			return u, why
		}
	}
	return nil, ""
}

// summary counts what the simulation did.
func (w *world) summary() string {
	spends := map[state]int{}
	for _, u := range w.users {
		for _, in := range u.spends {
			spends[in.state]++
		}
	}
	w.count("cut to clients", w.api.strikes())
	w.count("late from Stripe", w.toStripe.strikes())
	if w.database != nil {
		w.count("cut to the database", w.database.strikes())
	}
	return fmt.Sprintf("%d spends acknowledged and %d refused; faults that struck: %v", spends[acknowledged], spends[refused], w.struck)
}
