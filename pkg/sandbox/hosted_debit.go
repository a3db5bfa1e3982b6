package sandbox

import (
	"net/url"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// entry is what a payment page may show again after it was typed.
type entry struct {
	card  pages.CardForm
	debit enteredDebit
	email string
}

// enteredDebit is the bank account that a person typed into a payment page, and whether they chose to pay from it.
type enteredDebit struct {
	chosen       bool
	iban, holder string
}

func readDebit(form url.Values) enteredDebit {
	return enteredDebit{form.Get("way") == "debit", plainIBAN(form.Get("iban")), strings.TrimSpace(form.Get("holder"))}
}

// form returns the bank account's part of a page that takes these types of payment methods.
func (d enteredDebit) form(types []string) pages.DebitForm {
	return pages.DebitForm{
		Offered: slices.Contains(types, "sepa_debit"),
		Only:    !slices.Contains(types, "card"),
		Chosen:  d.chosen,
		Holder:  d.holder,
	}
}

// enteredWay makes a payment method, a card or a bank account, from what was typed. It also returns the holder's name.
func (w *world) enteredWay(types []string, card enteredCard, debit enteredDebit) (*paymentMethod, string, error) {
	switch {
	case !debit.chosen || !slices.Contains(types, "sepa_debit"):
		made, err := w.enteredMethod(card)
		return made, card.name, err
	case !validIBAN(debit.iban):
		return nil, "", coded("invalid_bank_account_iban", "iban", "The IBAN you provided is invalid.")
	case debit.holder == "":
		return nil, "", coded("parameter_missing", "holder", "Enter the name of the account's holder.")
	}
	return w.newDebitMethod(debit.iban), debit.holder, nil
}
