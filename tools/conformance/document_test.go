package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stripe/stripe-mock/embedded"
)

type node = map[string]any

// document is Stripe's own OpenAPI document, its schemas made strict, and its fixture of every object.
type document struct {
	paths    map[string]node
	schemas  node // as Stripe publishes them
	fixtures map[string]node

	mu       sync.Mutex // guards the compiler, which compiles a schema when it is first needed
	compiler *jsonschema.Compiler
	added    map[string]bool
}

// official returns the document. It reads it once, because it is 6 MB.
var official = sync.OnceValue(func() *document {
	var spec struct {
		Info       struct{ Version string }
		Paths      map[string]node
		Components struct{ Schemas node }
	}
	var fixtures struct{ Resources map[string]node }
	for text, into := range map[*[]byte]any{&embedded.OpenAPISpec: &spec, &embedded.OpenAPIFixtures: &fixtures} {
		if err := json.Unmarshal(*text, into); err != nil {
			panic("Stripe's embedded document does not parse: " + err.Error())
		}
	}
	if spec.Info.Version != "2023-10-16" {
		panic("Stripe's embedded document is of another API version: " + spec.Info.Version)
	}
	d := &document{
		paths:    spec.Paths,
		schemas:  spec.Components.Schemas,
		fixtures: fixtures.Resources,
		compiler: jsonschema.NewCompiler(),
		added:    map[string]bool{},
	}
	definitions := node{}
	for name, schema := range d.schemas {
		definitions[name] = strict(schema.(node))
	}
	if err := d.compiler.AddResource("stripe:///components", node{"$defs": definitions}); err != nil {
		panic("Stripe's schemas are no JSON schema: " + err.Error())
	}
	return d
})

// strict turns a schema of OpenAPI 3.0 into JSON schema, and closes it: if it names properties, no others are allowed.
func strict(schema node) node {
	if ref, ok := schema["$ref"].(string); ok {
		return node{"$ref": "stripe:///components#/$defs/" + ref[strings.LastIndex(ref, "/")+1:]}
	}
	out := node{}
	for _, name := range []string{"type", "enum", "maxLength", "pattern", "required"} {
		if value, present := schema[name]; present {
			out[name] = value
		}
	}
	if properties, ok := schema["properties"].(node); ok {
		converted := node{}
		for name, property := range properties {
			converted[name] = strict(property.(node))
		}
		out["properties"], out["additionalProperties"] = converted, false
	}
	if extra, ok := schema["additionalProperties"].(node); ok {
		out["additionalProperties"] = strict(extra)
	}
	if items, ok := schema["items"].(node); ok {
		out["items"] = strict(items)
	}
	if alternatives, ok := schema["anyOf"].([]any); ok {
		converted := []any{}
		for _, each := range alternatives {
			converted = append(converted, strict(each.(node)))
		}
		out["anyOf"] = converted
	}
	if schema["nullable"] == true {
		return node{"anyOf": []any{node{"type": "null"}, out}}
	}
	return out
}

// response returns the schema of an operation's response, and false if Stripe publishes no such operation.
func (d *document) response(method, path string, status int) (*jsonschema.Schema, bool) {
	template, ok := d.template(method, path)
	if !ok {
		return nil, false
	}
	operation := d.paths[template][strings.ToLower(method)].(node)
	kind := "default"
	if status == http.StatusOK {
		kind = "200"
	}
	answer := operation["responses"].(node)[kind].(node)["content"].(node)["application/json"].(node)["schema"].(node)
	return d.compile("stripe:///"+method+template+"/"+kind, answer), true
}

// template returns the path template that matches an address. If several match, it returns the one with the most fixed
// words.
func (d *document) template(method, path string) (string, bool) {
	best, bestWords := "", -1
	segments := strings.Split(path, "/")
	for template, item := range d.paths {
		if item[strings.ToLower(method)] == nil {
			continue
		}
		names := strings.Split(template, "/")
		words, fits := 0, len(names) == len(segments)
		for i := 0; fits && i < len(names); i++ {
			if strings.HasPrefix(names[i], "{") {
				continue
			}
			fits, words = names[i] == segments[i], words+1
		}
		if fits && words > bestWords {
			best, bestWords = template, words
		}
	}
	return best, bestWords >= 0
}

