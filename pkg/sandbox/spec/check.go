package spec

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText is the length that Stripe allows if its document names none.
const maxText = 5000

func object(fields map[string]*Field, t *tree, prefix string) (Params, error) {
	out := Params{}
	for _, name := range sortedKeys(t.children) {
		field, ok := fields[name]
		param := join(prefix, name)
		if !ok {
			return nil, &Problem{
				Code: "parameter_unknown", Param: param, Message: "Received unknown parameter: " + param,
			}
		}
		value, err := check(field, t.children[name], param)
		if err != nil {
			return nil, err
		}
		if field.As != "" {
			name = field.As
		}
		out[name] = value
	}
	for _, name := range sortedKeys(fields) {
		if _, given := out[name]; fields[name].Required && !given {
			param := join(prefix, name)
			return nil, &Problem{
				Code: "parameter_missing", Param: param, Message: "Missing required param: " + param + ".",
			}
		}
	}
	return out, nil
}

func check(field *Field, t *tree, param string) (any, error) {
	if t.text != nil && *t.text == "" {
		if field.Unset || field.Kind == "list" {
			return "", nil
		}
		return nil, &Problem{Code: "parameter_invalid_empty", Param: param, Message: fmt.Sprintf("You passed an empty string for '%s'. "+
			"We assume empty values are an attempt to unset a field; however '%s' cannot be unset. You should remove '%s' from your request or supply a non-empty value.", param, param, param)}
	}
	if field.Any != nil {
		return alternative(field, t, param)
	}
	switch field.Kind {
	case "object":
		if t.text != nil || t.appended != nil {
			return nil, &Problem{Param: param, Message: "Invalid object"}
		}
		return object(field.Fields, t, param)
	case "map":
		if field.Item != nil && field.Item.Kind == "object" {
			return hashes(field.Item, t, param)
		}
		return mapping(t, param)
	case "list":
		return list(field, t, param)
	}
	if t.text == nil {
		return nil, &Problem{Param: param, Message: "Invalid " + word(field.Kind) + ": it must not be a hash or array"}
	}
	return scalar(field, *t.text, param)
}

// alternative tries each declared shape of the same form (text or not). If none fits, it returns the error of the shape
// that knows most of the given names, because the caller meant that shape. For text it returns the error of the last
// one.
func alternative(field *Field, t *tree, param string) (any, error) {
	var refusal error
	most := -1
	for _, shape := range field.Any {
		structured := shape.Kind == "object" || shape.Kind == "map" || shape.Kind == "list"
		if structured == (t.text != nil) {
			continue
		}
		value, err := check(shape, t, param)
		if err == nil {
			return value, nil
		}
		known := 0
		for name := range t.children {
			if shape.Fields[name] != nil {
				known++
			}
		}
		if known > most || !structured {
			refusal, most = err, known
		}
	}
	if refusal == nil {
		refusal = &Problem{Param: param, Message: "Invalid " + param}
	}
	return nil, refusal
}

func mapping(t *tree, param string) (any, error) {
	if t.text != nil || t.appended != nil {
		return nil, &Problem{Param: param, Message: "Invalid object"}
	}
	out := map[string]any{}
	for name, child := range t.children {
		if child.text == nil {
			return nil, &Problem{Param: join(param, name), Message: "Invalid string: it must not be a hash or array"}
		}
		if utf8.RuneCountInString(name) > 40 {
			return nil, &Problem{Param: param, Message: "Metadata keys can have up to 40 characters."}
		}
		if utf8.RuneCountInString(*child.text) > 500 {
			return nil, &Problem{Param: join(param, name), Message: "Metadata values can have up to 500 characters, but you passed in a value that is " +
				strconv.Itoa(utf8.RuneCountInString(*child.text)) + " characters."}
		}
		out[name] = *child.text
	}
	return out, nil
}

// hashes reads objects under names that the caller chooses, such as amounts by currency.
func hashes(item *Field, t *tree, param string) (any, error) {
	if t.text != nil || t.appended != nil {
		return nil, &Problem{Param: param, Message: "Invalid object"}
	}
	out := Params{}
	for _, name := range sortedKeys(t.children) {
		value, err := check(item, t.children[name], join(param, name))
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

func list(field *Field, t *tree, param string) (any, error) {
	items, ok := t.items()
	if !ok || t.text != nil {
		return nil, &Problem{Param: param, Message: "Invalid array"}
	}
	out := []any{}
	for i, item := range items {
		value, err := check(field.Item, item, join(param, strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

func scalar(field *Field, text, param string) (any, error) {
	switch field.Kind {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, &Problem{Code: "parameter_invalid_integer", Param: param, Message: "Invalid integer: " + text}
		}
		return n, nil
	case "number":
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n != n || n > 1e15 || n < -1e15 {
			return nil, &Problem{Param: param, Message: "Invalid decimal: " + text}
		}
		return n, nil
	case "boolean":
		if text != "true" && text != "false" {
			return nil, &Problem{Param: param, Message: "Invalid boolean: " + text}
		}
		return text == "true", nil
	}
	if len(field.Enum) > 0 && !slices.Contains(field.Enum, text) {
		return nil, &Problem{Param: param, Message: "Invalid " + param + ": must be " + oneOf(field.Enum)}
	}
	limit := field.Max
	if limit == 0 {
		limit = maxText
	}
	if length := utf8.RuneCountInString(text); length > limit {
		return nil, &Problem{Code: "parameter_invalid_string", Param: param,
			Message: fmt.Sprintf(
				"Invalid string: %s…; must be at most %d characters",
				strings.ToValidUTF8(text[:min(len(text), 20)], ""), limit,
			)}
	}
	if !utf8.ValidString(text) {
		return nil, &Problem{Param: param, Message: "Invalid string: it is not valid UTF-8"}
	}
	return text, nil
}

// oneOf writes "one of payment, setup, or subscription".
func oneOf(words []string) string {
	switch len(words) {
	case 1:
		return words[0]
	case 2:
		return "one of " + words[0] + " or " + words[1]
	}
	return "one of " + strings.Join(words[:len(words)-1], ", ") + ", or " + words[len(words)-1]
}

func word(kind string) string {
	if kind == "" {
		return "value"
	}
	return kind
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
