package sandbox

import (
	"strings"
	"time"
)

// testCard is one of Stripe's documented test cards, with the outcome of its charges.
type testCard struct {
	brand   string
	decline *decline
	// attaches: the card can be saved to a customer although its charges fail.
	attaches bool
	// authenticates: every payment asks the customer for 3-D Secure.
	authenticates bool
	// untilSetUp: once the card was set up for later charges, it no longer asks.
	untilSetUp bool
	// offSessionReady: the card asks only for on-session payments.
	offSessionReady bool
}

// decline is a bank's refusal: Stripe's code, the bank's decline code, and the message for the payer.
type decline struct{ code, declineCode, message string }

var (
	declinedGeneric  = &decline{"card_declined", "generic_decline", "Your card was declined."}
	declinedFunds    = &decline{"card_declined", "insufficient_funds", "Your card has insufficient funds."}
	declinedLost     = &decline{"card_declined", "lost_card", "Your card was declined."}
	declinedStolen   = &decline{"card_declined", "stolen_card", "Your card was declined."}
	declinedFraud    = &decline{"card_declined", "fraudulent", "Your card was declined."}
	declinedVelocity = &decline{
		"card_declined", "card_velocity_exceeded",
		"Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
	}
	declinedExpired    = &decline{"expired_card", "expired_card", "Your card has expired."}
	declinedCVC        = &decline{"incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."}
	declinedProcessing = &decline{
		"processing_error", "processing_error",
		"An error occurred while processing your card. Try again in a little bit.",
	}
	declinedUnauthorized = &decline{
		"authentication_required", "authentication_required",
		"Your card was declined. This transaction requires authentication.",
	}
)

// testCards are the numbers of Stripe's testing page that the sandbox knows. Any other number that passes Luhn gets the
// error that Stripe returns for a real card in test mode.
var testCards = map[string]testCard{
	"4242424242424242": {brand: "visa"},
	"4000056655665556": {brand: "visa"},
	"5555555555554444": {brand: "mastercard"},
	"2223003122003222": {brand: "mastercard"},
	"378282246310005":  {brand: "amex"},
	"6011111111111117": {brand: "discover"},
	"5200828282828210": {brand: "mastercard"},
	"5105105105105100": {brand: "mastercard"},
	"3056930009020004": {brand: "diners"},
	"3566002020360505": {brand: "jcb"},
	"6200000000000005": {brand: "unionpay"},
	"4000000000000077": {brand: "visa"},
	"4000000000000259": {brand: "visa"},
	"4000000000002685": {brand: "visa"},
	"4000000000001976": {brand: "visa"},
	"4000000000005423": {brand: "visa"},
	"4000000000007726": {brand: "visa"},
	"4000000000005126": {brand: "visa"},
	"4000000000000002": {brand: "visa", decline: declinedGeneric},
	"4000000000009995": {brand: "visa", decline: declinedFunds},
	"4000000000009987": {brand: "visa", decline: declinedLost},
	"4000000000009979": {brand: "visa", decline: declinedStolen},
	"4000000000006975": {brand: "visa", decline: declinedVelocity},
	"4000000000000069": {brand: "visa", decline: declinedExpired},
	"4000000000000127": {brand: "visa", decline: declinedCVC},
	"4000000000000119": {brand: "visa", decline: declinedProcessing},
	"4100000000000019": {brand: "visa", decline: declinedFraud, attaches: true},
	"4000000000000341": {brand: "visa", decline: declinedGeneric, attaches: true},
	"4000002500003155": {brand: "visa", authenticates: true, attaches: true, untilSetUp: true},
	"4000003800000446": {brand: "visa", authenticates: true, attaches: true, offSessionReady: true},
	"4000002760003184": {brand: "visa", authenticates: true, attaches: true},
	"4000008260003178": {brand: "visa", authenticates: true, attaches: true, decline: declinedFunds},
	"4000008400001629": {brand: "visa", authenticates: true, attaches: true, decline: declinedGeneric},
}

