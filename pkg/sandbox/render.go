package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// render answers an object as Stripe shows it: without what the sandbox keeps for itself, and with every key of the
// official object, those that the sandbox gives no meaning to at their neutral value.
func render(v any) map[string]any {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sandbox: %T does not marshal: %v", v, err)) // our own types only: a programming error
	}
	var out map[string]any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		panic(fmt.Sprintf("sandbox: %T does not render: %v", v, err))
	}
	complete(out)
	return out
}

// pictured answers a copy of an object as it stands, without what the sandbox keeps for itself: two of them are equal
// when the object looks the same to Stripe's users.
func pictured(v any) any {
	copied := reflect.New(reflect.TypeOf(v).Elem())
	copied.Elem().Set(reflect.ValueOf(v).Elem())
	if hidden := copied.Elem().FieldByName("Hidden"); hidden.IsValid() {
		hidden.SetZero()
	}
	return copied.Interface()
}

func encode(shown map[string]any) json.RawMessage {
	encoded, err := json.Marshal(shown)
	if err != nil {
		panic(fmt.Sprintf("sandbox: a rendered object does not marshal: %v", err)) // it came from JSON
	}
	return encoded
}

func complete(node any) {
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			complete(item)
		}
	case map[string]any:
		delete(node, "_sandbox")
		for name, child := range node {
			if name != "metadata" { // the caller's own keys, one of which may be called "object"
				complete(child)
			}
		}
		object, _ := node["object"].(string)
		if node["deleted"] == true {
			return
		}
		for name, neutral := range spec.Blank(object) {
			if _, present := node[name]; !present {
				node[name] = neutral
			}
		}
		if _, present := node["livemode"]; present {
			node["livemode"] = false
		}
	}
}

// difference answers the values that before had where it differs from after: Stripe's previous_attributes.
func difference(before, after map[string]any) map[string]any {
	changed := map[string]any{}
	for name, now := range after {
		old, present := before[name]
		if present && reflect.DeepEqual(old, now) {
			continue
		}
		oldMap, oldIsMap := old.(map[string]any)
		nowMap, nowIsMap := now.(map[string]any)
		if oldIsMap && nowIsMap && oldMap["object"] == nil {
			changed[name] = difference(oldMap, nowMap)
			continue
		}
		changed[name] = old
	}
	for name, old := range before {
		if _, present := after[name]; !present {
			changed[name] = old
		}
	}
	return changed
}
