package api_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

// memory is what responses said: ids by their prefixes, and other texts by their members.
type memory map[string][]string

const memoryLimit = 100 // of each kind; the oldest are forgotten

// add remembers a text once.
func (m memory) add(kind, text string) {
	if text == "" || slices.Contains(m[kind], text) {
		return
	}
	m[kind] = append(m[kind], text)
	if len(m[kind]) > memoryLimit {
		m[kind] = m[kind][1:]
	}
}

var (
	idPattern = regexp.MustCompile(`^([a-z]{3})_[0-9a-hjkmnp-tv-z]{26}$`)
	// remembered are the members, apart from ids, whose texts later requests use.
	remembered = []string{"email", "refresh_token", "external_id", "next_cursor", "secret", "receipt"}
)

// learn remembers the ids and texts of a value of a response, and calls seen with each id.
func (m memory) learn(member string, value any, seen func(id string)) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			m.learn(name, v[name], seen)
		}
	case []any:
		for _, one := range v {
			m.learn(member, one, seen)
		}
	case string:
		if id := idPattern.FindStringSubmatch(v); id != nil {
			m.add(id[1], v)
			seen(v)
		}
		if slices.Contains(remembered, member) {
			m.add(member, v)
		}
	}
}

// fuzzWords are values that mean something, for members and parameters that the contract leaves open.
var fuzzWords = map[string][]any{
	"item":          {"pack_100", "pack_1000", "basic_monthly", "pro_monthly", "pack_0"},
	"pack":          {"pack_100", "pack_1000", "pro_monthly"},
	"plan":          {"basic_monthly", "pro_monthly", "pack_100"},
	"action":        {"picture", "minute", "nothing"},
	"password":      {password, newPassword},
	"success_url":   {appURL, shopURL + "/paid?order={ORDER_ID}", "https://evil.example/"},
	"cancel_url":    {appURL, "https://evil.example/"},
	"return_url":    {appURL, "https://evil.example/"},
	"url":           {"https://example.com/hook", "https://example.com/other", "https://127.0.0.1/hook"},
	"external_id":   {"user-1", "user-2", "auth0|64f1c0"},
	"reference":     {"receipt-1", "receipt-2", "receipt-3"},
	"amount":        {1, 2, 5, 30, 99, 100},
	"quantity":      {1, 2, 3},
	"ttl_seconds":   {60, 3600},
	"account":       {true},
	"seconds":       {1},
	"limit":         {1, 2, 100},
	"Last-Event-ID": {"1", "7"},
}

// aliases are members whose best value is known under another name.
var aliases = map[string]string{
	"current_password": "password", "cursor": "next_cursor", "id_token": "receipt", "threshold": "amount",
}

// value returns a value that a schema allows, mostly one that means something to the server.
func (f *fuzzer) value(name string, s *openapi3.Schema, as *client) any {
	if f.outside && f.random.IntN(3) == 0 {
		if broken, ok := f.outsideOf(s); ok {
			f.outside = false // one is enough: the others must not hide it
			return broken
		}
	}
	if s.Nullable && f.random.IntN(8) == 0 {
		return nil
	}
	if other, ok := aliases[name]; ok {
		if _, known := fuzzWords[other]; known || len(f.known[other]) > 0 {
			name = other
		}
	}
	if name == "token" && f.purpose != "" {
		name = "token of " + f.purpose
	}
	if name == "refresh_token" && as.refresh != "" && f.random.IntN(2) == 0 {
		return as.refresh
	}
	if words := fuzzWords[name]; len(words) > 0 && f.random.IntN(6) > 0 {
		return pick(f, words)
	}
	if known := f.known[name]; len(known) > 0 && f.random.IntN(3) > 0 {
		return pick(f, known[max(0, len(known)-8):])
	}
	switch {
	case len(s.Enum) > 0:
		return pick(f, s.Enum)
	case len(s.AllOf) > 0:
		return f.value(name, s.AllOf[0].Value, as)
	case s.Type.Is("object"):
		return f.object(s, as)
	case s.Type.Is("array"):
		return f.array(name, s, as)
	case s.Type.Is("boolean"):
		return f.random.IntN(2) == 0
	case s.Type.Is("integer"), s.Type.Is("number"):
		return f.integer(s)
	}
	return f.text(s)
}

