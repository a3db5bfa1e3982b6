package strictyaml_test

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/strictyaml"
)

type item struct {
	Name string `yaml:"name"`
}

type word string

type plan struct {
	item   `yaml:",inline"`
	Points int64         `yaml:"points"`
	Sold   *bool         `yaml:"sold"`
	Life   time.Duration `yaml:"life"`
	Tags   []string      `yaml:"tags"`
	Kind   word          `yaml:"kind"`
}

type file struct {
	Plans []plan          `yaml:"plans"`
	Words map[string]item `yaml:"words"`
	One   *item           `yaml:"one"`
}

// TestDecodeRefuses proves that each mistake is named with its line, in words of the file and not of Go.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plnas: []":                          `line 1: there is no member "plnas" here; did you mean plans?`,
		"plans:\n  - name: a\n    poinst: 5": `line 3: there is no member "poinst" here; did you mean points?`,
		"plans:\n  - nam: a":                 `line 2: there is no member "nam" here; did you mean name?`,
		"words:\n  a: {colour: red}":         `line 2: there is no member "colour" here`,
		"one: {nme: x}":                      `line 1: there is no member "nme" here; did you mean name?`,
		"plans: 7":                           `line 1: "7" must be a list`,
		"plans: {a: b}":                      `line 1: this must be a list`,
		"plans: [{points: many}]":            `line 1: "many" must be a number`,
		"plans: [{sold: perhaps}]":           `line 1: "perhaps" must be true or false`,
		"plans: [{life: long}]":              `line 1: "long" must be a duration, such as 90m`,
		"plans: [{name: [a]}]":               `line 1: this must be a text`,
		"plans: [{kind: [a]}]":               `line 1: this must be a text`,
		"plans: [a]":                         `line 1: "a" must be a mapping of members and their values`,
		"plans: [{tags: {a: b}}]":            `line 1: this must be a list`,
		"plans: []\n---\nplans: []":          "it holds more than one YAML document",
		"plans:\n  - {name: a, pionts: 1, slod: no}": `line 2: there is no member "pionts" here; did you mean points?
line 2: there is no member "slod" here; did you mean sold?`,
	} {
		if err := strictyaml.Decode([]byte(text), new(file)); err == nil || err.Error() != want {
			t.Errorf("%q:\n%v, want\n%s", text, err, want)
		}
	}
	if err := strictyaml.Decode([]byte("# nothing\n"), new(file)); !errors.Is(err, io.EOF) {
		t.Errorf("an empty file: %v", err)
	}
}

// TestDecode proves that what is right is read.
func TestDecode(t *testing.T) {
	t.Parallel()
	var f file
	err := strictyaml.Decode([]byte("plans: [{name: a, points: 5, life: 90m}]\nwords: {b: {name: c}}\n"), &f)
	if err != nil || f.Plans[0].Name != "a" || f.Plans[0].Life != 90*time.Minute || f.Words["b"].Name != "c" {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestPlaces proves that the entries of lists and mappings are found, at any depth.
func TestPlaces(t *testing.T) {
	t.Parallel()
	text := []byte("plans:\n  - name: a\n    points: 1\n\n  - name: b\nwords:\n  x:\n    name: y\n  z: {name: w}\n")
	for _, test := range []struct {
		path []string
		want []strictyaml.Place
	}{
		{[]string{"plans"}, []strictyaml.Place{{Line: 2}, {Line: 5}}},
		{[]string{"words"}, []strictyaml.Place{{Name: "x", Line: 7}, {Name: "z", Line: 9}}},
		{[]string{"words", "x"}, []strictyaml.Place{{Name: "name", Line: 8}}},
		{nil, []strictyaml.Place{{Name: "plans", Line: 1}, {Name: "words", Line: 6}}},
		{[]string{"nothing"}, nil},
		{[]string{"plans", "name"}, nil},
	} {
		if got := strictyaml.Places(text, test.path...); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.path, got, test.want)
		}
	}
}
