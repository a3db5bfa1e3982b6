package sandbox

// pageOf returns what Stripe serves to its own page and command-line client: the session and the amount due.
func (w *world) pageOf(s *checkoutSession) map[string]any {
	shown := render(s)
	shown["session_id"] = s.ID
	shown["total_summary"] = map[string]any{"due": s.due(), "subtotal": s.AmountSubtotal, "total": s.AmountTotal}
	shown["line_items"] = wholeList(s.Hidden.Items, "/v1/checkout/sessions/"+s.ID+"/line_items")
	return shown
}

func getPaymentPage(c *call) (any, error) {
	found, err := c.session()
	if err != nil {
		return nil, err
	}
	return c.pageOf(found), nil
}

// updatePaymentPage enters a promotion code without the HTML page. An empty code removes it again.
func updatePaymentPage(c *call) (any, error) {
	found, err := c.session()
	if err != nil {
		return nil, err
	}
	if !c.p.Has("promotion_code") {
		return nil, missing("promotion_code")
	}
	if err := c.enterCode(found, c.p.Text("promotion_code")); err != nil {
		return nil, err
	}
	return c.pageOf(found), nil
}

// confirmPaymentPage pays a session without the HTML page, as Stripe's command-line client does.
func confirmPaymentPage(c *call) (any, error) {
	found, err := c.session()
	if err != nil {
		return nil, err
	}
	if found.Status != "open" {
		return nil, coded(
			"checkout_session_not_open", "", "This Checkout Session is %s and can no longer be paid.", found.Status,
		)
	}
	if c.p.Has("expected_amount") && c.p.Int("expected_amount") != found.due() {
		return nil, coded(
			"checkout_amount_mismatch", "expected_amount", "The expected amount %d does not match the amount due, %d.",
			c.p.Int("expected_amount"), found.due(),
		)
	}
	method, err := c.offered("payment_method", c.Customers.get(string(found.Customer)))
	if err != nil {
		return nil, err
	}
	if method == nil && found.needsCard() {
		return nil, missing("payment_method")
	}
	if err := c.paySession(found, method, payer{email: c.p.Text("email")}, onSession); err != nil {
		return nil, err
	}
	return c.pageOf(found), nil
}
