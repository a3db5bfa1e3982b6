package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// patience is how long the payment page waits for the merchant's endpoint before it redirects, in real time.
const patience = 10 * time.Second

// suggestions are the test cards that the pages suggest.
var suggestions = []pages.TestCard{
	{Number: "4242 4242 4242 4242", Effect: "Succeeds"},
	{Number: "4000 0000 0000 0002", Effect: "Is declined"},
	{Number: "4000 0000 0000 9995", Effect: "Has insufficient funds"},
	{Number: "4000 0000 0000 0341", Effect: "Can be saved, later charges fail"},
	{Number: "4000 0027 6000 3184", Effect: "Asks for 3-D Secure"},
}

// draw sends one of the hosted pages.
func (s *Sandbox) draw(out http.ResponseWriter, status int, page func(io.Writer) error) {
	s.drawUnder(out, status, pages.Policy(), "no-referrer", page)
}

// drawUnder sends an HTML page with a Content-Security-Policy and a Referrer-Policy. Pages of other origins get no
// handle on its window, and cannot embed it. The shop opens these pages in its own tab, so it needs no handle either.
func (s *Sandbox) drawUnder(out http.ResponseWriter, status int, policy, referrer string, page func(io.Writer) error) {
	var body bytes.Buffer
	if err := page(&body); err != nil {
		s.log.Error("a page was not drawn", "error", err)
		http.Error(out, "the page could not be drawn", http.StatusInternalServerError)
		return
	}
	header := out.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", referrer)
	out.WriteHeader(status)
	out.Write(body.Bytes()) // if this fails, the client is gone
}

func (s *Sandbox) message(out http.ResponseWriter, status int, view pages.MessageView) {
	s.draw(out, status, func(w io.Writer) error { return pages.Message(w, view) })
}

func (s *Sandbox) showNothing(out http.ResponseWriter, _ *http.Request) {
	s.message(out, http.StatusNotFound, pages.MessageView{
		Title: "Nothing here",
		Text:  "This address leads nowhere in the sandbox.",
		Link: &pages.Link{
			Text: "To the control panel",
			URL:  "/",
		},
	})
}

// showCheckout shows the payment page.
func (s *Sandbox) showCheckout(out http.ResponseWriter, r *http.Request) {
	s.checkoutPage(out, r, func(w *world, session *checkoutSession) error { return nil }, entry{})
}

// postCheckout handles the forms of the payment page and of the 3-D Secure page.
func (s *Sandbox) postCheckout(out http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(out, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.message(
			out, http.StatusBadRequest,
			pages.MessageView{Title: "That did not work", Text: "The form could not be read."},
		)
		return
	}
	if answer := r.PostForm.Get("challenge"); answer != "" {
		s.checkoutPage(
			out, r,
			func(w *world, session *checkoutSession) error { return w.answerChallenge(session, answer == "accept") },
			entry{},
		)
		return
	}
	if wish := r.PostForm.Get("code"); wish != "" {
		s.postCode(out, r, wish)
		return
	}
	entered := readCard(r.PostForm)
	kept := entry{
		card:  pages.CardForm{Name: entered.name, Expiry: r.PostForm.Get("exp")},
		debit: readDebit(r.PostForm),
		email: entered.email,
	}
	s.checkoutPage(out, r, func(w *world, session *checkoutSession) error {
		if session.Status != "open" {
			return nil
		}
		if session.Customer == "" && session.CustomerEmail == "" && !strings.Contains(entered.email, "@") {
			return coded("email_invalid", "email", "Enter an email address.")
		}
		name := entered.name
		var method *paymentMethod
		if session.needsCard() {
			var err error
			if method, name, err = w.enteredWay(session.PaymentMethodTypes, entered, kept.debit); err != nil {
				return err
			}
		}
		return w.paySession(session, method, payer{entered.email, name}, onSession)
	}, kept)
}

