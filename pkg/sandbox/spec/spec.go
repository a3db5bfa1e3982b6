// Package spec owns what Stripe's own OpenAPI document (API 2023-10-16) says about the operations that the sandbox
// serves: which parameters each takes, which keys each object carries, and which of those expand. It also lists the
// other operations that Stripe has. It refuses to know what any of them mean.
//
// Its data is spec.json. generate.go distils it from the official document, and no one edits it by hand.
//
//go:generate sh -c "go run generate.go $STRIPE_OPENAPI"
package spec

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed spec.json
var document []byte

// Field is the declared shape of one parameter.
type Field struct {
	Kind     string            `json:"kind"` // string, integer, number, boolean, object, map, list
	Required bool              `json:"required"`
	Unset    bool              `json:"unset"` // an empty string is allowed and clears the value
	Enum     []string          `json:"enum"`
	Max      int               `json:"max"`
	Time     bool              `json:"time"`
	As       string            `json:"-"` // the field's present name
	Fields   map[string]*Field `json:"fields"`
	Item     *Field            `json:"item"`
	Any      []*Field          `json:"any"` // alternatives; one of them must fit
}

var loaded = load()

type contents struct {
	Operations map[string]map[string]*Field `json:"operations"`
	Blanks     map[string]map[string]any    `json:"blanks"`
	Expandable map[string][]string          `json:"expandable"`
	Official   map[string][]string          `json:"official"` // methods by path
}

func load() contents {
	var c contents
	if err := json.Unmarshal(document, &c); err != nil {
		panic(fmt.Sprintf("spec: the embedded spec.json does not parse: %v", err)) // the build is broken, not the input
	}
	// Stripe serves these to its own checkout page and its CLI, but does not publish them.
	text := func() *Field { return &Field{Kind: "string"} }
	expand := &Field{Kind: "list", Item: text()}
	c.Operations["GET /v1/payment_pages/{session}"] = map[string]*Field{"expand": expand}
	c.Operations["POST /v1/payment_pages/{session}"] = map[string]*Field{
		"promotion_code": {Kind: "string", Unset: true}, "expand": expand,
	}
	c.Operations["POST /v1/payment_pages/{session}/confirm"] = map[string]*Field{
		"payment_method":  text(),
		"expected_amount": {Kind: "integer"},
		"email":           text(),
		"key":             text(),
		"eid":             text(),
		"expand":          expand,
	}
	// A price was once called a plan. Stripe still accepts the old name, but its document no longer has it.
	plan := &Field{Kind: "string", As: "price"}
	for _, name := range []string{"POST /v1/subscriptions", "POST /v1/subscriptions/{subscription_exposed_id}"} {
		c.Operations[name]["items"].Item.Fields["plan"] = plan
	}
	for _, name := range []string{"POST /v1/subscription_items", "POST /v1/subscription_items/{item}"} {
		c.Operations[name]["plan"] = plan
	}
	// The document leaves a card out of payment_method_data. Stripe accepts it there, as it does for a payment method.
	card := c.Operations["POST /v1/payment_methods"]["card"]
	for _, noun := range []string{"payment_intents", "setup_intents"} {
		for _, path := range []string{"", "/{intent}", "/{intent}/confirm"} {
			fields := c.Operations["POST /v1/"+noun+path]["payment_method_data"].Fields
			fields["card"], fields["type"].Enum = card, append(fields["type"].Enum, "card")
		}
	}
	return c
}

// Operation returns the parameters of an operation such as "POST /v1/customers", and whether it is declared at all.
func Operation(name string) (map[string]*Field, bool) {
	fields, ok := loaded.Operations[name]
	return fields, ok
}

// Blank returns the official keys of an object with neutral values. The caller must not change the map.
func Blank(object string) map[string]any { return loaded.Blanks[object] }

// Expandable reports whether expand[] may name this dotted field of this object.
func Expandable(object, field string) bool { return slices.Contains(loaded.Expandable[object], field) }

// Official reports whether Stripe has this operation at this path, even if the sandbox does not serve it.
func Official(method, path string) bool {
	segments := strings.Split(path, "/")
	for template, methods := range loaded.Official {
		if slices.Contains(methods, method) &&
			slices.EqualFunc(strings.Split(template, "/"), segments, func(name, segment string) bool {
				return name == segment || strings.HasPrefix(name, "{") && segment != ""
			}) {
			return true
		}
	}
	return false
}

// Operations returns the names of all declared operations, sorted.
func Operations() []string { return sortedKeys(loaded.Operations) }
