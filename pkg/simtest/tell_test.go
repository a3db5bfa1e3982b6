package simtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	maxTold    = 40 // notes
	maxEntries = 25
	maxEvents  = 15
	maxLines   = 12 // of a server

	storyBegins = "what led to it:"
)

// tell fails the test with a short story: the broken rule, what led to it, the state on both sides, and how to
// reproduce it.
func (w *world) tell() {
	var out strings.Builder
	broken := w.broken()
	for _, v := range broken[:min(len(broken), 8)] {
		if v.user != nil {
			fmt.Fprintf(&out, "user %d (%s): ", v.user.number, v.user.account)
		}
		fmt.Fprintln(&out, v.text)
	}
	who := broken[0].user
	for _, v := range broken {
		if who == nil {
			who = v.user
		}
	}
	w.tellNotes(&out, who)
	if who != nil {
		w.tellDatabase(&out, who)
		w.tellStripe(&out, who)
	}
	for _, s := range w.servers {
		for _, text := range subjects(broken, who) {
			for _, line := range s.said.about(text, maxLines) {
				fmt.Fprintf(&out, "  %s says %.400s\n", s.addr, line)
			}
		}
	}
	fmt.Fprintf(&out, "to see it again: %s\n", w.again)
	w.t.Errorf("%d rules were broken\n%s", len(broken), out.String())
}

var requestID = regexp.MustCompile(`req_[0-9a-z]+`)

// subjects returns the texts that select the servers' lines: the user's account, and requests that a violation names.
func subjects(broken []violation, who *user) (texts []string) {
	if who == nil {
		return []string{""}
	}
	texts = append(texts, who.account)
	for _, v := range broken {
		texts = append(texts, requestID.FindAllString(v.text, -1)...)
	}
	return texts
}

// tellStory writes, for each user, what happened last and their state.
func (w *world) tellStory() {
	var out strings.Builder
	for _, u := range w.users {
		fmt.Fprintf(&out, "user %d (%s)\n", u.number, u.account)
		w.tellNotes(&out, u)
		w.tellDatabase(&out, u)
		w.tellStripe(&out, u)
	}
	w.t.Log(out.String())
}

func (w *world) tellNotes(out *strings.Builder, who *user) {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := slices.Clone(w.notes[-1])
	for user, notes := range w.notes {
		if user >= 0 && (who == nil || user == who.number) {
			told = append(told, notes...)
		}
	}
	slices.SortFunc(told, func(a, b note) int { return a.number - b.number })
	fmt.Fprintln(out, storyBegins)
	for _, n := range told[max(0, len(told)-maxTold):] {
		fmt.Fprintf(out, "  %s\n", n.text)
	}
}

func (w *world) tellDatabase(out *strings.Builder, who *user) {
	a, err := w.db.Account(w.ctx, billing.AccountID(who.account))
	if err != nil {
		fmt.Fprintf(out, "the database: %v\n", err)
		return
	}
	fmt.Fprintf(out, "the database at %s:\n  available %d, held %d, debt %d, version %d, tickets %d of %d, subscription %+v\n",
		w.db.Now(), a.Available, a.Held, a.Debt, a.Version, a.Sync.TicketApplied, a.Sync.TicketIssued, a.Subscription)
	entries, _ := w.entries(who)
	for _, e := range entries[:min(len(entries), maxEntries)] {
		fmt.Fprintf(
			out, "  %s %s %d -> %d %s %s lot %s\n", e.CreatedAt.Format("2006-01-02T15:04:05"), e.Kind, e.Amount,
			e.BalanceAfter, e.Key, e.Description, e.LotID,
		)
	}
	lots, _ := w.db.LotsByGrant(w.ctx, a.ID, "stripe")
	for _, l := range lots {
		fmt.Fprintf(
			out, "  lot %s: granted %d, remaining %d, clawed back %d, until %v\n", l.GrantKey, l.Granted, l.Remaining,
			l.ClawedBack, l.ExpiresAt,
		)
	}
	events, _ := w.db.Events(w.ctx, "", "", 2000)
	for told, n := 0, 0; n < len(events) && told < maxEvents; n++ {
		if e := events[n]; e.AccountID == a.ID {
			told++
			fmt.Fprintf(out, "  event %s %s, ticket %d, %s %s\n", e.Type, e.Status, e.Ticket, e.ObjectID, e.LastError)
		}
	}
}

func (w *world) tellStripe(out *strings.Builder, who *user) {
	s, err := w.readStripe(who)
	if err != nil {
		fmt.Fprintf(out, "Stripe: %v\n", err)
		return
	}
	fmt.Fprintln(out, "Stripe:")
	for _, sub := range s.subscriptions {
		fmt.Fprintf(out, "  %s is %s, period %d to %d, cancels %v, ended %d\n", sub.text("id"), sub.text("status"),
			sub.number("current_period_start"), sub.number("current_period_end"), sub.flag("cancel_at_period_end"),
			sub.number("ended_at"))
	}
	for _, i := range s.invoices {
		fmt.Fprintf(
			out, "  %s (%s) of %s is %s, paid %d\n", i.text("id"), i.text("billing_reason"), i.text("subscription"),
			i.text("status"), i.number("amount_paid"),
		)
		for _, l := range i.list("lines.data") {
			fmt.Fprintf(
				out, "    %s: %s %d, proration %v, %d to %d\n", l.text("id"), itemOf(l), l.number("amount"),
				l.flag("proration"), l.number("period.start"), l.number("period.end"),
			)
		}
	}
	for _, o := range s.sessions {
		fmt.Fprintf(
			out, "  %s (%s) is %s, %s\n", o.text("id"), o.text("mode"), o.text("status"), o.text("payment_status"),
		)
	}
	for _, c := range s.charges {
		fmt.Fprintf(
			out, "  %s of %d is %s, refunded %d, disputed %v\n", c.text("id"), c.number("amount"), c.text("status"),
			c.number("amount_refunded"), c.flag("disputed"),
		)
	}
}
