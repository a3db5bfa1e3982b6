package api

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"
)

// commonBodies are spends of the common shape, and bodies that are nearly such.
var commonBodies = map[string]bool{
	`{"amount":1}`: true,
	`{ "amount" : 8796093022208 , "description" : "one picture" } `: true,
	`{"action":"picture","quantity":1000000}`:                       true,
	`{"description":"","amount":12}`:                                true,
	`{"amount":1,"quantity":2,"action":"a","description":"b"}`:      true,

	``: false, `{}`: false, `{"amount":0}`: false, `{"amount":-1}`: false, `{"amount":01}`: false,
	`{"amount":1.0}`: false,
	`{"amount":1e1}`: false, `{"amount":8796093022209}`: false, `{"amount":99999999999999999999}`: false,
	`{"amount":"1"}`: false, `{"amount":null}`: false, `{"amount":1,"amount":1}`: false, `{"amount":1,}`: false,
	`{"amount":1`: false, `{"amount":1}}`: false, `{"amount":1} {}`: false, `[{"amount":1}]`: false,
	` {"amount":1}`: false,
	`{"Amount":1}`:  false, `{"amount":1,"metadata":{}}`: false, `{"other":1}`: false, `{"amount" 1}`: false,
	`{"action":""}`: false, `{"action":"` + strings.Repeat("a", 41) + `"}`: false, `{"quantity":1000001}`: false,
	"{\"description\":\"caf\u00e9\"}": false, "{\"description\":\"\x00\"}": false, `{"description":"\u0000"}`: false,
	`{"description":"a\"b"}`: false, "{\"description\":\"\xff\"}": false, `{,"amount":1}`: false, `{"amount":}`: false,
}

// Proves what the common shape is: unusual bodies are left to the other check.
func TestCommonSpend(t *testing.T) {
	t.Parallel()
	for body, want := range commonBodies {
		if got := commonSpend([]byte(body)); got != want {
			t.Errorf("%q is common: %t", body, got)
		}
	}
}

// checkedBy returns what the contract and the decoder say about a spend.
func checkedBy(c *contract, body, key string) error {
	e := echo.New()
	r := httptest.NewRequest(http.MethodPost, spendPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	ctx := e.NewContext(r, httptest.NewRecorder())
	ctx.SetPath(spendPath)
	return c.validate(func(ctx echo.Context) error {
		var into SpendRequest
		return strictBinder{}.Bind(&into, ctx)
	})(ctx)
}

// Proves that the contract allows whatever has the common shape, by requests that are nearly right. A narrow check that
// lets one more through would be a second contract.
func TestContractAllowsTheCommonShape(t *testing.T) {
	t.Parallel()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	for body, common := range commonBodies {
		if err := checkedBy(c, body, ""); common && err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		body := nearlyCommon(t)
		key := rapid.SampledFrom([]string{"", "k", "k 1", "k\u00e9", strings.Repeat("k", 256)}).Draw(t, "key")
		header := http.Header{"Content-Type": {"application/json"}}
		if key != "" {
			header.Set("Idempotency-Key", key)
		}
		if !commonSpend(body) || !commonHeaders(header) {
			return
		}
		if err := checkedBy(c, string(body), key); err != nil {
			t.Fatalf("%q with the key %q has the common shape, but %v", body, key, err)
		}
	})
}

// nearlyCommon draws a body of the right members, of which a few bytes may be wrong.
func nearlyCommon(t *rapid.T) []byte {
	var members []string
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := rapid.SampledFrom(
			[]string{"amount", "quantity", "action", "description", "metadata", "Amount"},
		).Draw(t, "name")
		var value string
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			value = fmt.Sprint(rapid.Int64().Draw(t, "number"))
		case 1:
			value = fmt.Sprint(rapid.IntRange(-1, 2_000_000).Draw(t, "small"))
		default:
			texts := rapid.OneOf(rapid.StringN(0, 60, -1), rapid.StringMatching(`[ !#-\[\]-~]{0,45}`))
			value = `"` + texts.Draw(t, "text") + `"`
		}
		members = append(members, fmt.Sprintf("%q:%s", name, value))
	}
	body := []byte("{" + strings.Join(members, ",") + "}")
	if rapid.Bool().Draw(t, "wrong") {
		at := rapid.IntRange(0, len(body)-1).Draw(t, "at")
		return bytes.Join([][]byte{body[:at], rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "instead"), body[at+1:]}, nil)
	}
	return body
}
