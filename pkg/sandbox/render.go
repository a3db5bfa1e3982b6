package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// render answers an object as Stripe shows it: without what the sandbox keeps for itself, and with every key of the
// official object, those that the sandbox gives no meaning to at their neutral value. It follows the same tags as
// encoding/json, but makes the values at once instead of a text and the values of that, since it runs under the world's
// lock for every answer and delivery.
func render(v any) map[string]any {
	shown, ok := plain(reflect.ValueOf(v)).(map[string]any)
	if !ok {
		panic(fmt.Sprintf("sandbox: %T is no object", v)) // our own types only: a programming error
	}
	return shown
}

var (
	textType      = reflect.TypeFor[text]()
	stampType     = reflect.TypeFor[stamp]()
	eventDataType = reflect.TypeFor[eventData]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
)

// plain answers a value as decoded JSON has it: nil, bool, int64, float64, string, []any or map[string]any.
func plain(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	switch v.Type() {
	case textType, stampType:
		if v.IsZero() {
			return nil
		}
	case eventDataType:
		data := v.Interface().(eventData)
		return data.shown()
	default:
		if v.Type().Implements(marshalerType) && v.Kind() != reflect.Pointer {
			return decoded(encode(v.Interface()))
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return plain(v.Elem())
	case reflect.Struct:
		return plainStruct(v)
	case reflect.Map:
		return plainMap(v)
	case reflect.Slice:
		return plainList(v)
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int64:
		return v.Int()
	case reflect.Uint64:
		return v.Uint()
	case reflect.Float64:
		return v.Float()
	case reflect.String:
		return v.String()
	}
	panic(fmt.Sprintf("sandbox: a %s cannot be rendered", v.Type())) // our own types only: a programming error
}

func plainList(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	out := make([]any, v.Len())
	for i := range out {
		out[i] = plain(v.Index(i))
	}
	return out
}

func plainMap(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	out := make(map[string]any, v.Len())
	for entry := v.MapRange(); entry.Next(); {
		out[entry.Key().String()] = plain(entry.Value())
	}
	if v.Type().Elem().Kind() == reflect.Interface { // not the caller's own keys, one of which may be called "object"
		complete(out)
	}
	return out
}

func plainStruct(v reflect.Value) any {
	fields := fieldsOf(v.Type())
	out := make(map[string]any, len(fields)+16)
	for _, each := range fields {
		value := v.FieldByIndex(each.index)
		if each.omitEmpty && empty(value) || each.omitZero && value.IsZero() {
			continue
		}
		out[each.name] = plain(value)
	}
	complete(out)
	return out
}

// empty is what encoding/json leaves out under omitempty.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// shownField is a field that is shown, by the name in its tag.
type shownField struct {
	index               []int
	name                string
	omitEmpty, omitZero bool
}

var shownFields sync.Map // of reflect.Type to []shownField

func fieldsOf(t reflect.Type) []shownField {
	if known, ok := shownFields.Load(t); ok {
		return known.([]shownField)
	}
	var fields []shownField
	for _, each := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(each.Tag.Get("json"), ",")
		if each.Anonymous || !each.IsExported() || name == "-" || name == "_sandbox" {
			continue
		}
		if name == "" {
			name = each.Name
		}
		fields = append(fields, shownField{each.Index, name, options == "omitempty", options == "omitzero"})
	}
	shownFields.Store(t, fields)
	return fields
}

// complete gives an object the keys of the official one that it lacks.
func complete(node map[string]any) {
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

func encode(shown any) json.RawMessage {
	encoded, err := json.Marshal(shown)
	if err != nil {
		panic(fmt.Sprintf("sandbox: a rendered object does not marshal: %v", err)) // our own values only
	}
	return encoded
}

// decoded keeps numbers as they are written.
func decoded(text json.RawMessage) (out any) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		panic(fmt.Sprintf("sandbox: what it wrote does not parse: %v", err))
	}
	return out
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
