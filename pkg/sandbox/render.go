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

// render returns an object as Stripe shows it. It leaves out the sandbox's private fields and adds every key of the
// official object. A key that the sandbox does not use has its neutral value.
//
// It follows the same tags as encoding/json. But it builds the values directly, without a JSON text in between, because
// it runs under the world's lock for every response and delivery.
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

// plain returns a value as decoded JSON has it: nil, bool, int64, float64, string, []any or map[string]any.
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
	if v.Type().Elem().Kind() == reflect.Interface { // the caller's own maps are skipped: they may have a key "object"
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

// empty reports whether encoding/json leaves v out under omitempty.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// shownField is a field that is shown, under the name in its tag.
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

// complete adds the keys of the official object that a node lacks.
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

// pictured returns a copy of an object as it is now, without the sandbox's private fields. Two copies are equal if the
// object looks the same to Stripe's users.
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

// decoded returns the value of a JSON text. Numbers stay as they are written.
func decoded(text json.RawMessage) (out any) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		panic(fmt.Sprintf("sandbox: what it wrote does not parse: %v", err))
	}
	return out
}

// difference returns the values of before that differ in after. These are Stripe's previous_attributes.
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
