package sandbox

import (
	"net/http"
	"time"
)

// decideNextInvoice makes the next attempt to pay an invoice of a subscription, and decides its outcome whatever the
// card is. If no invoice is owed yet, it moves the subscription's clock on to the next invoice.
func (s *Sandbox) decideNextInvoice(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		Outcome string `json:"outcome"`
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		found := w.Subscriptions.get(r.PathValue("subscription"))
		switch {
		case found == nil:
			return nil, noSuch("subscription", r.PathValue("subscription"), "id")
		case wish.Outcome != "paid" && wish.Outcome != "failed":
			return nil, invalid("outcome", "outcome must be paid or failed.")
		case found.ended() || found.CancelAtPeriodEnd || found.CancelAt != 0:
			return nil, invalid("", "This subscription has ended or is to end: it has no next invoice.")
		case found.PauseCollection != nil:
			return nil, invalid("", "The collection of this subscription's invoices is paused.")
		case w.cardFor(found, w.Customers.get(found.Customer)) == nil:
			return nil, invalid("", "This subscription has no card to charge.")
		}
		w.clock = string(found.TestClock)
		w.verdicts = map[string]bool{found.ID: wish.Outcome == "paid"}
		defer func() { w.verdicts = nil }()
		return w.settleNext(found)
	})
}

// mostSteps bounds what may fall due between now and a subscription's next invoice: the notice of a trial's end, the
// end of a pending change or of a discount, the end of the period, and the end of the draft hour.
const mostSteps = 8

// settleNext makes the next attempt: at once for an open invoice, and at the end of the draft hour for a draft.
func (w *world) settleNext(s *subscription) (any, error) {
	for range mostSteps {
		waiting := w.Invoices.among(s.Customer, func(i *invoice) bool {
			return string(i.Subscription) == s.ID && (i.Status == "open" || i.Status == "draft" && i.AutoAdvance)
		})
		if len(waiting) == 0 {
			w.moveTo(s.nextDue())
			continue
		}
		next := waiting[len(waiting)-1]
		if next.Status == "draft" {
			w.moveTo(next.nextDue())
			return next, nil
		}
		if next.NextPaymentAttempt != 0 {
			next.Hidden.Retries++ // it counts as the retry that was planned
		}
		// The caller may have asked for a refusal, so it is no error here.
		w.payInvoice(next, w.cardFor(s, w.Customers.get(s.Customer)), offSession)
		return next, nil
	}
	return nil, invalid("", "This subscription, which is %s, comes to no next invoice.", s.Status)
}

// moveTo moves the clock of the current operation and does all work that falls due on the way.
func (w *world) moveTo(at int64) {
	w.runDue(w.clock, at)
	if own := w.TestClocks.get(w.clock); own != nil {
		own.FrozenTime = max(own.FrozenTime, at)
		return
	}
	w.ClockOffset += time.Duration(max(0, at-w.mainNow())) * time.Second
	w.tell(notice{clock: true})
}

// verdict returns the outcome of a payment that a control has decided. A decision holds for one attempt.
func (w *world) verdict(intent *paymentIntent) (paid, decided bool) {
	owner := w.Invoices.get(string(intent.Invoice))
	if owner == nil {
		return false, false
	}
	paid, decided = w.verdicts[string(owner.Subscription)]
	delete(w.verdicts, string(owner.Subscription))
	return paid, decided
}
