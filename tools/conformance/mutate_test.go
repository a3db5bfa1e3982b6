package conformance

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// mutant is a request with exactly one mistake.
type mutant struct {
	operation  string // "POST /v1/customers"
	kind       string // the broken rule
	param      string // where, in Stripe's notation
	good, form string // the correct form, and the wrong one
}

// mutations are the ways to break a declared parameter. Each returns the replacement value, or nil to leave the
// parameter out, and whether it applies to such a parameter.
var mutations = map[string]func(field node, required bool) (value any, applies bool){
	"UnknownKey": func(field node, _ bool) (any, bool) {
		broken, isHash := sample(field).(node)
		_, closed := shape(field)["properties"]
		return broken, isHash && closed
	},
	"WrongType": wrongType,
	"BadEnum": func(field node, _ bool) (any, bool) {
		return "no_such_word", len(words(field)) > 1 && field["anyOf"] == nil
	},
	"MissingRequired": func(_ node, required bool) (any, bool) { return nil, required },
}

// unknownKey is a name that Stripe does not use.
const unknownKey = "no_such_key"

func wrongType(field node, _ bool) (any, bool) {
	switch shape(field)["type"] {
	case "integer", "number":
		return "many", len(words(field)) == 0 && field["anyOf"] == nil
	case "boolean":
		return "perhaps", field["anyOf"] == nil
	case "object", "array":
		return "word", !slices.ContainsFunc(alternatives(field), func(each node) bool {
			return each["type"] != "object" && each["type"] != "array" && len(words(each)) == 0
		})
	case "string":
		return node{"a": "b"}, field["anyOf"] == nil
	}
	return nil, false
}

// place is a declared parameter: its name within the request, and the form around it.
type place struct {
	path     []string // names and, in lists, the index 0
	field    node
	required bool
}

// places returns all parameters of an operation, down to a depth that the sandbox still reads.
func places(fields node, required []any, at []string) []place {
	var found []place
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field, path := fields[name].(node), append(slices.Clone(at), name)
		found = append(found, place{path, field, slices.Contains(required, any(name))})
		inner := shape(field)
		if inner["type"] == "array" {
			path, inner = append(path, "0"), shape(inner["items"].(node))
		}
		if properties, ok := inner["properties"].(node); ok && len(path) < 6 {
			deeper, _ := inner["required"].([]any)
			found = append(found, places(properties, deeper, path)...)
		}
	}
	return found
}

// parameters returns the parameters of an operation, in its query or in its form.
func (d *document) parameters(operation string) (fields node, required []any) {
	method, path, _ := strings.Cut(operation, " ")
	declared := d.paths[path][strings.ToLower(method)].(node)
	if method == "POST" {
		form := declared["requestBody"].(node)["content"].(node)["application/x-www-form-urlencoded"].(node)["schema"].(node)
		required, _ = form["required"].([]any)
		return form["properties"].(node), required
	}
	fields = node{}
	for _, each := range declared["parameters"].([]any) {
		parameter := each.(node)
		if parameter["in"] != "query" {
			continue
		}
		name := parameter["name"].(string)
		fields[name] = parameter["schema"]
		if parameter["required"] == true {
			required = append(required, name)
		}
	}
	return fields, required
}

// mutate breaks one parameter of an operation in one way. It returns false if no parameter can be broken that way.
func (d *document) mutate(operation, kind string, dice *rand.Rand) (mutant, bool) {
	fields, required := d.parameters(operation)
	all := places(fields, required, nil)
	if kind == "UnknownKey" { // a key can also be added to the request itself
		all = append(all, place{field: node{"type": "object", "properties": fields, "required": required}})
	}
	for _, i := range dice.Perm(len(all)) {
		target := all[i]
		value, applies := mutations[kind](target.field, target.required)
		if !applies {
			continue
		}
		whole := node{"type": "object", "properties": fields, "required": required}
		good := build(whole, target.path, sample(target.field))
		bad := build(whole, target.path, value)
		param := absent(bad.(node), target.path)
		if kind == "UnknownKey" {
			param = append(slices.Clone(target.path), unknownKey)
			bad = build(whole, target.path, addUnknown(value))
		}
		return mutant{operation, kind, bracketed(param), encode(good), encode(bad)}, true
	}
	return mutant{}, false
}

// absent returns which parameter is missing when one is left out. A form cannot contain a hash without members. So if
// the parameter was the only member of a hash, the hash is missing.
func absent(bad node, path []string) []string {
	var at any = bad
	for i, name := range path {
		switch inner := at.(type) {
		case node:
			at = inner[name]
		case []any:
			at = inner[0]
		}
		if encode(node{"x": at}) == "" {
			return path[:i+1]
		}
	}
	return path
}

func addUnknown(value any) any {
	broken := maps.Clone(value.(node))
	broken[unknownKey] = "x"
	return broken
}

// build returns a correct value for a field, except for the given value at a path within it. If the value is nil, build
// leaves it out.
func build(field node, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	inner := shape(field)
	if inner["type"] == "array" {
		return []any{build(inner["items"].(node), path[1:], value)}
	}
	out, _ := sample(inner).(node)
	out[path[0]] = build(inner["properties"].(node)[path[0]].(node), path[1:], value)
	if out[path[0]] == nil {
		delete(out, path[0])
	}
	return out
}

// sample returns a correct value for a field: for a hash, the required members.
func sample(field node) any {
	inner := shape(field)
	switch inner["type"] {
	case "object":
		out := node{}
		required, _ := inner["required"].([]any)
		for _, name := range required {
			out[name.(string)] = sample(inner["properties"].(node)[name.(string)].(node))
		}
		return out
	case "array":
		return []any{sample(inner["items"].(node))}
	case "boolean":
		return "true"
	case "integer", "number":
		return "1700000000"
	}
	if allowed := words(inner); len(allowed) > 0 {
		return allowed[0]
	}
	return "usd"
}

// shape returns the richest of a field's alternatives: a hash or list rather than a word.
func shape(field node) node {
	all := alternatives(field)
	for _, each := range all {
		if each["type"] == "object" || each["type"] == "array" {
			return each
		}
	}
	return all[0]
}

func alternatives(field node) []node {
	each, ok := field["anyOf"].([]any)
	if !ok {
		return []node{field}
	}
	var out []node
	for _, one := range each {
		out = append(out, one.(node))
	}
	return out
}

// words returns the enum of a field, without the empty word that unsets it.
func words(field node) []string {
	var out []string
	allowed, _ := field["enum"].([]any)
	for _, word := range allowed {
		if text := fmt.Sprint(word); text != "" {
			out = append(out, text)
		}
	}
	return out
}

func bracketed(path []string) string {
	name := path[0]
	for _, each := range path[1:] {
		name += "[" + each + "]"
	}
	return name
}

func encode(value any) string {
	form := url.Values{}
	var write func(at string, value any)
	write = func(at string, value any) {
		switch value := value.(type) {
		case node:
			for name, child := range value {
				if at == "" {
					write(name, child)
				} else {
					write(at+"["+name+"]", child)
				}
			}
		case []any:
			for i, child := range value {
				write(fmt.Sprintf("%s[%d]", at, i), child)
			}
		case nil:
		default:
			form.Set(at, fmt.Sprint(value))
		}
	}
	write("", value)
	return form.Encode()
}
