package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// sepaDetails describe a bank account in the SEPA area that may be debited.
type sepaDetails struct {
	BankCode      text           `json:"bank_code"`
	BranchCode    text           `json:"branch_code"`
	Country       text           `json:"country"`
	Fingerprint   string         `json:"fingerprint"`
	GeneratedFrom map[string]any `json:"generated_from"`
	Last4         string         `json:"last4"`
}

var (
	debitUnprocessed = &decline{
		"generic_could_not_process", "generic_could_not_process", "This payment could not be processed.",
	}
	debitFunds = &decline{
		"insufficient_funds", "insufficient_funds",
		"The customer's account has insufficient funds to cover this payment.",
	}
	debitSource = &decline{
		"charge_exceeds_source_limit", "charge_exceeds_source_limit",
		"This payment exceeds the limit of this payment method.",
	}
	debitWeekly = &decline{
		"charge_exceeds_weekly_limit", "charge_exceeds_weekly_limit",
		"This payment exceeds the weekly limit of your account.",
	}
)

// debitFates are the IBANs of Stripe's testing pages whose debits fail in the end. Debits of any other account succeed.
var debitFates = map[string]*decline{
	"AT861904300235473202":        debitUnprocessed,
	"AT051904300235473205":        debitUnprocessed,
	"DE62370400440532013001":      debitUnprocessed,
	"DE78370400440532013004":      debitUnprocessed,
	"FR8420041010050500013M02607": debitUnprocessed,
	"IT60X0542811101000000123456": debitUnprocessed,
	"AT981904300002222227":        debitFunds,
	"DE65370400440002222227":      debitFunds,
	"AT981904300000343434":        debitSource,
	"DE65370400440000343434":      debitSource,
	"AT601904300000121212":        debitWeekly,
	"DE27370400440000121212":      debitWeekly,
}

// bankCodes are the lengths of the bank's own code. In IBANs of these countries it comes after the check digits.
var bankCodes = map[string]int{"AT": 5, "BE": 3, "DE": 8, "ES": 4, "FR": 5, "IE": 4, "NL": 4, "PT": 4}

// describedDebit makes a payment method from an IBAN.
func (c *call) describedDebit(account spec.Params, at string) (*paymentMethod, error) {
	if account.Text("iban") == "" {
		return nil, missing(within(at, "iban"))
	}
	iban := plainIBAN(account.Text("iban"))
	if !validIBAN(iban) {
		return nil, coded("invalid_bank_account_iban", within(at, "iban"), "The IBAN you provided is invalid.")
	}
	return c.newDebitMethod(iban), nil
}

func (w *world) newDebitMethod(iban string) *paymentMethod {
	sum := sha256.Sum256([]byte(iban))
	made := &paymentMethod{
		base:           w.begin("pm_1", "payment_method"),
		BillingDetails: billingDetails{Address: emptyAddress()},
		Metadata:       map[string]string{},
		Type:           "sepa_debit",
		SepaDebit: sepaDetails{
			BankCode:      text(iban[4 : 4+bankCodes[iban[:2]]]),
			Country:       text(iban[:2]),
			Fingerprint:   base64.RawURLEncoding.EncodeToString(sum[:12]),
			GeneratedFrom: map[string]any{"charge": nil, "setup_attempt": nil},
			Last4:         iban[len(iban)-4:],
		},
	}
	made.Hidden.Number = iban
	return w.PaymentMethods.add(made)
}

func plainIBAN(typed string) string { return strings.ToUpper(strings.ReplaceAll(typed, " ", "")) }

// validIBAN reports whether an IBAN has a valid form and valid check digits. By ISO 13616, the number that it spells
// leaves 1 when divided by 97.
func validIBAN(iban string) bool {
	if len(iban) < 15 || len(iban) > 34 || strings.Trim(
		iban[:2], "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	) != "" || strings.Trim(iban[2:4], "0123456789") != "" {
		return false
	}
	rest := 0
	for _, letter := range iban[4:] + iban[:4] {
		value, err := strconv.ParseInt(string(letter), 36, 32)
		if err != nil {
			return false
		}
		if value > 9 {
			rest = rest * 10 // a letter spells two digits
		}
		rest = (rest*10 + int(value)) % 97
	}
	return rest == 1
}

// checkDebitCurrency refuses debits in any currency but the euro.
func checkDebitCurrency(types []string, currency, param string) error {
	if currency != "" && currency != "eur" && slices.Contains(types, "sepa_debit") {
		return invalid(param, "The currency provided (%s) is invalid for one of the provided payment_method_types: sepa_debit. "+
			"This payment method type only supports the following currencies: eur.", currency)
	}
	return nil
}
