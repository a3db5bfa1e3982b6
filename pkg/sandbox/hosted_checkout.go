package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// postCode handles the payment page's form for a promotion code.
func (s *Sandbox) postCode(out http.ResponseWriter, r *http.Request, wish string) {
	typed := strings.TrimSpace(r.PostForm.Get("promotion_code"))
	s.checkoutPage(out, r, func(w *world, session *checkoutSession) error {
		switch {
		case session.Status != "open":
			return nil
		case wish == "remove":
			typed = ""
		case typed == "":
			return invalid("promotion_code", "Enter a promotion code.")
		}
		return w.enterCode(session, typed)
	}, entry{})
}

func (w *world) checkoutView(session *checkoutSession, action string, kept entry) pages.CheckoutView {
	currency := string(session.Currency)
	view := pages.CheckoutView{
		Merchant:     accountName,
		Total:        money(session.due(), currency),
		Discount:     w.discountLine(session),
		AskCode:      session.AllowPromotionCodes != nil && *session.AllowPromotionCodes,
		NoCard:       !session.needsCard(),
		Subscription: session.Mode == "subscription",
		Setup:        session.Mode == "setup",
		Email:        kept.email,
		Card:         kept.card,
		Action:       action,
		CancelURL:    string(session.CancelURL),
		TestCards:    suggestions,
	}
	if view.Discount != nil {
		view.Subtotal = money(*session.AmountSubtotal, currency)
	}
	if !view.NoCard {
		view.Debit = kept.debit.form(session.PaymentMethodTypes)
	}
	if holder := w.Customers.get(string(session.Customer)); holder != nil && holder.Email != "" {
		view.Email, view.EmailFixed = string(holder.Email), true
	} else if session.CustomerEmail != "" {
		view.Email, view.EmailFixed = string(session.CustomerEmail), true
	}
	var repeating []reducible
	for _, item := range session.Hidden.Items {
		line := pages.Line{
			Description: item.Description, Quantity: item.Quantity, Amount: money(item.AmountSubtotal, currency),
		}
		if cycle := item.Price.Recurring; cycle != nil {
			repeating = append(repeating, reducible{item.Price.UnitAmount * item.Quantity, item.Price.Product, true})
			view.Interval = cycle.each()
			line.Detail = money(item.Price.UnitAmount, currency) + " / " + cycle.each()
		}
		view.Lines = append(view.Lines, line)
	}
	view.Recurring = money(later(repeating, session.Hidden.Discount), currency)
	if days := session.Hidden.TrialDays; days == 1 {
		view.Trial = "1 day"
	} else if days > 1 {
		view.Trial = strconv.FormatInt(days, 10) + " days"
	} else if end := session.Hidden.TrialEnd; end > 0 {
		view.Trial = "until " + day(end)
	}
	return view
}

// later returns what a subscription's repeating lines cost after the first payment. A discount that lasts forever still
// reduces them.
func later(lines []reducible, d *discount) int64 {
	if d != nil && d.Coupon.Duration == "forever" {
		lines = d.after(lines)
	}
	sum := int64(0)
	for _, line := range lines {
		sum += line.left
	}
	return sum
}

// discountLine describes the discount of a session. It returns nil if there is none.
func (w *world) discountLine(s *checkoutSession) *pages.Discount {
	d := s.Hidden.Discount
	if d == nil {
		return nil
	}
	line := &pages.Discount{
		Name:      string(d.Coupon.Name),
		Terms:     d.Coupon.terms(s.Mode == "subscription"),
		Amount:    money(-s.TotalDetails.AmountDiscount, string(s.Currency)),
		Ends:      d.Coupon.Duration != "forever",
		Removable: s.Hidden.PromotionCode != "" && s.AllowPromotionCodes != nil && *s.AllowPromotionCodes,
	}
	if code := w.PromotionCodes.get(string(d.PromotionCode)); code != nil {
		line.Name = code.Code
	}
	if line.Name == "" {
		line.Name = "Discount"
	}
	return line
}

// terms describes a coupon in words: "25% off for 3 months".
func (o *coupon) terms(repeats bool) string {
	var off string
	if o.PercentOff != nil {
		off = strconv.FormatFloat(*o.PercentOff, 'f', -1, 64) + "% off"
	} else {
		off = money(*o.AmountOff, string(o.Currency)) + " off"
	}
	switch {
	case !repeats || o.Duration == "forever":
		return off
	case o.Duration == "once":
		return off + " the first payment"
	case *o.DurationInMonths == 1:
		return off + " for a month"
	}
	return fmt.Sprintf("%s for %d months", off, *o.DurationInMonths)
}
