package pages

// field is an input with its label, as templates/parts.html draws it.
type field struct {
	ID, Label, Hint, Value, Error string
	Type, InputMode, Placeholder  string
	MaxLength                     int
	List                          string // the id of a list of suggestions
	Optional                      bool
}

// fieldError is a line of the error summary: what is wrong, and the field it leads to.
type fieldError struct{ ID, Text string }

// cardFields returns the fields that every card form has. The number field has suggestions only if there are test
// cards.
func (f CardForm) cardFields(suggest bool) []field {
	number := field{ID: "card_number", Label: "Card number", Error: f.Errors.Number, Placeholder: "4242 4242 4242 4242",
		Hint: "A test card only, never a real one.", InputMode: "numeric", MaxLength: 30}
	if suggest {
		number.List = "test-cards"
	}
	return []field{
		number,
		{ID: "exp", Label: "Expiry (MM / YY)", Value: f.Expiry, Error: f.Errors.Expiry, Placeholder: "12 / 34",
			InputMode: "numeric", MaxLength: 9},
		{
			ID:          "cvc",
			Label:       "Security code",
			Error:       f.Errors.CVC,
			Placeholder: "123",
			InputMode:   "numeric",
			MaxLength:   4,
		},
		{ID: "name", Label: "Name on card", Value: f.Name, Error: f.Errors.Name, MaxLength: 150, Optional: true},
	}
}

// list returns the summary of the errors, in the order of the fields.
func (e FieldErrors) list() []fieldError {
	all := []fieldError{
		{
			"promotion_code", e.Code,
		}, {"email", e.Email}, {"card_number", e.Number}, {"exp", e.Expiry}, {"cvc", e.CVC}, {"name", e.Name},
		{"iban", e.IBAN}, {"holder", e.Holder},
	}
	var wrong []fieldError
	for _, f := range all {
		if f.Text != "" {
			wrong = append(wrong, f)
		}
	}
	return wrong
}

// Problems is for the template: it returns everything that was wrong with the last attempt.
func (v CheckoutView) Problems() []fieldError { return v.Card.Errors.list() }

// Fields is for the template: it returns the card's fields.
func (v CheckoutView) Fields() []field {
	fields := v.Card.cardFields(len(v.TestCards) > 0)
	if v.NoCard {
		name := fields[len(fields)-1]
		name.Label = "Name"
		return []field{name}
	}
	return fields
}

// EmailField is for the template: it returns the field of the email address.
func (v CheckoutView) EmailField() field {
	return field{ID: "email", Label: "Email", Value: v.Email, Error: v.Card.Errors.Email, Type: "email",
		InputMode: "email", MaxLength: 254}
}

// CodeField is for the template: it returns the field of the promotion code.
func (v CheckoutView) CodeField() field {
	return field{
		ID: "promotion_code", Label: "Promotion code", Value: v.Code, Error: v.Card.Errors.Code, MaxLength: 500,
	}
}

// Later is for the template: it reports whether a subscription's first payment differs from the later ones.
func (v CheckoutView) Later() bool { return v.Subscription && (v.Trial != "" || v.Discount != nil) }

// Submit is for the template: it returns the text of the button, which says what will happen.
func (v CheckoutView) Submit() string {
	switch {
	case v.Setup:
		return v.saves()
	case v.Trial != "":
		return "Start trial"
	case v.Subscription && v.Discount != nil:
		return "Subscribe"
	case v.NoCard:
		return "Complete order"
	case v.Subscription:
		return "Subscribe for " + v.Recurring
	default:
		return "Pay " + v.Total
	}
}

// Problems is for the template: it returns everything that was wrong with the last card.
func (v PortalView) Problems() []fieldError { return v.Card.Errors.list() }

// Fields is for the template: it returns the card's fields.
func (v PortalView) Fields() []field { return v.Card.cardFields(len(v.TestCards) > 0) }

// CardFormOpen is for the template: it reports whether the card form is open, because it is the next thing to do.
func (v PortalView) CardFormOpen() bool {
	return v.PaymentCard == nil || len(v.Problems()) > 0 || v.Flow == "payment_method_update"
}

// Heading is for the template: it returns the purpose of the page.
func (v PortalView) Heading() string {
	switch v.Flow {
	case "payment_method_update":
		return "Update your card"
	case "subscription_cancel":
		return "Cancel your plan"
	case "subscription_update":
		return "Change your plan"
	case "subscription_update_confirm":
		return "Confirm your change"
	default:
		return "Billing"
	}
}

// ShowSubscriptions is for the template: it reports whether the page lists subscriptions. A page with a Flow shows only
// what the flow is about.
func (v PortalView) ShowSubscriptions() bool { return v.Flow != "payment_method_update" }

// ShowCard is for the template: it reports whether the page shows the card.
func (v PortalView) ShowCard() bool { return v.Flow == "" || v.Flow == "payment_method_update" }

// ShowInvoices is for the template: it reports whether the page lists the invoices.
func (v PortalView) ShowInvoices() bool { return v.Flow == "" && !v.NoInvoices }

// EmailField is for the template: it returns the field of the email address.
func (v LoginView) EmailField() field {
	return field{
		ID: "email", Label: "Email", Value: v.Email, Error: v.Error, Type: "email", InputMode: "email", MaxLength: 254,
	}
}

// CancelText is for the template: it returns the text of the cancel button.
func (s Subscription) CancelText() string {
	if s.CancelNow {
		return "Cancel now"
	}
	return "Cancel subscription"
}

// Acts is for the template: it reports whether there is anything to do to a subscription.
func (s Subscription) Acts() bool {
	return !s.Ended() && (!s.NoCancel || len(s.Choices) > 0 || s.Confirm != "")
}

// Ended is for the template: it reports whether the subscription has ended. Nothing can be done to it then.
func (s Subscription) Ended() bool { return s.Status == "canceled" || s.Status == "incomplete_expired" }

// StatusText is for the template: it returns Stripe's status in plain words, and what the reader would ask next.
func (s Subscription) StatusText() string {
	switch {
	case s.CancelAtPeriodEnd && !s.Ended():
		return "ends soon"
	case s.Status == "past_due":
		return "payment overdue"
	case s.Status == "trialing":
		return "on trial"
	case s.Status == "incomplete":
		return "waiting for payment"
	case s.Status == "incomplete_expired":
		return "never started"
	default:
		return s.Status
	}
}

// Tone is for the template: it returns the colour of the status. The words carry the meaning; the colour only repeats
// it.
func (s Subscription) Tone() string {
	switch {
	case s.Ended():
		return "quiet"
	case s.CancelAtPeriodEnd, s.Status == "incomplete", s.Status == "paused":
		return "warn"
	case s.Status == "past_due", s.Status == "unpaid":
		return "bad"
	default:
		return "good"
	}
}

// PeriodText is for the template: it returns what happens at the end of the period.
func (s Subscription) PeriodText() string {
	switch {
	case s.PeriodEnd == "":
		return ""
	case s.Ended():
		return "Ended on " + s.PeriodEnd
	case s.CancelAtPeriodEnd:
		return "Cancelled; runs until " + s.PeriodEnd
	case s.Status == "trialing":
		return "First payment on " + s.PeriodEnd
	default:
		return "Renews on " + s.PeriodEnd
	}
}