// cardNames are the test cards' names in pm_card_… and tok_….
var cardNames = map[string]string{
	"visa":                                 "4242424242424242",
	"visa_debit":                           "4000056655665556",
	"mastercard":                           "5555555555554444",
	"amex":                                 "378282246310005",
	"discover":                             "6011111111111117",
	"mastercard_debit":                     "5200828282828210",
	"mastercard_prepaid":                   "5105105105105100",
	"diners":                               "3056930009020004",
	"jcb":                                  "3566002020360505",
	"unionpay":                             "6200000000000005",
	"radarBlock":                           "4100000000000019",
	"chargeDeclinedFraudulent":             "4100000000000019",
	"bypassPending":                        "4000000000000077",
	"createDispute":                        "4000000000000259",
	"createDisputeProductNotReceived":      "4000000000002685",
	"createDisputeInquiry":                 "4000000000001976",
	"createEarlyFraudWarning":              "4000000000005423",
	"refundPending":                        "4000000000007726",
	"refundFail":                           "4000000000005126",
	"chargeDeclined":                       "4000000000000002",
	"visa_chargeDeclined":                  "4000000000000002",
	"chargeDeclinedInsufficientFunds":      "4000000000009995",
	"visa_chargeDeclinedInsufficientFunds": "4000000000009995",
	"chargeDeclinedLostCard":               "4000000000009987",
	"visa_chargeDeclinedLostCard":          "4000000000009987",
	"chargeDeclinedStolenCard":             "4000000000009979",
	"visa_chargeDeclinedStolenCard":        "4000000000009979",
	"chargeDeclinedVelocityLimitExceeded":  "4000000000006975",
	"chargeDeclinedExpiredCard":            "4000000000000069",
	"chargeDeclinedIncorrectCvc":           "4000000000000127",
	"chargeDeclinedProcessingError":        "4000000000000119",
	"chargeCustomerFail":                   "4000000000000341",
	"authenticationRequired":               "4000002760003184",
	"authenticationRequiredOnSetup":        "4000002500003155",
	"threeDSecure2Required":                "4000002760003184",

	"authenticationRequiredSetupForOffSession":              "4000003800000446",
	"authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
	"threeDSecureRequiredChargeDeclined":                    "4000008400001629",
}

// namedCard returns the card number for a name such as pm_card_visa or tok_visa.
func namedCard(name string) (string, bool) {
	for _, prefix := range []string{"pm_card_", "tok_"} {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			number, known := cardNames[short]
			return number, known
		}
	}
	return "", false
}

// checkCard returns the error that Stripe finds in a card's data before it asks a bank, or nil. Units: month 1..12,
// year with four digits. cvc may be empty if the caller has none.
func checkCard(number string, month, year int64, cvc string, now int64) *apiError {
	refuse := func(code, param, message string) *apiError {
		return &apiError{
			status: 402, Type: "card_error", Code: code, Param: param, Message: message, DocURL: docURL(code),
		}
	}
	today := time.Unix(now, 0).UTC()
	wanted := 3
	if strings.HasPrefix(number, "34") || strings.HasPrefix(number, "37") {
		wanted = 4
	}
	switch {
	case !luhn(number):
		return refuse("incorrect_number", "number", "Your card number is incorrect.")
	case month < 1 || month > 12:
		return refuse("invalid_expiry_month", "exp_month", "Your card's expiration month is invalid.")
	case year < int64(today.Year()) || year > int64(today.Year())+50:
		return refuse("invalid_expiry_year", "exp_year", "Your card's expiration year is invalid.")
	case year == int64(today.Year()) && month < int64(today.Month()):
		return refuse("invalid_expiry_month", "exp_month", "Your card's expiration month is invalid.")
	case cvc != "" && (len(cvc) != wanted || strings.Trim(cvc, "0123456789") != ""):
		return refuse("invalid_cvc", "cvc", "Your card's security code is invalid.")
	case testCards[number].brand == "":
		return refuse(
			"card_declined", "",
			"Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, visit: https://stripe.com/docs/testing.",
		)
	}
	return nil
}

func luhn(number string) bool {
	if len(number) < 12 || len(number) > 19 || strings.Trim(number, "0123456789") != "" {
		return false
	}
	sum := 0
	for i := range number {
		digit := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return sum%10 == 0
}

func docURL(code string) string {
	return "https://stripe.com/docs/error-codes/" + strings.ReplaceAll(code, "_", "-")
}
