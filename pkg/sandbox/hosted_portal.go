package sandbox

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// showPortal is the billing portal of one customer.
func (s *Sandbox) showPortal(out http.ResponseWriter, r *http.Request) {
	s.portalPage(out, r, func(*world, *customer) (string, error) { return "", nil }, pages.CardForm{})
}

// postPortal does what one of the portal's forms asks.
func (s *Sandbox) postPortal(out http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(out, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.message(out, http.StatusBadRequest, pages.MessageView{Title: "That did not work", Text: "The form could not be read."})
		return
	}
	kept := pages.CardForm{Name: r.PostForm.Get("name"), Expiry: r.PostForm.Get("exp")}
	s.portalPage(out, r, func(w *world, holder *customer) (string, error) {
		if r.PostForm.Get("action") == "card" {
			return "Your card was updated.", w.replaceCard(holder, readCard(r.PostForm))
		}
		return w.portalAction(holder, r.PostForm)
	}, kept)
}

// portalAction changes one of the customer's own subscriptions, by the same operations that the API has.
func (w *world) portalAction(holder *customer, form url.Values) (string, error) {
	s := w.Subscriptions.get(form.Get("subscription"))
	if s == nil || s.Customer != holder.ID {
		return "", noSuch("subscription", form.Get("subscription"), "id")
	}
	change := func(p spec.Params) error {
		_, err := updateSubscription(&call{world: w, p: p, id: s.ID})
		return err
	}
	switch form.Get("action") {
	case "cancel":
		return "Your plan ends with its current period.", change(spec.Params{"cancel_at_period_end": true})
	case "resume":
		return "Your plan goes on.", change(spec.Params{"cancel_at_period_end": false})
	case "change":
		item := spec.Params{"id": s.Items.Data[0].ID, "price": form.Get("price")}
		err := change(spec.Params{"items": []any{item}, "proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"})
		if err == nil && s.PendingUpdate != nil {
			return "", invalid("", "Your card was refused: your plan stays as it was.")
		}
		return "Your plan was changed.", err
	}
	return "", invalid("action", "This page knows no such action.")
}

// replaceCard makes a card the default of the customer and of all that renews.
func (w *world) replaceCard(holder *customer, entered enteredCard) error {
	method, err := w.enteredMethod(entered)
	if err != nil {
		return err
	}
	if err := method.attachable(); err != nil {
		return err
	}
	if entered.name != "" {
		method.BillingDetails.Name = text(entered.name)
	}
	method.BillingDetails.Email = holder.Email
	w.attach(method, holder)
	w.change("customer.updated", holder, func() { holder.InvoiceSettings.DefaultPaymentMethod = text(method.ID) })
	for _, s := range w.Subscriptions.where(func(s *subscription) bool { return s.Customer == holder.ID && !s.ended() }) {
		w.change("customer.subscription.updated", s, func() { s.DefaultPaymentMethod = text(method.ID) })
	}
	return nil
}

// portalPage does a piece of work for a portal's customer and draws the portal as it stands then.
func (s *Sandbox) portalPage(out http.ResponseWriter, r *http.Request, work func(*world, *customer) (string, error), kept pages.CardForm) {
	var view pages.PortalView
	status := http.StatusOK
	err := s.inWorld(cause{}, func(w *world) error {
		session := w.PortalSessions.get(r.PathValue("session"))
		if session == nil {
			return noSuch("billing_portal.session", r.PathValue("session"), "id")
		}
		holder, err := w.customerAt(session.Customer, "customer")
		if err != nil {
			return err
		}
		w.on(holder)
		flash, failure := work(w, holder)
		view = w.portalView(session, holder, r.URL.Path)
		view.Flash = flash
		if failure != nil {
			status, view.Flash, view.Card = http.StatusPaymentRequired, "", kept
			view.Error = explain(failure, &view.Card.Errors)
			var e *apiError
			if errors.As(failure, &e) && e.status != http.StatusPaymentRequired {
				status = http.StatusBadRequest
			}
		}
		return nil
	})
	if err != nil {
		s.message(out, http.StatusNotFound, pages.MessageView{Title: "No such page", Text: "There is no billing portal at this address."})
		return
	}
	s.draw(out, status, func(to io.Writer) error { return pages.Portal(to, view) })
}

func (w *world) portalView(session *portalSession, holder *customer, action string) pages.PortalView {
	view := pages.PortalView{
		Merchant:  accountName,
		Email:     string(holder.Email),
		Action:    action,
		ReturnURL: string(session.ReturnURL),
		TestCards: suggestions,
	}
	card := w.cardFor(nil, holder)
	for _, s := range newestFirst(w.Subscriptions.where(func(s *subscription) bool { return s.Customer == holder.ID })) {
		if card == nil {
			card = w.cardFor(s, holder)
		}
		view.Subscriptions = append(view.Subscriptions, w.portalSubscription(s))
	}
	if card != nil {
		view.PaymentCard = &pages.PaymentCard{
			Brand:  card.Card.Brand,
			Last4:  card.Card.Last4,
			Expiry: time.Date(int(card.Card.ExpYear), time.Month(card.Card.ExpMonth), 1, 0, 0, 0, 0, time.UTC).Format("01 / 06"),
		}
	}
	for _, i := range newestFirst(w.Invoices.where(func(i *invoice) bool { return i.Customer == holder.ID && i.Status != "draft" })) {
		view.Invoices = append(view.Invoices, pages.Invoice{
			Number: string(i.Number),
			Date:   day(i.Created),
			Amount: money(i.Total, i.Currency),
			Status: i.Status,
			URL:    invoicePath(i),
		})
	}
	return view
}

func (w *world) portalSubscription(s *subscription) pages.Subscription {
	item := s.Items.Data[0]
	row := pages.Subscription{
		ID:                s.ID,
		Plan:              w.productName(item.Price),
		Price:             w.wordPrice(item.Price),
		Status:            s.Status,
		PeriodEnd:         day(s.CurrentPeriodEnd),
		CancelAtPeriodEnd: s.CancelAtPeriodEnd,
	}
	if s.ended() {
		row.PeriodEnd = day(int64(s.EndedAt))
	}
	for _, other := range w.Prices.where(func(p *price) bool {
		return p.Active && p.Recurring != nil && p.ID != item.Price.ID && p.Currency == s.Currency
	}) {
		row.Choices = append(row.Choices, pages.PriceChoice{ID: other.ID, Text: w.productName(other) + ", " + w.wordPrice(other)})
	}
	return row
}

func (w *world) wordPrice(p *price) string {
	return money(p.UnitAmount, p.Currency) + " / " + p.Recurring.each()
}

func day(at int64) string { return time.Unix(at, 0).UTC().Format("2 January 2006") }
