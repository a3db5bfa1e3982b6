package simtest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// report describes what the simulation did and found, and appends that to the requested file.
func (l *long) report() {
	var out strings.Builder
	fmt.Fprintf(&out, "## %s, %d users, seed %d\n\n| | |\n| --- | --- |\n", l.dialect, l.size.users, l.size.seed)
	for _, line := range l.figures() {
		fmt.Fprintf(&out, "| %s | %s |\n", line[0], line[1])
	}
	l.t.Log("\n" + out.String())
	if *longReport == "" {
		return
	}
	file, err := os.OpenFile(*longReport, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	l.must(err)
	_, err = file.WriteString(out.String() + "\n")
	l.must(err)
	l.must(file.Close())
}

// longReported are the verbs that the report counts: those that tell a story of several steps.
var longReported = []string{
	"change the plan in the draft hour", "hold over a renewal", "pay for a renewal after the end",
	"pay an open invoice", "renew by debit",
	"subscribe by debit", "change the plan by debit", "be refused a change before the end",
	"be given an end by an operator",
	"be given a schedule by an operator", "have a trial moved", "have the collection paused", "owe pennies",
	"undo a top-up",
	"subscribe elsewhere", "be forgotten at Stripe",
}

func (l *long) figures() (lines [][2]string) {
	add := func(what string, format string, args ...any) {
		lines = append(lines, [2]string{what, fmt.Sprintf(format, args...)})
	}
	_, sent := l.control(l.ctx, "GET", "deliveries", nil)
	stored := l.count1("SELECT count(*) FROM inbox_events")
	told := l.answers()
	add("users", "%d, of whom %d subscribed", len(l.users), l.joined)
	add("steps of users and of the world", "%d, in %d rounds", l.steps+l.joined, l.rounds)
	add("time that passed on the clock", "%d days", int(l.now().Sub(l.opened).Hours()/24))
	add(
		"deliveries of webhooks", "%d, of which %d were answered 2xx", sent.number("since_start.tried"),
		sent.number("since_start.delivered"),
	)
	add("different events stored", "%d", stored)
	for _, kind := range []string{"webhook_duplicate", "webhook_reorder", "webhook_drop", "webhook_basil"} {
		add(strings.ReplaceAll(kind, "webhook_", "webhooks that a fault struck: "), "%d", l.struck[kind])
	}
	add(
		"calls of Stripe that a fault struck", "%d",
		l.struck["api_rate_limit"]+l.struck["api_lock_timeout"]+l.struck["api_error"]+l.struck["api_cut_off"],
	)
	add("servers killed (SIGKILL)", "%d", l.struck["kill"])
	add("connections that PostgreSQL ended", "%d", l.struck[sessionsEnded])
	for _, kind := range []billing.EntryKind{
		billing.EntrySpend, billing.EntryHold, billing.EntryCapture, billing.EntryRelease, billing.EntryGrant,
		billing.EntryCorrection,
	} {
		add(
			string(kind)+"s that users asked for", "%d acknowledged, %d refused", told[string(kind)+" acknowledged"],
			told[string(kind)+" refused"],
		)
	}
	add("holds that ran out", "%d", l.count1("SELECT count(*) FROM holds WHERE status = 'expired'"))
	add("syncs", "%d applied, %d outrun, %d failed, %d cut off", l.count1(
		"SELECT count(*) FROM syncs WHERE outcome = 'applied'",
	),
		l.count1(
			"SELECT count(*) FROM syncs WHERE outcome = 'outrun'",
		), l.count1("SELECT count(*) FROM syncs WHERE outcome = 'failed'"),
		l.count1("SELECT count(*) FROM syncs WHERE outcome IS NULL OR outcome = ''"))
	for _, verb := range longReported {
		add("users: "+verb, "%d times", l.did[verb])
	}
	add("users checked in the middle", "%d times; all of them at the end", l.checked)
	add(
		"users compared with Stripe in the middle", "%d times, and %d more prevented by faults; all of them at the end",
		int64(l.compared)-l.uncompared.Load(), l.uncompared.Load(),
	)
	add("under faults", "%s", l.played.Round(time.Second))
	add("the inbox was empty", "%s after the last webhook", l.settled.inbox.Round(10*time.Millisecond))
	add("what webhooks had lost was taken up", "in %s", l.settled.recovery.Round(10*time.Millisecond))
	add(
		"the database agreed with Stripe about everybody", "%s after that",
		l.settled.agreement.Round(10*time.Millisecond),
	)
	add("wall time in all", "%s, on %d cores", time.Since(l.began).Round(time.Second), runtime.NumCPU())
	add("rules broken", "**%d**", len(l.broken()))
	return slices.Clip(lines)
}

// count1 returns one number from the database.
func (w *world) count1(query string) (n int64) {
	if err := w.db.SQL().QueryRowContext(w.ctx, query).Scan(&n); err != nil {
		w.t.Errorf("%s: %v", query, err)
	}
	return n
}