func (d *document) compile(name string, schema node) *jsonschema.Schema {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.added[name] {
		d.added[name] = true
		if err := d.compiler.AddResource(name, strict(schema)); err != nil {
			panic(name + " is no JSON schema: " + err.Error())
		}
	}
	compiled, err := d.compiler.Compile(name)
	if err != nil {
		panic(fmt.Sprintf("%s does not compile: %v", name, err))
	}
	return compiled
}

// violations returns what a body has that the schema does not allow, and what it lacks that the fixture of its object
// has.
func (d *document) violations(schema *jsonschema.Schema, body []byte) []string {
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{"it is no JSON: " + err.Error()}
	}
	found := breaches(schema.Validate(decoded))
	d.eachObject(decoded, func(name string, object node) {
		found = append(found, lacking(d.fixtures[name], object, name)...)
	})
	return found
}

// announced returns the violations of a webhook's body: of the event, of the object that it contains, and the
// attributes that it calls previous although the object does not have them.
func (d *document) announced(body []byte) []string {
	found := d.violations(d.compile("stripe:///event", node{"$ref": "#/components/schemas/event"}), body)
	var event struct {
		Type string
		Data struct {
			Object             json.RawMessage
			PreviousAttributes map[string]any `json:"previous_attributes"`
		}
	}
	var object struct{ Object string }
	if json.Unmarshal(body, &event) != nil || json.Unmarshal(event.Data.Object, &object) != nil {
		return append(found, "it carries no object")
	}
	schema, known := d.schemas[object.Object].(node)
	if !known {
		return append(found, "Stripe knows no object "+object.Object)
	}
	found = append(
		found,
		d.violations(
			d.compile("stripe:///object/"+object.Object, node{"$ref": "#/components/schemas/" + object.Object}),
			event.Data.Object,
		)...,
	)
	for name := range event.Data.PreviousAttributes {
		if schema["properties"].(node)[name] == nil {
			found = append(found, "previous_attributes."+name+" is no attribute of "+object.Object)
		}
	}
	if !slices.Contains(d.eventTypes(), event.Type) {
		found = append(found, "Stripe knows no event "+event.Type)
	}
	return found
}

// eventTypes returns the types that a webhook endpoint may request.
func (d *document) eventTypes() []string {
	form := d.paths["/v1/webhook_endpoints"]["post"].(node)["requestBody"].(node)["content"].(node)["application/x-www-form-urlencoded"].(node)
	words := form["schema"].(node)["properties"].(node)["enabled_events"].(node)["items"].(node)["enum"].([]any)
	var types []string
	for _, word := range words {
		types = append(types, word.(string))
	}
	return types
}

// eachObject visits every Stripe object in a body for which there is a fixture. It omits deleted objects, because what
// is left of them has few keys.
func (d *document) eachObject(value any, visit func(name string, object node)) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			d.eachObject(item, visit)
		}
	case node:
		name, _ := value["object"].(string)
		if d.fixtures[name] != nil && value["deleted"] != true {
			visit(name, value)
		}
		for key, child := range value {
			if key != "metadata" && key != "previous_attributes" {
				d.eachObject(child, visit)
			}
		}
	}
}

// lacking returns the fixture's keys that an object does not have, including those of nested hashes.
func lacking(fixture, object node, at string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(fixture)) {
		value, present := object[name]
		if !present {
			found = append(found, at+"."+name+" is missing")
			continue
		}
		inner, isHash := fixture[name].(node)
		got, gotHash := value.(node)
		if isHash && gotHash && got["object"] == nil && name != "metadata" {
			found = append(found, lacking(inner, got, at+"."+name)...)
		}
	}
	return found
}

// breaches converts the validator's result into one line per cause.
func breaches(err error) []string {
	if err == nil {
		return nil
	}
	var found []string
	var visit func(*jsonschema.ValidationError)
	visit = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			found = append(
				found,
				"/"+strings.Join(e.InstanceLocation, "/")+": "+strings.Join(
					e.ErrorKind.KeywordPath(), "/",
				)+" "+fmt.Sprint(e.ErrorKind),
			)
		}
		for _, cause := range e.Causes {
			visit(cause)
		}
	}
	visit(err.(*jsonschema.ValidationError))
	return found
}
