package spec

import (
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

// Limits on the nesting and the number of a request's parameters, so that hostile input costs little.
const (
	maxDepth      = 8
	maxParameters = 1000
)

// Problem is the refusal of a parameter, in Stripe's words.
type Problem struct {
	Code    string // parameter_unknown, parameter_missing, …; "" if Stripe gives none, as for bad enums
	Param   string // in the bracket form of the request, items[0][price]
	Message string
}

// Error returns the message for the caller of the API.
func (p *Problem) Error() string { return p.Message }

// tree is a decoded form: a string, a map of trees, or a list (a map of indices until it is ordered).
type tree struct {
	text     *string
	children map[string]*tree
	appended []*tree // from a[]=x
}

// Parse checks a form or a query against the declared fields and returns nested values: string, int64, float64, bool,
// map[string]any and []any. An allowed empty string stays an empty string, which means "unset".
func Parse(fields map[string]*Field, values url.Values) (Params, error) {
	root, err := grow(values)
	if err != nil {
		return nil, err
	}
	return object(fields, root, "")
}

func grow(values url.Values) (*tree, error) {
	root := &tree{children: map[string]*tree{}}
	names := make([]string, 0, len(values))
	count := 0
	for name, texts := range values {
		names = append(names, name)
		count += len(texts)
	}
	if count > maxParameters {
		return nil, &Problem{Message: fmt.Sprintf("Too many parameters: at most %d.", maxParameters)}
	}
	sort.Strings(names) // so that the same bad request always gets the same error
	for _, name := range names {
		for _, text := range values[name] {
			path, ok := split(name)
			if !ok || len(path) > maxDepth {
				return nil, &Problem{
					Code:    "parameter_unknown",
					Param:   name,
					Message: "Invalid request: the parameter name " + strconv.Quote(name) + " is malformed.",
				}
			}
			if !root.put(path, text) {
				return nil, &Problem{
					Param:   path[0],
					Message: "Invalid " + path[0] + ": it is given both as a value and as a hash or array.",
				}
			}
		}
	}
	return root, nil
}

// split turns a[b][] into a, b and the empty name.
func split(name string) ([]string, bool) {
	head, rest, nested := strings.Cut(name, "[")
	if head == "" {
		return nil, false
	}
	path := []string{head}
	if !nested {
		return path, true
	}
	if !strings.HasSuffix(rest, "]") {
		return nil, false
	}
	return append(path, strings.Split(strings.TrimSuffix(rest, "]"), "][")...), true
}

func (t *tree) put(path []string, text string) bool {
	if len(path) == 0 {
		t.text = &text // a repeated scalar: the last one counts, as at Stripe
		return t.children == nil && t.appended == nil
	}
	if t.text != nil {
		return false
	}
	if path[0] == "" {
		child := &tree{}
		t.appended = append(t.appended, child)
		return t.children == nil && child.put(path[1:], text)
	}
	if t.appended != nil {
		return false
	}
	if t.children == nil {
		t.children = map[string]*tree{}
	}
	child := t.children[path[0]]
	if child == nil {
		child = &tree{}
		t.children[path[0]] = child
	}
	return child.put(path[1:], text)
}

// items returns a list's members in order, or false if the tree is not a list.
func (t *tree) items() ([]*tree, bool) {
	if t.appended != nil {
		return t.appended, true
	}
	type member struct {
		index int
		tree  *tree
	}
	var members []member
	for name, child := range t.children {
		index, err := strconv.Atoi(name)
		if err != nil || index < 0 {
			return nil, false
		}
		members = append(members, member{index, child})
	}
	sort.Slice(members, func(i, j int) bool { return members[i].index < members[j].index })
	out := make([]*tree, len(members))
	for i, m := range members {
		out[i] = m.tree
	}
	return out, true
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "[" + name + "]"
}
