package sandbox

import (
	"strconv"
	"strings"
	"unicode"
)

// Limits of a search. The limit on the query's length is Stripe's. The limit on the number of clauses is ours.
const (
	maxQuery   = 5000
	maxClauses = 20
	leastPart  = 3 // the least number of letters in a substring, as at Stripe
)

// clause is one condition of a search: a field, an operator and a value.
type clause struct {
	negated  bool
	field    string
	key      string // of metadata["key"]
	operator string // : ~ > < >= <=
	value    string
	null     bool
}

// searchQuery is a parsed query: its clauses, of which either all or one must hold.
type searchQuery struct {
	clauses []clause
	any     bool // joined by OR
}

// parseQuery parses Stripe's search query language. Clauses are joined by AND (or by a space) or by OR, never by both.
func parseQuery(text string) (searchQuery, error) {
	var q searchQuery
	if len(text) > maxQuery {
		return q, invalid("query", "The search query is too long: it can have up to %d characters.", maxQuery)
	}
	r := &queryReader{rest: text}
	joined := ""
	for r.skip(); r.rest != ""; r.skip() {
		if len(q.clauses) > 0 {
			word := r.joint()
			if joined != "" && word != joined {
				return q, invalid(
					"query", "We were unable to parse your search query. AND and OR cannot be combined in one query.",
				)
			}
			joined = word
		}
		each, ok := r.clause()
		if !ok {
			return q, unparsed(text, len(text)-len(r.rest))
		}
		if q.clauses = append(q.clauses, each); len(q.clauses) > maxClauses {
			return q, invalid("query", "The search query has too many clauses: it can have up to %d.", maxClauses)
		}
	}
	if len(q.clauses) == 0 {
		return q, unparsed(text, 0)
	}
	q.any = joined == "OR"
	return q, nil
}

func unparsed(text string, at int) error {
	return invalid("query", "We were unable to parse your search query. Try using the format `metadata[\"key\"]:\"value\"` to query for metadata or key:\"value\" to query for other fields. It stops making sense at character %d: %q.",
		at+1, text[at:min(len(text), at+20)])
}

// queryReader parses a query from its front.
type queryReader struct{ rest string }

func (r *queryReader) skip() { r.rest = strings.TrimLeftFunc(r.rest, unicode.IsSpace) }

// take removes a prefix and reports whether it was there.
func (r *queryReader) take(prefix string) bool {
	rest, found := strings.CutPrefix(r.rest, prefix)
	r.rest = rest
	return found
}

// joint reads the word between two clauses. It returns AND if there is none.
func (r *queryReader) joint() string {
	for _, word := range []string{"AND", "OR"} {
		if len(r.rest) > len(word) && strings.EqualFold(
			r.rest[:len(word)], word,
		) && unicode.IsSpace(rune(r.rest[len(word)])) {
			r.rest = r.rest[len(word):]
			r.skip()
			return word
		}
	}
	return "AND"
}

func (r *queryReader) clause() (clause, bool) {
	c := clause{negated: r.take("-")}
	if c.field = r.word(); c.field == "" {
		return c, false
	}
	if r.take("[") {
		key, quoted := r.quoted()
		if !quoted || !r.take("]") {
			return c, false
		}
		c.key = key
	}
	for _, operator := range []string{">=", "<=", ":", "~", ">", "<", "="} {
		if r.take(operator) {
			c.operator = operator
			break
		}
	}
	if c.operator == "=" {
		c.operator = ":"
	}
	if value, quoted := r.quoted(); quoted {
		c.value = value
		return c, c.operator != ""
	}
	c.value = r.word()
	c.null = strings.EqualFold(c.value, "null")
	return c, c.operator != "" && c.value != ""
}

// word reads a field's name or a value without quotes.
func (r *queryReader) word() string {
	end := strings.IndexFunc(r.rest, func(letter rune) bool {
		return letter != '_' && letter != '.' && letter != '-' && letter != '+' && !unicode.IsLetter(letter) &&
			!unicode.IsDigit(letter)
	})
	if end < 0 {
		end = len(r.rest)
	}
	word := r.rest[:end]
	r.rest = r.rest[end:]
	return word
}

// quoted reads a text in quotes of either kind. A backslash takes the next letter as it is.
func (r *queryReader) quoted() (string, bool) {
	if r.rest == "" || r.rest[0] != '"' && r.rest[0] != '\'' {
		return "", false
	}
	var value strings.Builder
	for i := 1; i < len(r.rest); i++ {
		switch letter := r.rest[i]; {
		case letter == r.rest[0]:
			r.rest = r.rest[i+1:]
			return value.String(), true
		case letter == '\\' && i+1 < len(r.rest):
			i++
			value.WriteByte(r.rest[i])
		default:
			value.WriteByte(letter)
		}
	}
	return "", false
}

// matches reports whether one value of an object satisfies a clause. nil means null. Other values are text, a number or
// a flag.
func (c clause) matches(value any) bool {
	if c.null {
		return value == nil
	}
	switch value := value.(type) {
	case string:
		if c.operator == "~" {
			return strings.Contains(strings.ToLower(value), strings.ToLower(c.value))
		}
		return strings.EqualFold(value, c.value)
	case bool:
		return strconv.FormatBool(value) == strings.ToLower(c.value)
	case int64:
		return c.compares(value)
	}
	return false
}

func (c clause) compares(value int64) bool {
	wanted, err := strconv.ParseInt(c.value, 10, 64)
	if err != nil {
		return false // check has already refused it
	}
	switch c.operator {
	case ">":
		return value > wanted
	case "<":
		return value < wanted
	case ">=":
		return value >= wanted
	case "<=":
		return value <= wanted
	}
	return value == wanted
}
