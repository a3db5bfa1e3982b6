package spec

// Params are checked parameters. Its methods return the zero value for a parameter that was not given. The declared
// kinds have been checked, so a type that does not fit can only mean "absent" or "unset".
type Params map[string]any

// Has reports whether the parameter was given. An empty string, which unsets it, counts as given.
func (p Params) Has(name string) bool { _, ok := p[name]; return ok }

// Unset reports whether the parameter was given as the empty string.
func (p Params) Unset(name string) bool { text, ok := p[name].(string); return ok && text == "" }

// Text returns a string parameter.
func (p Params) Text(name string) string { text, _ := p[name].(string); return text }

// Int returns an integer parameter.
func (p Params) Int(name string) int64 { n, _ := p[name].(int64); return n }

// Flag returns a boolean parameter.
func (p Params) Flag(name string) bool { flag, _ := p[name].(bool); return flag }

// Sub returns the parameters of a nested object. It is empty if the object was not given.
func (p Params) Sub(name string) Params { sub, _ := p[name].(Params); return sub }

// List returns a list of nested objects.
func (p Params) List(name string) []Params {
	items, _ := p[name].([]any)
	out := make([]Params, 0, len(items))
	for _, item := range items {
		if sub, ok := item.(Params); ok {
			out = append(out, sub)
		}
	}
	return out
}

// Texts returns a list of strings.
func (p Params) Texts(name string) []string {
	items, _ := p[name].([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// Map returns a map of strings such as metadata.
func (p Params) Map(name string) map[string]string {
	items, _ := p[name].(map[string]any)
	out := make(map[string]string, len(items))
	for key, value := range items {
		out[key], _ = value.(string)
	}
	return out
}

// Number returns a decimal parameter.
func (p Params) Number(name string) float64 { n, _ := p[name].(float64); return n }
