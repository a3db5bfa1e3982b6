package simtest

import (
	"math/rand/v2"
	"net/http"
	"net/url"
)

// The clock of a long simulation is moved between rounds alone. So those whose renewal is a draft just now, or failed,
// are looked for in Stripe's own list, and act then.

const invoicesOfRound = 100 // of each kind, at the most

// invoiced are users of whom Stripe lists invoices of a status, each once.
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

// invoiceLines are what users do about a renewal that is not paid yet: a quarter of those with a draft change
// something, a quarter of those with an open invoice pay it, half of them after cancelling at once.
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
