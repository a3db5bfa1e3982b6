package sandbox

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// visit is one view of a portal, or one form sent from it.
type visit struct {
	*world
	session *portalSession
	offer   *portalConfiguration
	holder  *customer
	flow    *portalFlow // the one thing to do; nil: the whole portal
	home    string      // the URL of the whole portal
}

// showPortal shows the billing portal of one customer, or only the part that the customer was sent there for.
func (s *Sandbox) showPortal(out http.ResponseWriter, r *http.Request) {
	s.portalPage(out, r, nil, pages.CardForm{})
}

// postPortal handles the portal's forms.
func (s *Sandbox) postPortal(out http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(out, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.message(
			out, http.StatusBadRequest,
			pages.MessageView{Title: "That did not work", Text: "The form could not be read."},
		)
		return
	}
	kept := pages.CardForm{Name: r.PostForm.Get("name"), Expiry: r.PostForm.Get("exp")}
	s.portalPage(out, r, func(v *visit) (string, error) { return v.act(r.PostForm) }, kept)
}

// portalPage does a piece of work (nil: none) for a portal's customer. It then draws the portal in its new state, or
// what follows the one thing that the customer came for.
func (s *Sandbox) portalPage(
	out http.ResponseWriter, r *http.Request, work func(*visit) (string, error), kept pages.CardForm,
) {
	var answer func()
	err := s.inWorld(cause{}, func(w *world) error {
		v, err := w.visit(r)
		if err != nil {
			return err
		}
		var flash string
		var failure error
		if work != nil {
			flash, failure = work(v)
		}
		if work != nil && failure == nil && v.flow != nil {
			if answer = s.completed(out, r, v, flash); answer != nil {
				return nil
			}
			v.flow = nil
		}
		view, status := v.view(), http.StatusOK
		view.Flash = flash
		if failure != nil {
			status, view.Flash, view.Card = http.StatusPaymentRequired, "", kept
			view.Error = explain(failure, &view.Card.Errors)
			var e *apiError
			if errors.As(failure, &e) && e.status != http.StatusPaymentRequired {
				status = http.StatusBadRequest
			}
		}
		answer = func() { s.draw(out, status, func(to io.Writer) error { return pages.Portal(to, view) }) }
		return nil
	})
	if err != nil {
		s.message(
			out, http.StatusNotFound,
			pages.MessageView{Title: "No such page", Text: "There is no billing portal at this address."},
		)
		return
	}
	answer()
}

// visit returns the visit that a URL belongs to. If the object of its flow has ended since, the visit is of the whole
// portal.
func (w *world) visit(r *http.Request) (*visit, error) {
	session := w.PortalSessions.get(r.PathValue("session"))
	if session == nil {
		return nil, noSuch("billing_portal.session", r.PathValue("session"), "id")
	}
	holder, err := w.customerAt(session.Customer, "customer")
	if err != nil {
		return nil, err
	}
	w.on(holder)
	home, deep := strings.CutSuffix(r.URL.Path, flowPath)
	v := &visit{
		world: w, session: session, offer: w.PortalConfigs.get(session.Configuration), holder: holder, home: home,
	}
	if deep && session.Flow != nil {
		about := w.Subscriptions.get(session.Flow.subscription())
		if session.Flow.subscription() == "" || about != nil && !about.ended() {
			v.flow = session.Flow
		}
	}
	return v, nil
}

// completed returns what follows the one thing that the customer came for: the merchant's page or a confirmation. It
// returns nil for the whole portal.
func (s *Sandbox) completed(out http.ResponseWriter, r *http.Request, v *visit, flash string) func() {
	switch then := v.flow.AfterCompletion; then.Type {
	case "redirect":
		return func() { http.Redirect(out, r, then.Redirect.ReturnURL, http.StatusSeeOther) }
	case "hosted_confirmation":
		view := pages.MessageView{Title: flash, Text: string(then.HostedConfirmation.CustomMessage)}
		if v.session.ReturnURL != "" {
			view.Link = &pages.Link{Text: "Return to " + accountName, URL: string(v.session.ReturnURL)}
		}
		return func() { s.message(out, http.StatusOK, view) }
	}
	return nil
}

