// Package strictyaml reads the YAML files that an operator writes. It refuses what would silently mean something else:
// a member that no one knows, a second document. Its errors name the line, the member and the word that was probably
// meant. It does not know what the files are for. It does not see a fraction where a whole number belongs, of which the
// library keeps the whole part: a caller that cares has a type for that, as the catalogue does.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/pointsync/pointsync/pkg/spelling"
)

// Decode reads the text into a pointer to a struct. It returns io.EOF, and nothing else, for a text without content.
func Decode(text []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return explain(err, reflect.TypeOf(into))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("it holds more than one YAML document")
	}
	return nil
}

// Place is where an entry of a list or a member of a mapping begins. An entry of a list has no name.
type Place struct {
	Name string
	Line int
}

// Places returns the places of all entries of the list or members of the mapping to which the path leads from the top
// of the document. It returns none if there is no such list or mapping.
func Places(text []byte, path ...string) (places []Place) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return nil
	}
	node := document.Content[0]
	for _, name := range path {
		if node = member(node, name); node == nil {
			return nil
		}
	}
	for n, entry := range node.Content {
		switch {
		case node.Kind != yaml.MappingNode:
			places = append(places, Place{Line: entry.Line})
		case n%2 == 0: // a mapping's names and values take turns
			places = append(places, Place{Name: entry.Value, Line: entry.Line})
		}
	}
	return places
}

func member(mapping *yaml.Node, name string) *yaml.Node {
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for n := 0; n+1 < len(mapping.Content); n += 2 {
		if mapping.Content[n].Value == name {
			return mapping.Content[n+1]
		}
	}
	return nil
}

var (
	unknownMember = regexp.MustCompile(`(?s)^line (\d+): field (.*) not found in type (\S.*)$`)
	wrongKind     = regexp.MustCompile("(?s)^line (\\d+): cannot unmarshal (\\S+)(?: `(.*)`)? into (\\S+)$")
)

// explain turns the library's words, which name types of Go, into words for who wrote the file.
func explain(err error, into reflect.Type) error {
	var all *yaml.TypeError
	if !errors.As(err, &all) {
		return err
	}
	types := map[string]reflect.Type{}
	collect(into, types)
	faults := make([]error, len(all.Errors))
	for n, fault := range all.Errors {
		if m := unknownMember.FindStringSubmatch(fault); m != nil {
			near := spelling.Nearest(m[2], members(types[m[3]]))
			fault = fmt.Sprintf("line %s: there is no member %q here%s", m[1], m[2], spelling.Hint(near))
		} else if m := wrongKind.FindStringSubmatch(fault); m != nil {
			what := "this"
			if m[3] != "" {
				what = strconv.Quote(m[3])
			}
			fault = fmt.Sprintf("line %s: %s must be %s", m[1], what, kindOf(types[m[4]]))
		}
		faults[n] = errors.New(fault)
	}
	return errors.Join(faults...)
}

// collect notes each type that can be reached, by the name that the library has for it.
func collect(t reflect.Type, types map[string]reflect.Type) {
	if _, seen := types[t.String()]; seen {
		return
	}
	types[t.String()] = t
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
		collect(t.Elem(), types)
	case reflect.Struct:
		for f := range t.Fields() {
			collect(f.Type, types)
		}
	}
}

// members returns the members of a type of struct, as a file has them. It returns none for nil.
func members(t reflect.Type) (names []string) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			names = append(names, members(f.Type)...)
		case name != "":
			names = append(names, name)
		}
	}
	return names
}

// kindOf returns what a type is called in a file.
func kindOf(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "a duration, such as 90m"
	}
	if t == nil {
		return "something else"
	}
	if t.Kind() == reflect.Pointer {
		return kindOf(t.Elem())
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Struct, reflect.Map:
		return "a mapping of members and their values"
	}
	return "a number"
}
