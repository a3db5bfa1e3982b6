package sandbox

// worth returns the price of purchases before any discount.
func worth(bought []purchase) int64 {
	sum := int64(0)
	for _, each := range bought {
		sum += each.price.UnitAmount * each.quantity
	}
	return sum
}

// costs returns the amount of a new subscription's first invoice without a trial, after its discount.
func (w *world) costs(from start) int64 {
	var lines []reducible
	for _, each := range append(append([]purchase{}, from.items...), from.extras...) {
		lines = append(lines, reducible{each.price.UnitAmount * each.quantity, each.price.Product, true})
	}
	running := discountOn(from.holder, nil, w.now())
	if from.grant != nil {
		running = &discount{Coupon: from.grant.coupon}
	}
	if running != nil && !running.Coupon.fits(from.items[0].price.Currency) {
		running = nil
	}
	sum := int64(0)
	for _, line := range running.after(lines) {
		sum += line.left
	}
	return sum
}

// subtotal returns the price of one period of a subscription's items before any discount.
func subtotal(items []*subscriptionItem) int64 {
	sum := int64(0)
	for _, item := range items {
		sum += item.amount()
	}
	return sum
}
