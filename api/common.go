package api

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/billing"
)

// spendPath is the address of a customer's spend.
const spendPath = "/points/spend"

// commonKey marks a request that has the common shape.
const commonKey = "common"

// maxCommon is how long the body of a request of the common shape may be.
const maxCommon = 512

// isCommon reports whether the contract is known to allow the request, because it has the common shape.
func isCommon(c echo.Context) bool { return c.Get(commonKey) != nil }

// recognizeCommon marks a spend of the common shape, which most spends have. The contract allows every such spend, so
// validate need not check it. What is unusual in any way is not marked, and is checked as all other requests are.
func recognizeCommon(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if c.Path() != spendPath || r.Method != http.MethodPost || r.ContentLength < 2 || r.ContentLength > maxCommon ||
			r.URL.RawQuery != "" || r.URL.ForceQuery || !commonHeaders(r.Header) {
			return next(c)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return unreadable(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if commonSpend(body) {
			c.Set(commonKey, true)
		}
		return next(c)
	}
}

// commonHeaders reports whether the headers that concern a spend are as most clients send them.
func commonHeaders(h http.Header) bool {
	if kind := h["Content-Type"]; len(kind) != 1 || kind[0] != "application/json" || len(h["Content-Encoding"]) > 0 {
		return false
	}
	keys := h["Idempotency-Key"]
	if len(keys) == 0 {
		return true
	}
	if len(keys) > 1 || len(keys[0]) == 0 || len(keys[0]) > 255 {
		return false
	}
	for i := range len(keys[0]) {
		if keys[0][i] < 0x21 || keys[0][i] > 0x7e {
			return false
		}
	}
	return true
}

// commonSpend reports whether a body is an object of amount, action, quantity and description, each at most once and as
// the contract has it. Its texts are plain: printable ASCII without escapes.
func commonSpend(body []byte) bool {
	rest, ok := bytes.CutPrefix(body, []byte("{"))
	var seen [4][]byte
	for n := 0; ok && n < len(seen); n++ {
		var name []byte
		if name, rest, ok = plainText(skipBlank(rest)); !ok || holds(seen[:n], name) {
			return false
		}
		seen[n] = name
		if rest, ok = bytes.CutPrefix(skipBlank(rest), []byte(":")); ok {
			rest, ok = commonMember(string(name), skipBlank(rest))
		}
		rest = skipBlank(rest)
		if after, closed := bytes.CutPrefix(rest, []byte("}")); closed && ok {
			return isBlank(after)
		}
		if ok {
			rest, ok = bytes.CutPrefix(rest, []byte(","))
		}
	}
	return false
}

func holds(names [][]byte, name []byte) bool {
	return slices.ContainsFunc(names, func(other []byte) bool { return bytes.Equal(other, name) })
}

// commonMember reads the value of a member, and reports whether the contract allows it.
func commonMember(name string, text []byte) (rest []byte, ok bool) {
	switch name {
	case "amount":
		return plainNumber(text, int64(billing.MaxPoints))
	case "quantity":
		return plainNumber(text, billing.MaxActionQuantity)
	case "action":
		value, rest, ok := plainText(text)
		return rest, ok && len(value) >= 1 && len(value) <= 40
	case "description":
		value, rest, ok := plainText(text)
		return rest, ok && len(value) <= 500
	}
	return text, false
}

func skipBlank(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// plainText reads a text without escapes.
func plainText(text []byte) (value, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, text, false
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[1:i], text[i+1:], true
		case c < 0x20 || c > 0x7e || c == '\\':
			return nil, text, false
		}
	}
	return nil, text, false
}

// plainNumber reads a number of digits alone, from 1 to most.
func plainNumber(text []byte, most int64) (rest []byte, ok bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(string(text[:end]), 10, 64)
	// What goes on (1e3, 1.5) is left to the other check, because neither a comma nor a bracket follows the digits.
	return text[end:], err == nil && n >= 1 && n <= most && text[0] != '0'
}
