package sandbox

import (
	"fmt"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// discountAmount is the amount that one discount takes off. Discount is its id.
type discountAmount struct {
	Amount   int64  `json:"amount"`
	Discount string `json:"discount"`
}

// inheritDiscount sets the discount that is in force at a time on an invoice: its subscription's, else its customer's.
func (i *invoice) inheritDiscount(holder *customer, s *subscription, at int64) {
	i.Discount, i.Hidden.Discounts = nil, nil
	if running := discountOn(holder, s, at); running != nil && running.Coupon.fits(i.Currency) {
		i.Discount, i.Hidden.Discounts = running, []*discount{running}
	}
}

// reduce subtracts the invoice's discounts from its lines, one after the other, and returns the total reduction. It
// makes new lines, because an event may still show the old ones.
func (i *invoice) reduce() int64 {
	lines := make([]*invoiceLine, len(i.Lines.Data))
	open := make([]reducible, len(lines))
	for n, line := range i.Lines.Data {
		copied := *line
		copied.DiscountAmounts = []discountAmount{}
		lines[n], open[n] = &copied, line.reducible()
	}
	sum := int64(0)
	i.Discount, i.Discounts, i.TotalDiscountAmounts = nil, []string{}, []discountAmount{}
	for _, each := range i.Hidden.Discounts {
		taken := discountAmount{0, each.ID}
		for n, off := range each.Coupon.cut(open) {
			if each.Coupon.covers(open[n]) {
				lines[n].DiscountAmounts = append(lines[n].DiscountAmounts, discountAmount{off, each.ID})
			}
			open[n].left -= off
			taken.Amount += off
		}
		i.Discounts, i.TotalDiscountAmounts = append(i.Discounts, each.ID), append(i.TotalDiscountAmounts, taken)
		sum += taken.Amount
	}
	if len(i.Hidden.Discounts) == 1 {
		i.Discount = i.Hidden.Discounts[0]
	}
	i.Lines.Data = lines
	return sum
}

func (l *invoiceLine) reducible() reducible {
	r := reducible{left: l.Amount, discountable: l.Discountable}
	if l.Price != nil {
		r.product = l.Price.Product
	}
	return r
}

// spendDiscounts uses up the once-only discounts that reduce an invoice which is about to be opened. It drops a
// discount that another invoice used up while this one was a draft.
func (w *world) spendDiscounts(i *invoice, holder *customer) {
	s := w.Subscriptions.get(string(i.Subscription))
	var kept []*discount
	for n, each := range i.Hidden.Discounts {
		now := w.Discounts.get(each.ID)
		if now.Hidden.Spent && each.Invoice == "" {
			continue
		}
		kept = append(kept, each)
		if each.Coupon.Duration != "once" || i.TotalDiscountAmounts[n].Amount == 0 {
			continue
		}
		spent := *now
		spent.Hidden.Spent = true
		w.Discounts.add(&spent)
		if s != nil && s.Discount != nil && s.Discount.ID == each.ID {
			w.discountSubscription(s, nil)
		}
		if holder.Discount != nil && holder.Discount.ID == each.ID {
			w.discountCustomer(holder, nil)
		}
	}
	if len(kept) < len(i.Hidden.Discounts) {
		i.Hidden.Discounts = kept
		i.total()
	}
}

// invoiceGrant is one entry of an invoice's discounts[]: a coupon to redeem, or an existing discount.
type invoiceGrant struct {
	grant *grant
	known *discount
}

// mostDiscounts is Stripe's limit on the discounts of one invoice.
const mostDiscounts = 20

// invoiceGrants reads discounts[] of an invoice.
func (c *call) invoiceGrants(holder *customer, i *invoice, currency string) ([]invoiceGrant, error) {
	var wanted []invoiceGrant
	entries := c.p.List("discounts")
	if len(entries) > mostDiscounts {
		return nil, invalid("discounts", "You can specify up to %d discounts.", mostDiscounts)
	}
	for n, entry := range entries {
		each, err := c.invoiceGrant(entry, fmt.Sprintf("discounts[%d]", n), holder, i, currency)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, each)
	}
	return wanted, nil
}

func (c *call) invoiceGrant(
	entry spec.Params, at string, holder *customer, i *invoice, currency string,
) (invoiceGrant, error) {
	id := entry.Text("discount")
	switch {
	case id != "" && entry.Has("coupon"):
		return invoiceGrant{}, invalid(
			at+"[discount]", "You may only specify one of these parameters: coupon, discount.",
		)
	case id == "":
		redeemed, err := c.granted(entry, at, redeemer{holder: holder, currency: currency})
		if err == nil && redeemed == nil {
			err = missing(at + "[coupon]")
		}
		return invoiceGrant{grant: redeemed}, err
	}
	near := []*discount{holder.Discount}
	if i != nil {
		near = append(near, i.Hidden.Discounts...)
		if s := c.Subscriptions.get(string(i.Subscription)); s != nil {
			near = append(near, s.Discount)
		}
	}
	for _, each := range near {
		if each != nil && each.ID == id && each.Coupon.fits(currency) {
			return invoiceGrant{known: each}, nil
		}
	}
	return invoiceGrant{}, noSuch("discount", id, at+"[discount]")
}

// discountInvoice replaces a draft's discounts with the requested ones.
func (c *call) discountInvoice(i *invoice, wanted []invoiceGrant) {
	var found []*discount
	for _, each := range wanted {
		if each.known != nil {
			found = append(found, each.known)
			continue
		}
		made := c.newDiscount(each.grant)
		made.Customer, made.Invoice = text(i.Customer), text(i.ID)
		found = append(found, made)
	}
	i.Hidden.Discounts = found
}
