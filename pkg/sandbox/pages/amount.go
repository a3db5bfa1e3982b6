package pages

import (
	"strconv"
	"strings"
)

// Amount formats an amount of money given in the currency's smallest unit: Amount(1900, "usd") is "$19.00" and
// Amount(500, "jpy") is "¥500". If a currency has no sign, its code is placed before the number.
func Amount(cents int64, currency string) string {
	code := strings.ToUpper(currency)
	digits := strconv.FormatUint(magnitude(cents), 10)
	decimals := decimalsOf(code)
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	text := grouped(digits[:len(digits)-decimals])
	if decimals > 0 {
		text += "." + digits[len(digits)-decimals:]
	}
	if sign, ok := signs[code]; ok {
		text = sign + text
	} else if code != "" {
		text = code + "\u00a0" + text // a line break must not separate the code from its number
	}
	if cents < 0 {
		text = "−" + text
	}
	return text
}

var signs = map[string]string{
	"AUD": "A$", "CAD": "CA$", "EUR": "€", "GBP": "£", "INR": "₹", "JPY": "¥", "KRW": "₩", "NZD": "NZ$", "USD": "$",
}

// decimalsOf returns how many decimals a currency has. It follows Stripe's documentation on currencies, not ISO 4217:
// ISK and UGX have no decimals in practice, but the API counts them in hundredths.
func decimalsOf(code string) int {
	switch code {
	case "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "JOD", "KWD", "OMR", "TND":
		return 3
	default:
		return 2
	}
}

// magnitude returns the absolute value. It is right for the smallest int64 too, whose negation does not fit an int64.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// grouped puts a comma before every three digits: "1234567" becomes "1,234,567".
func grouped(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
