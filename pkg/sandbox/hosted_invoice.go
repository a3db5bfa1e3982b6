package sandbox

import (
	"io"
	"net/http"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// invoiceURL returns where an invoice's customer can pay it. It is "" until a request has told the sandbox its own
// address.
func (w *world) invoiceURL(i *invoice) text {
	if w.Address == "" {
		return ""
	}
	return text(w.Address + invoicePath(i))
}

func invoicePath(i *invoice) string { return "/i/" + i.ID }

// showInvoice shows the hosted page of a finalized invoice.
func (s *Sandbox) showInvoice(out http.ResponseWriter, r *http.Request) {
	s.invoicePage(out, r, func(*world, *invoice) error { return nil }, entry{})
}

// postInvoice handles the forms of that page and of the 3-D Secure page.
func (s *Sandbox) postInvoice(out http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(out, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.message(
			out, http.StatusBadRequest,
			pages.MessageView{Title: "That did not work", Text: "The form could not be read."},
		)
		return
	}
	answer, entered, debit := r.PostForm.Get("challenge"), readCard(r.PostForm), readDebit(r.PostForm)
	s.invoicePage(out, r, func(w *world, i *invoice) error {
		if !i.payable() {
			return nil
		}
		if answer != "" {
			return w.answerForInvoice(i, answer == "accept")
		}
		method, _, err := w.enteredWay(w.offeredTypes(i.Currency), entered, debit)
		if err != nil {
			return err
		}
		if method.attachable() == nil {
			w.attach(method, w.Customers.get(i.Customer))
		}
		return asError(w.payInvoice(i, method, onSession))
	}, entry{card: pages.CardForm{Name: entered.name, Expiry: r.PostForm.Get("exp")}, debit: debit})
}

// asError converts a refusal to an error. A nil refusal becomes a nil error, not an interface that holds a nil pointer.
func asError(refusal *apiError) error {
	if refusal == nil {
		return nil
	}
	return refusal
}

func (i *invoice) payable() bool { return i.Status == "open" || i.Status == "uncollectible" }

// answerForInvoice continues after 3-D Secure: the payer has authenticated, or has refused.
func (w *world) answerForInvoice(i *invoice, accepted bool) error {
	intent := w.Intents.get(string(i.PaymentIntent))
	method := w.PaymentMethods.get(string(intent.PaymentMethod))
	switch {
	case intent.Status != "requires_action":
		return coded("payment_intent_unexpected_state", "", "This invoice waits for no authentication.")
	case accepted:
		return asError(w.payInvoice(i, method, authenticated))
	}
	return w.reject(intent, method)
}

// invoicePage does a piece of work on an invoice and draws its new state: to be paid, waiting for 3-D Secure, waiting
// for the bank, or done.
func (s *Sandbox) invoicePage(out http.ResponseWriter, r *http.Request, work func(*world, *invoice) error, kept entry) {
	status, page := http.StatusOK, func(io.Writer) error { return nil }
	err := s.inWorld(cause{}, func(w *world) error {
		found := w.Invoices.get(r.PathValue("invoice"))
		if found == nil || found.Status == "draft" {
			return noSuch("invoice", r.PathValue("invoice"), "id")
		}
		w.clock = string(found.TestClock)
		failure := work(w, found)
		intent := w.Intents.get(string(found.PaymentIntent))
		switch {
		case !found.payable():
			view := pages.MessageView{
				Title: "Invoice " + string(found.Number),
				Text:  money(found.Total, found.Currency) + ". This invoice is " + found.Status + ".",
			}
			page = func(to io.Writer) error { return pages.Message(to, view) }
		case intent.Status == "processing":
			view := pages.MessageView{
				Title: "Invoice " + string(found.Number),
				Text:  money(found.Total, found.Currency) + ". The bank has been asked and has not answered yet.",
			}
			page = func(to io.Writer) error { return pages.Message(to, view) }
		case intent.Status == "requires_action" && failure == nil:
			view := pages.ChallengeView{
				Merchant:  accountName,
				Amount:    money(found.AmountRemaining, found.Currency),
				Action:    r.URL.Path,
				CardLast4: w.PaymentMethods.get(string(intent.PaymentMethod)).Card.Last4,
			}
			page = func(to io.Writer) error { return pages.Challenge(to, view) }
		default:
			view := w.invoiceView(found, r.URL.Path, kept)
			if failure != nil {
				status = http.StatusPaymentRequired
				view.Error = explain(failure, &view.Card.Errors)
			}
			page = func(to io.Writer) error { return pages.Checkout(to, view) }
		}
		return nil
	})
	if err != nil {
		s.message(
			out, http.StatusNotFound,
			pages.MessageView{Title: "No such page", Text: "There is no invoice at this address."},
		)
		return
	}
	s.draw(out, status, page)
}

func (w *world) invoiceView(i *invoice, action string, kept entry) pages.CheckoutView {
	view := pages.CheckoutView{
		Merchant:   accountName,
		Total:      money(i.AmountRemaining, i.Currency),
		Email:      string(i.CustomerEmail),
		EmailFixed: true,
		Card:       kept.card,
		Debit:      kept.debit.form(w.offeredTypes(i.Currency)),
		Action:     action,
		TestCards:  suggestions,
	}
	for _, line := range i.Lines.Data {
		view.Lines = append(
			view.Lines,
			pages.Line{Description: string(line.Description), Quantity: 1, Amount: money(line.Amount, i.Currency)},
		)
	}
	return view
}
