package spec

// Params are checked parameters. Its methods answer the zero value for what was not given: the declared kinds have
// been checked, so a type that does not fit can only mean "absent" or "unset".
type Params map[string]any

// Has tells whether the parameter was given, be it as the empty string that unsets.
func (p Params) Has(name string) bool { _, ok := p[name]; return ok }

// Unset tells whether the parameter was given as the empty string.
func (p Params) Unset(name string) bool { text, ok := p[name].(string); return ok && text == "" }

// Text answers a string parameter.
func (p Params) Text(name string) string { text, _ := p[name].(string); return text }

// Int answers an integer parameter.
func (p Params) Int(name string) int64 { n, _ := p[name].(int64); return n }

// Flag answers a boolean parameter.
func (p Params) Flag(name string) bool { flag, _ := p[name].(bool); return flag }

// Sub answers a nested object's parameters, empty where it was not given.
func (p Params) Sub(name string) Params { sub, _ := p[name].(Params); return sub }

// List answers a list of nested objects.
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

// Texts answers a list of strings.
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

// Map answers a map of strings such as metadata.
func (p Params) Map(name string) map[string]string {
	items, _ := p[name].(map[string]any)
	out := make(map[string]string, len(items))
	for key, value := range items {
		out[key], _ = value.(string)
	}
	return out
}

// Number answers a decimal parameter.
func (p Params) Number(name string) float64 { n, _ := p[name].(float64); return n }
