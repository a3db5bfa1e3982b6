package pages

// DebitForm is the bank account's part of a payment page, with what may be written back into it. That is never the
// IBAN.
type DebitForm struct {
	Offered bool // the page takes a bank account
	Only    bool // and no cards
	Chosen  bool // the customer's last choice
	Holder  string
}

// Ways is for the template: it reports whether there is a choice between a card and a bank account.
func (v CheckoutView) Ways() bool { return v.Debit.Offered && !v.Debit.Only }

// DebitFields is for the template: it returns the fields of the bank account.
func (v CheckoutView) DebitFields() []field {
	return []field{
		{ID: "iban", Label: "IBAN", Error: v.Card.Errors.IBAN, Placeholder: "AT61 1904 3002 3457 3201",
			Hint:      "A test account only: AT61 1904 3002 3457 3201 pays, AT86 1904 3002 3547 3202 fails an hour later.",
			MaxLength: 42},
		{ID: "holder", Label: "Account holder", Value: v.Debit.Holder, Error: v.Card.Errors.Holder, MaxLength: 150},
	}
}

// Heading is for the template: it returns the purpose of the page.
func (v CheckoutView) Heading() string {
	switch {
	case v.Setup && v.Debit.Only:
		return "Save a bank account"
	case v.Setup && v.Debit.Offered:
		return "Save a payment method"
	case v.Setup:
		return "Save a card"
	case v.Subscription:
		return "Subscribe"
	case v.NoCard:
		return "Complete your order"
	case v.Debit.Only:
		return "Pay by bank debit"
	case v.Debit.Offered:
		return "Pay"
	default:
		return "Pay by card"
	}
}

// saves returns the button text of a page that takes no money.
func (v CheckoutView) saves() string {
	switch {
	case v.Debit.Only:
		return "Save bank account"
	case v.Debit.Offered:
		return "Save payment method"
	default:
		return "Save card"
	}
}
