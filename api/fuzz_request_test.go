package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// probe is one request of the fuzzer.
type probe struct {
	operation operation
	method    string
	as        string // the kind of its caller
	caller    *client
	account   string // the account of its path, if it has one
	path      string // escaped
	query     string
	header    []string // names and values
	tree      any      // the body as JSON, or nil
	body      string   // as it is sent
	changed   bool     // not what the contract asks for
}

// String returns the request as a person can repeat it.
func (r probe) String() string {
	return fmt.Sprintf(
		"%s as %q: %s %s?%s %q %.700q", r.operation.OperationID, r.as, r.method, r.path, r.query, r.header, r.body,
	)
}

// seldom are operations that hash a password or wait: one in so many of their turns is taken.
var seldom = map[string]int{
	"register": 4, "login": 4, "changePassword": 4, "resetPassword": 4, "changeEmail": 4, "completeRegistration": 4,
	"streamSession": 8, "deleteAccount": 8, "deleteAccountOf": 8, "disableAccount": 4, "logout": 4,
}

// often are operations that move points or money, and what others need.
var often = []string{
	"createHold", "holdFor", "captureHold", "captureFor", "releaseHold", "spendPoints", "spendFor", "createCheckout",
	"changeSubscription", "createServiceKey", "addWebhook",
}

// named returns the operation with an id.
func (f *fuzzer) named(id string) operation {
	at := slices.IndexFunc(f.operations, func(o operation) bool { return o.OperationID == id })
	if at < 0 {
		f.t.Fatalf("the contract has no operation %s", id)
	}
	return f.operations[at]
}

// request makes a request: most are valid, the others changed in one place or two.
func (f *fuzzer) request() probe {
	o := pick(f, f.operations)
	if f.random.IntN(5) == 0 {
		o = f.named(pick(f, often))
	}
	for seldom[o.OperationID] > 0 && f.random.IntN(seldom[o.OperationID]) > 0 {
		o = pick(f, f.operations)
	}
	r := probe{operation: o, method: o.method, as: o.as}
	if o.as == anonymous {
		r.caller = &client{t: f.t, w: f.w}
	} else {
		r.caller = pick(f, f.callers[o.as])
	}
	if o.OperationID == "refresh" {
		r.caller = pick(f, f.callers[user])
	}
	f.fill(&r)
	if f.random.IntN(5) < 2 {
		for range 1 + f.random.IntN(2) {
			f.change(&r)
		}
	}
	if r.body == "" && r.tree != nil {
		b, err := json.Marshal(r.tree)
		must(f.t, err)
		r.body = string(b)
	}
	if o.OperationID == "streamSession" {
		r.query = "seconds=1" // or it would last ten minutes
	}
	if o.OperationID == "receiveWebhook" && f.random.IntN(4) > 0 {
		r.header = append(r.header, "Stripe-Signature", sign(r.body, f.w.secret, f.w.Now()))
	}
	return r
}

// fill gives a request valid parameters and a valid body.
func (f *fuzzer) fill(r *probe) {
	query := url.Values{}
	r.path = r.operation.path
	f.owner = ""
	if r.as == user {
		f.owner = r.caller.claims().text("sub")
	}
	for _, ref := range r.operation.parameters {
		p := ref.Value
		if !p.Required && p.Name != "seconds" && f.random.IntN(2) == 0 {
			continue
		}
		if p.Name == "Stripe-Signature" {
			continue // it depends on the body
		}
		text := fmt.Sprint(f.value(p.Name, p.Schema.Value, r.caller))
		switch p.In {
		case "path":
			if p.Name == "account_id" {
				r.account, f.owner = text, text // the other ids are of this account, if some are known
			}
			r.path = strings.ReplaceAll(r.path, "{"+p.Name+"}", url.PathEscape(text))
		case "query":
			query.Set(p.Name, text)
		case "header":
			if p.Name == "Idempotency-Key" && f.random.IntN(3) > 0 {
				text = fmt.Sprint("fuzz-", f.random.IntN(40), "-", f.random.IntN(40))
			}
			r.header = append(r.header, p.Name, text)
		}
	}
	r.query = query.Encode()
	if r.operation.OperationID == "receiveWebhook" {
		must(f.t, json.Unmarshal([]byte(event(fmt.Sprint("evt_", f.random.IntN(100)), "cus_1")), &r.tree))
	} else if b := r.operation.RequestBody; b != nil {
		f.purpose = purposes[r.operation.OperationID]
		r.tree = f.value("", b.Value.Content.Get("application/json").Schema.Value, r.caller)
	}
}

// purposes are the names in the links of mails whose tokens an operation takes.
var purposes = map[string]string{
	"verifyEmail": "verify_email", "confirmEmail": "change_email", "resetPassword": "reset_password",
}