// view returns the portal in its present state.
func (v *visit) view() pages.PortalView {
	business, features := v.offer.BusinessProfile, v.offer.Features
	view := pages.PortalView{
		Merchant:     accountName,
		Headline:     string(business.Headline),
		Privacy:      string(business.PrivacyPolicyURL),
		Terms:        string(business.TermsOfServiceURL),
		Email:        string(v.holder.Email),
		Action:       v.home,
		ReturnURL:    string(v.session.ReturnURL),
		TestCards:    suggestions,
		NoCardUpdate: !features.PaymentMethodUpdate.Enabled,
		NoInvoices:   !features.InvoiceHistory.Enabled,
	}
	if v.flow != nil {
		view.Flow, view.Action = v.flow.Type, v.home+flowPath
	}
	card := v.cardFor(nil, v.holder)
	for _, s := range newestFirst(v.Subscriptions.among(v.holder.ID, func(*subscription) bool { return true })) {
		if card == nil {
			card = v.cardFor(s, v.holder)
		}
		if v.flow == nil || s.ID == v.flow.subscription() {
			view.Subscriptions = append(view.Subscriptions, v.row(s))
		}
	}
	if card != nil {
		view.PaymentCard = &pages.PaymentCard{
			Brand: card.Card.Brand,
			Last4: card.Card.Last4,
			Expiry: time.Date(
				int(card.Card.ExpYear), time.Month(card.Card.ExpMonth), 1, 0, 0, 0, 0, time.UTC,
			).Format("01 / 06"),
		}
	}
	for _, i := range newestFirst(v.Invoices.among(v.holder.ID, func(i *invoice) bool { return i.Status != "draft" })) {
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

// row returns one subscription, with what the portal allows its customer to do.
func (v *visit) row(s *subscription) pages.Subscription {
	item, cancel := s.Items.Data[0], v.offer.Features.SubscriptionCancel
	row := pages.Subscription{
		ID:                s.ID,
		Plan:              v.productName(item.Price),
		Price:             v.wordPrice(item.Price),
		Status:            s.Status,
		PeriodEnd:         day(s.CurrentPeriodEnd),
		CancelAtPeriodEnd: s.CancelAtPeriodEnd,
		NoCancel:          !cancel.Enabled || v.flow != nil && v.flow.SubscriptionCancel == nil,
		CancelNow:         cancel.Mode == "immediately",
	}
	if s.ended() {
		row.PeriodEnd = day(int64(s.EndedAt))
	}
	if cancel.CancellationReason.Enabled {
		for _, reason := range cancel.CancellationReason.Options {
			row.Reasons = append(row.Reasons, pages.Choice{ID: reason, Text: cancelReasons[reason]})
		}
	}
	if v.flow != nil && v.flow.SubscriptionUpdateConfirm != nil {
		wanted := v.flow.SubscriptionUpdateConfirm.Items[0]
		target := v.Prices.get(string(wanted.Price))
		row.Confirm = v.productName(target) + ", " + v.wordPrice(target)
		if wanted.Quantity != nil {
			row.ConfirmQuantity = *wanted.Quantity
		}
	}
	if v.flow == nil || v.flow.SubscriptionUpdate != nil {
		for _, other := range v.Prices.where(func(p *price) bool {
			return v.offer.offers(p) && p.ID != item.Price.ID && p.Currency == s.Currency
		}) {
			row.Choices = append(
				row.Choices, pages.Choice{ID: other.ID, Text: v.productName(other) + ", " + v.wordPrice(other)},
			)
		}
	}
	return row
}

func (w *world) wordPrice(p *price) string {
	return money(p.UnitAmount, p.Currency) + " / " + p.Recurring.each()
}

func day(at int64) string { return time.Unix(at, 0).UTC().Format("2 January 2006") }
