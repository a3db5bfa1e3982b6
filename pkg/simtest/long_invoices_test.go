package simtest

import (
	"math/rand/v2"
	"net/http"
	"net/url"
)

// The clock of a long simulation moves only between rounds. So this file finds users whose renewal is a draft or has
// failed in Stripe's own list, and makes them act then.

const invoicesOfRound = 100 // of each status, at most

// invoiced returns the users who have an invoice of a status in Stripe's list, each once.
func (l *long) invoiced(status string) (who []*user) {
	page, code := l.ask("GET", "/v1/invoices", url.Values{"status": {status}, "limit": {"100"}})
	if code != http.StatusOK {
		return nil
	}
	named := map[string]bool{}
	for n, invoice := range page.list("data") {
		if email := invoice.text("customer_email"); n < invoicesOfRound && !named[email] {
			named[email] = true
			if u := l.byEmail[email]; u != nil {
				who = append(who, u)
			}
		}
	}
	return who
}

// invoiceLines returns what users do about a renewal that is not paid yet. A quarter of those with a draft change
// something. A quarter of those with an open invoice pay it, half of them after they cancel at once.
func (l *long) invoiceLines() (lines []func()) {
	act := func(u *user, what string, do func(*user, *rand.Rand)) {
		r := rand.New(rand.NewPCG(l.r.Uint64(), uint64(u.number)))
		l.steps++
		lines = append(lines, func() {
			l.note(u.number, "%s", what)
			l.doing(what)
			do(u, r)
		})
	}
	for _, u := range l.invoiced("draft") {
		if l.r.IntN(4) == 0 {
			act(u, "change the plan in the draft hour", (*user).changeSomehow)
		}
	}
	for _, u := range l.invoiced("open") {
		switch l.r.IntN(8) {
		case 0:
			act(u, "pay an open invoice", (*user).payOpenInvoice)
		case 1:
			act(u, "pay for a renewal after the end", (*user).endAndPay)
		}
	}
	return lines
}