// change breaks a request in one place.
func (f *fuzzer) change(r *probe) {
	r.changed = true
	switch f.random.IntN(14) {
	case 0:
		r.path = f.badPath(r.path)
	case 1:
		r.query = f.badQuery(*r)
	case 2:
		name, value, _ := strings.Cut(pick(f, f.hostile.headers), ":")
		r.header = append(r.header, name, strings.TrimSpace(value))
	case 3:
		key := pick(f, []string{"", "ä", "a b", strings.Repeat("k", 256), "twice"})
		r.header = append(r.header, "Idempotency-Key", key)
	case 4:
		r.method = pick(f, []string{"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"})
	case 5:
		r.caller = pick(f, f.callers[pick(f, []string{user, admin, worker})]).other()
	case 6:
		r.caller = &client{t: f.t, w: f.w, token: pick(f, append([]string{"", "a.b.c"}, f.known["secret"]...))}
	case 7:
		r.body = pick(f, f.hostile.bodies)
	case 8:
		r.body = f.brokenText(r.tree)
	case 9:
		r.tree = f.brokenValue(r.tree, 0)
	default:
		if b := r.operation.RequestBody; b != nil {
			f.outside = true
			r.tree = f.value("", b.Value.Content.Get("application/json").Schema.Value, r.caller)
			f.outside = false
		}
	}
}

// badQuery changes one parameter of a query, or the whole.
func (f *fuzzer) badQuery(r probe) string {
	var names []string
	for _, p := range r.operation.parameters {
		if p.Value.In == "query" {
			names = append(names, p.Value.Name)
		}
	}
	if len(names) > 0 && f.random.IntN(3) > 0 {
		return url.Values{pick(f, names): {pick(f, []string{
			"\x00", "\xff", "a\x00", "", " ", "-1", "0", "1e3", "101", "null", "'", "%", "\u202e",
			strings.Repeat("é", 3000),
		})}}.Encode()
	}
	return pick(f, []string{
		r.query + "&" + r.query, r.query + "&unknown=1", pick(f, f.hostile.queries), r.query + "&limit=0&cursor=%00",
	})
}

// badPath replaces a segment of a path.
func (f *fuzzer) badPath(path string) string {
	parts := strings.Split(path, "/")
	parts[1+f.random.IntN(len(parts)-1)] = pick(f, []string{
		"..", "%2e%2e", "%00", "%ff", "%F0%9F%92%A9", "", " ", "a", strings.Repeat("a", 3000), "-1", "'%20OR%201=1",
		"acc_01jd0000000000000000000000", "ACC_01JD0000000000000000000000", "null", "%7Baccount_id%7D",
	})
	return strings.Join(parts, "/")
}

// brokenText returns JSON with a byte changed, cut off or doubled.
func (f *fuzzer) brokenText(tree any) string {
	b, err := json.Marshal(tree)
	must(f.t, err)
	at := f.random.IntN(len(b))
	switch f.random.IntN(5) {
	case 0:
		return string(b[:at])
	case 1:
		return string(b) + string(b)
	case 2:
		return strings.Replace(string(b), "{", `{"amount":1,"amount":2,`, 1)
	case 3:
		return string(slices.Insert(b, at, byte(f.random.IntN(256))))
	}
	b[at] = byte(f.random.IntN(256))
	return string(b)
}

// brokenValue replaces a value, or one within it.
func (f *fuzzer) brokenValue(value any, depth int) any {
	switch v := value.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		if depth > 0 && f.random.IntN(4) == 0 {
			break
		}
		broken := maps.Clone(v)
		if len(names) == 0 || f.random.IntN(6) == 0 {
			name := pick(f, []string{"unknown", "", "__proto__", "role", "Amount", "points"})
			broken[name] = pick(f, f.hostile.values)
			return broken
		}
		name := pick(f, names)
		if f.random.IntN(4) == 0 {
			delete(broken, name)
		} else {
			broken[name] = f.brokenValue(v[name], depth+1)
		}
		return broken
	case []any:
		if len(v) > 0 && f.random.IntN(3) > 0 {
			broken := slices.Clone(v)
			broken[f.random.IntN(len(v))] = f.brokenValue(v[0], depth+1)
			return broken
		}
		return append(slices.Clone(v), v...)
	}
	return pick(f, append([]any{
		nil, true, -1, 0, 1.5, json.Number("1e400"), json.Number("9223372036854775808"), int64(1) << 53, "", " ",
		"\x00", "\u202e", strings.Repeat("é", 300), []any{}, map[string]any{}, []any{[]any{[]any{}}}, value,
	}, f.hostile.values...))
}

// errNoRequest is for what no client of Go's can send.
var errNoRequest = errors.New("this is no request")

// try sends a request. A public operation has a client of its own, so that no caller takes the token of another.
func (f *fuzzer) try(r probe) (answer, error) {
	address := r.path
	if r.query != "" {
		address += "?" + r.query
	}
	if _, err := http.NewRequest(r.method, f.w.url+address, nil); err != nil {
		return answer{}, errNoRequest
	}
	for i := 0; i+1 < len(r.header); i += 2 {
		if !httpguts.ValidHeaderFieldName(r.header[i]) || !httpguts.ValidHeaderFieldValue(r.header[i+1]) {
			return answer{}, errNoRequest
		}
	}
	var body any
	if r.body != "" {
		body = r.body
	}
	return r.caller.do(r.method, address, body, r.header...)
}