// checkoutPage does a piece of work on a session and then responds with its new state: a redirect to the merchant's
// success page, the 3-D Secure page, the payment page with an error, or a page that says the session expired.
func (s *Sandbox) checkoutPage(
	out http.ResponseWriter, r *http.Request, work func(*world, *checkoutSession) error, kept entry,
) {
	var answer func()
	err := s.inWorld(cause{}, func(w *world) error {
		session := w.Sessions.get(r.PathValue("session"))
		if session == nil {
			return noSuch("checkout.session", r.PathValue("session"), "id")
		}
		failure := work(w, session)
		switch {
		case session.Status == "complete":
			target := strings.ReplaceAll(string(session.SuccessURL), "{CHECKOUT_SESSION_ID}", session.ID)
			completed := session.Hidden.Completed
			answer = func() {
				s.waitForMerchant(r.Context(), completed)
				http.Redirect(out, r, target, http.StatusSeeOther)
			}
		case session.Status == "expired":
			view := pages.MessageView{
				Title: "This page has expired", Text: "This payment page can no longer be used. Nothing was charged.",
			}
			if session.CancelURL != "" {
				view.Link = &pages.Link{Text: "Back to the shop", URL: string(session.CancelURL)}
			}
			answer = func() { s.message(out, http.StatusGone, view) }
		case session.Hidden.Challenge != "" && failure == nil:
			view := w.challengeView(session, r.URL.Path)
			answer = func() {
				s.draw(out, http.StatusOK, func(to io.Writer) error { return pages.Challenge(to, view) })
			}
		default:
			view, status := w.checkoutView(session, r.URL.Path, kept), http.StatusOK
			if failure != nil {
				status, view.Code = http.StatusPaymentRequired, r.PostForm.Get("promotion_code")
				view.Error = explain(failure, &view.Card.Errors)
			}
			answer = func() { s.draw(out, status, func(to io.Writer) error { return pages.Checkout(to, view) }) }
		}
		return nil
	})
	if err != nil {
		s.message(
			out, http.StatusNotFound,
			pages.MessageView{Title: "No such page", Text: "There is no payment page at this address."},
		)
		return
	}
	answer()
}

// waitForMerchant waits, as Stripe does, before the payer returns to the shop. In that time the merchant's endpoint can
// receive the event of the completed session.
func (s *Sandbox) waitForMerchant(ctx context.Context, eventID string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.awaitFirstAttempt(ctx, eventID)
}

// explain puts an error next to the field it concerns. An error of no field is returned, as the text for the whole
// page.
func explain(err error, fields *pages.FieldErrors) string {
	var e *apiError
	if !errors.As(err, &e) {
		return "Something went wrong. Try again."
	}
	switch e.Param {
	case "number":
		fields.Number = e.Message
	case "exp_month", "exp_year":
		fields.Expiry = e.Message
	case "cvc":
		fields.CVC = e.Message
	case "email":
		fields.Email = e.Message
	case "promotion_code":
		fields.Code = e.Message
	case "iban":
		fields.IBAN = e.Message
	case "holder":
		fields.Holder = e.Message
	default:
		return e.Message
	}
	return ""
}

func (w *world) challengeView(session *checkoutSession, action string) pages.ChallengeView {
	amount := ""
	if session.Mode != "setup" {
		amount = money(session.due(), string(session.Currency))
	}
	return pages.ChallengeView{
		Merchant:  accountName,
		Amount:    amount,
		Action:    action,
		CardLast4: w.PaymentMethods.get(session.Hidden.Challenge).Card.Last4,
		CancelURL: string(session.CancelURL),
	}
}

// enteredCard is what a person typed into a card form.
type enteredCard struct {
	number, cvc, name, email string
	month, year              int64
}

func readCard(form url.Values) enteredCard {
	entered := enteredCard{number: strings.NewReplacer(" ", "", "-", "").Replace(form.Get("card_number")), cvc: strings.TrimSpace(form.Get("cvc")),
		name: strings.TrimSpace(form.Get("name")), email: strings.TrimSpace(form.Get("email"))}
	month, year, found := strings.Cut(strings.ReplaceAll(form.Get("exp"), " ", ""), "/")
	if !found && len(month) == 4 {
		month, year = month[:2], month[2:]
	}
	entered.month, _ = strconv.ParseInt(month, 10, 64) // text that is no number becomes month 0, which is refused
	entered.year, _ = strconv.ParseInt(year, 10, 64)
	if entered.year < 100 {
		entered.year += 2000
	}
	return entered
}

// enteredMethod makes a payment method from what was typed. Its error names the wrong field. A page always asks for the
// security code.
func (w *world) enteredMethod(entered enteredCard) (*paymentMethod, error) {
	if refusal := checkCard(entered.number, entered.month, entered.year, entered.cvc, w.now()); refusal != nil {
		return nil, refusal
	}
	if entered.cvc == "" {
		return nil, coded("invalid_cvc", "cvc", "Your card's security code is invalid.")
	}
	return w.newMethod(entered.number, entered.month, entered.year, true), nil
}
