package sandbox

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// searchKind decides how the values of a field can be compared.
type searchKind int

const (
	byWord   searchKind = iota // the whole word
	byText                     // the whole text, or a part of it
	byNumber                   // greater, less, equal
)

// searchField is a field that a search may name.
type searchField[T any] struct {
	kind  searchKind
	value func(*T) any // text, int64, bool, or nil for null
}

// searchable are the fields of one kind of object by name. Metadata is searchable for every kind.
type searchable[T any] struct {
	fields   map[string]searchField[T]
	metadata func(*T) map[string]string
}

// searchPage is one page of search results. A next_page token leads to the next page, and not an id.
type searchPage struct {
	Object     string `json:"object"`
	Data       []any  `json:"data"`
	HasMore    bool   `json:"has_more"`
	NextPage   text   `json:"next_page"`
	TotalCount *int64 `json:"total_count,omitempty"`
	URL        string `json:"url"`
}

// search returns the rows that a query matches, newest first. At Stripe, it takes a while until the newest are found.
func search[T any](c *call, t *table[T], s searchable[T], living func(*T) bool) (any, error) {
	q, err := parseQuery(c.p.Text("query"))
	if err != nil {
		return nil, err
	}
	for _, each := range q.clauses {
		if err := s.check(each); err != nil {
			return nil, err
		}
	}
	limit, _, _, err := cursor(c.p)
	if err != nil {
		return nil, err
	}
	found := newestFirst(t.where(func(item *T) bool { return (living == nil || living(item)) && s.matches(q, item) }))
	from, err := pageStart(c.p.Text("page"), found)
	if err != nil {
		return nil, err
	}
	result := &searchPage{Object: "search_result", Data: []any{}, URL: c.path}
	to := min(len(found), from+limit)
	for _, item := range found[from:to] {
		result.Data = append(result.Data, item)
	}
	if to < len(found) {
		result.HasMore, result.NextPage = true, text(
			base64.RawURLEncoding.EncodeToString([]byte(any(found[to]).(row).key())),
		)
	}
	if slices.Contains(c.p.Texts("expand"), "total_count") {
		result.TotalCount = amountOf(int64(len(found)))
	}
	return result, nil
}

// pageStart finds the row that a page begins with. The page's token is that row's id, so new rows do not shift the
// pages.
func pageStart[T any](page string, found []*T) (int, error) {
	if page == "" {
		return 0, nil
	}
	id, err := base64.RawURLEncoding.DecodeString(page)
	at := slices.IndexFunc(found, func(item *T) bool { return any(item).(row).key() == string(id) })
	if err != nil || at < 0 {
		return 0, invalid("page", "Invalid page: it must be the next_page of an earlier answer to the same query.")
	}
	return at, nil
}

// check refuses a clause that makes no sense for its field.
func (s searchable[T]) check(c clause) error {
	if c.field == "metadata" {
		switch {
		case c.key == "":
			return invalid("query", "Metadata is searched by key: metadata[\"key\"]:\"value\".")
		case c.operator != ":":
			return invalid("query", "Field `metadata` supports the operator `:` only.")
		}
		return nil
	}
	f, known := s.fields[c.field]
	if !known || c.key != "" {
		names := slices.Sorted(maps.Keys(s.fields))
		return invalid(
			"query", "Field `%s` is an unsupported search field for this resource. It has: %s, metadata.", c.field,
			strings.Join(names, ", "),
		)
	}
	switch {
	case c.null && c.operator != ":":
		return invalid("query", "null is compared with the operator `:` only.")
	case c.null:
		return nil
	case c.operator == "~" && f.kind != byText:
		return invalid("query", "Field `%s` does not support the operator `~`.", c.field)
	case c.operator == "~" && len([]rune(c.value)) < leastPart:
		return invalid("query", "A substring to search for has at least %d characters.", leastPart)
	case f.kind == byNumber:
		if _, err := strconv.ParseInt(c.value, 10, 64); err != nil {
			return invalid("query", "Field `%s` is compared with a whole number, not with %q.", c.field, c.value)
		}
	case c.operator != ":" && c.operator != "~":
		return invalid("query", "Field `%s` does not support the operator `%s`.", c.field, c.operator)
	}
	return nil
}

func (s searchable[T]) matches(q searchQuery, item *T) bool {
	for _, c := range q.clauses {
		holds := c.matches(s.value(c, item)) != c.negated
		if holds == q.any {
			return holds // OR is decided by the first clause that holds, AND by the first that does not
		}
	}
	return !q.any
}

// value returns an object's value for the field of a clause. An empty text is null.
func (s searchable[T]) value(c clause, item *T) any {
	var value any
	if c.field == "metadata" {
		value = s.metadata(item)[c.key]
	} else {
		value = s.fields[c.field].value(item)
	}
	if value == "" {
		return nil
	}
	return value
}