// outsideOf returns a value that a schema only just refuses. ok is false if the choice does not apply to it.
func (f *fuzzer) outsideOf(s *openapi3.Schema) (_ any, ok bool) {
	switch f.random.IntN(8) {
	case 0:
		return nil, !s.Nullable
	case 1:
		return []any{}, !s.Type.Is("array") || s.MinItems > 0
	case 2:
		return json.Number(fmt.Sprintf("%.0f", *cmp.Or(s.Max, new(float64))+1)), s.Max != nil
	case 3:
		return json.Number(fmt.Sprintf("%.0f", *cmp.Or(s.Min, new(float64))-1)), s.Min != nil
	case 4:
		return strings.Repeat("x", int(*cmp.Or(s.MaxLength, new(uint64)))+1), s.MaxLength != nil
	case 5:
		return "", s.MinLength > 0 || s.Pattern != "" || s.Format != "" || len(s.Enum) > 0
	case 6:
		return "not of it", len(s.Enum) > 0 || s.Pattern != "" || s.Format == "email" || s.Format == "date-time"
	}
	return 1.5, s.Type.Is("integer")
}

func pick[T any](f *fuzzer, of []T) T { return of[f.random.IntN(len(of))] }

// object returns an object with the required members and some of the others.
func (f *fuzzer) object(s *openapi3.Schema, as *client) map[string]any {
	made := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(s.Required, name) || f.random.IntN(2) == 0 {
			made[name] = f.value(name, s.Properties[name].Value, as)
		}
	}
	if s.Properties["action"] != nil && s.Properties["amount"] != nil {
		f.oneOfTwo(made, s, as)
	}
	if more := s.AdditionalProperties.Schema; more != nil {
		for n := range f.random.IntN(3) {
			made[fmt.Sprint("key", n)] = f.value("", more.Value, as)
		}
	}
	return made
}

// oneOfTwo leaves either an action or an amount in a spend or a hold, as their descriptions say.
func (f *fuzzer) oneOfTwo(made map[string]any, s *openapi3.Schema, as *client) {
	name, other := "action", "amount"
	if f.random.IntN(2) == 0 {
		name, other = other, name
		delete(made, "quantity")
	}
	delete(made, other)
	made[name] = f.value(name, s.Properties[name].Value, as)
}

func (f *fuzzer) array(name string, s *openapi3.Schema, as *client) []any {
	n := int(s.MinItems) + f.random.IntN(3)
	if s.MaxItems != nil {
		n = min(n, int(*s.MaxItems))
	}
	made := make([]any, 0, n)
	for range n {
		one := f.value(name, s.Items.Value, as)
		if !s.UniqueItems || !slices.Contains(made, one) {
			made = append(made, one)
		}
	}
	return made
}

// integer returns a number that is small, or at a limit, or anywhere.
func (f *fuzzer) integer(s *openapi3.Schema) int64 {
	low, high := int64(-1<<53), int64(1<<53)
	if s.Min != nil {
		low = int64(*s.Min)
	}
	if s.Max != nil {
		high = int64(*s.Max)
	}
	switch f.random.IntN(6) {
	case 0:
		return low
	case 1:
		return high
	case 2:
		return low + f.random.Int64N(high-low+1)
	}
	return max(low, min(high, max(low, 0)+f.random.Int64N(60)))
}

var prefixPattern = regexp.MustCompile(`^\^\(?([a-z|]+)\)?_\[`)

// idsOf returns known ids with a prefix: mostly those of the account that the request is about.
func (f *fuzzer) idsOf(prefix string) []string {
	known := f.known[prefix]
	own := slices.DeleteFunc(slices.Clone(known), func(id string) bool { return f.owners[id] != f.owner })
	if f.owner != "" && len(own) > 0 && f.random.IntN(4) > 0 {
		return own
	}
	return known
}

// text returns a text of a schema's format, pattern or length.
func (f *fuzzer) text(s *openapi3.Schema) string {
	seed := int(f.random.Int32())
	if ids := prefixPattern.FindStringSubmatch(s.Pattern); ids != nil {
		if known := f.idsOf(pick(f, strings.Split(ids[1], "|"))); len(known) > 0 && f.random.IntN(6) > 0 {
			return pick(f, known)
		}
	}
	switch {
	case s.Pattern != "":
		made := rapid.StringMatching(s.Pattern).Example(seed)
		if s.MaxLength != nil && len(made) > int(*s.MaxLength) {
			made = made[:*s.MaxLength]
		}
		return made
	case s.Format == "email":
		return fmt.Sprintf("fuzz%d@example.com", f.random.IntN(1000))
	case s.Format == "date-time":
		at := f.w.Now().Add(time.Duration(f.random.Int64N(int64(800*24*time.Hour))) - 24*time.Hour)
		return at.UTC().Format(pick(f, []string{time.RFC3339, time.RFC3339Nano, "2006-01-02T15:04:05.000Z"}))
	case s.Format == "uri":
		return pick(f, []string{appURL, "https://example.com/a?b=c#d", "urn:x"})
	}
	high := int(s.MinLength) + 12
	if s.MaxLength != nil {
		high = int(*s.MaxLength)
		if f.random.IntN(8) > 0 {
			high = min(high, int(s.MinLength)+12)
		}
	}
	return rapid.StringOfN(rapid.Rune(), int(s.MinLength), high, -1).Example(seed)
}
