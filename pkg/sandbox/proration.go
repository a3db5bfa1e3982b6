package sandbox

import (
	"fmt"
	"math/big"
	"time"
)

// The descriptions of the two sides of a proration.
const (
	unusedTime    = "Unused time on %s after %s"
	remainingTime = "Remaining time on %s after %s"
)

// prorationDate returns proration_date, which must lie within the current period. The default is now.
func (c *call) prorationDate(s *subscription) (int64, error) {
	given := c.p.Int("proration_date")
	if given == 0 {
		return c.now(), nil
	}
	if given < s.CurrentPeriodStart || given > s.CurrentPeriodEnd {
		return 0, invalid(
			"proration_date", "Invalid proration_date: must be within the current period of the subscription.",
		)
	}
	return given, nil
}

// prorate makes two items for every item that changes: a credit for the unused time on the old one, and a charge for
// the remaining time on the new one. With a new cycle the new period is billed in full, so only the credit is made.
func (c *call) prorate(s *subscription, wanted []*subscriptionItem, date int64, newCycle bool) {
	if s.Hidden.StubFree && s.anchoredAhead() {
		return // this time is free, so there is nothing to prorate
	}
	length, left := s.wholePeriod(), s.CurrentPeriodEnd-date
	was := s.netAmounts(s.Items.Data, c.Discounts.get(s.Hidden.PeriodDiscount))
	is := s.netAmounts(wanted, discountOn(c.Customers.get(s.Customer), s, date))
	keeps := map[string]*subscriptionItem{}
	for _, item := range wanted {
		keeps[item.ID] = item
	}
	had := map[string]bool{}
	for _, old := range s.Items.Data {
		had[old.ID] = true
		now := keeps[old.ID]
		if now != nil && now.Price.ID == old.Price.ID && now.Quantity == old.Quantity && !newCycle {
			continue
		}
		c.addProration(s, old, -share(was[old.ID], left, length), unusedTime, date)
		if now != nil && !newCycle {
			c.addProration(s, now, share(is[now.ID], left, length), remainingTime, date)
		}
	}
	for _, item := range wanted {
		if !had[item.ID] && !newCycle {
			c.addProration(s, item, share(is[item.ID], left, length), remainingTime, date)
		}
	}
}

// netAmounts returns the price of a period for each item, after a discount (nil: none). Prorations use these amounts
// and are not discounted again. So a credit gives back what was paid, and not more.
func (s *subscription) netAmounts(items []*subscriptionItem, d *discount) map[string]int64 {
	lines := make([]reducible, len(items))
	for i, item := range items {
		lines[i] = reducible{left: item.amount(), product: item.Price.Product, discountable: true}
	}
	if d != nil && d.Coupon.fits(s.Currency) {
		lines = d.after(lines)
	}
	net := map[string]int64{}
	for i, item := range items {
		net[item.ID] = lines[i].left
	}
	return net
}

// share returns amount × part / whole, rounded half up, without overflow.
func share(amount, part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	product := new(big.Int).Mul(big.NewInt(2*amount), big.NewInt(part))
	product.Add(product, big.NewInt(whole))
	return product.Div(product, big.NewInt(2*whole)).Int64()
}

// addProration makes one side of a proration for an item's remaining period.
func (c *call) addProration(s *subscription, item *subscriptionItem, amount int64, pattern string, date int64) {
	name := c.productName(item.Price)
	if item.Quantity != 1 {
		name = fmt.Sprintf("%d × %s", item.Quantity, name)
	}
	made := c.newInvoiceItem(
		c.Customers.get(s.Customer), amount, s.Currency,
		fmt.Sprintf(pattern, name, time.Unix(date, 0).UTC().Format("02 Jan 2006")),
	)
	made.Discountable, made.Proration, made.Period = false, true, period{Start: date, End: s.CurrentPeriodEnd}
	made.Price, made.Quantity, made.Subscription, made.Hidden.SubscriptionItem = item.Price, item.Quantity, text(s.ID), item.ID
	c.InvoiceItems.add(made)
	c.emit("invoiceitem.created", made)
}

// anchoredAhead reports whether the current period is a first one, cut short by a future anchor.
func (s *subscription) anchoredAhead() bool {
	return s.Status != "trialing" && s.BillingCycleAnchor > s.CurrentPeriodStart
}

// wholePeriod returns the length, in seconds, of the period that an item's price pays for.
func (s *subscription) wholePeriod() int64 {
	if s.anchoredAhead() {
		return s.CurrentPeriodEnd - s.cycle().last(s.BillingCycleAnchor, s.CurrentPeriodEnd-1)
	}
	return s.CurrentPeriodEnd - s.CurrentPeriodStart
}

// periodAmount returns the price of an item for the current period.
func (s *subscription) periodAmount(item *subscriptionItem) int64 {
	return share(item.amount(), s.CurrentPeriodEnd-s.CurrentPeriodStart, s.wholePeriod())
}
