package main

import (
	"strings"
	"testing"
	"time"
)

// TestTable proves how a list is printed for people and for programs. A text from outside cannot leave its cell.
func TestTable(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e8, time.FixedZone("CET", 3600))
	list := table{columns: []string{"name", "made_at", "used_at", "count"}}
	list.add("a\tb\nc\x1b[2J", at, timeCell(nil, "never"), 7)
	list.add("d", at, timeCell(&at, "never"), cell{[]int{1, 2}, "1,2"})
	one := table{columns: list.columns, rows: list.rows[:1]}
	for name, test := range map[string]struct {
		print func(out *strings.Builder) error
		want  string
	}{
		"People": {func(out *strings.Builder) error { return list.print(out, false) }, `NAME       MADE AT               USED AT               COUNT
a b c` + "\uFFFD" + `[2J  2026-03-01T11:00:00Z  never                 7
d          2026-03-01T11:00:00Z  2026-03-01T11:00:00Z  1,2
`},
		"Programs": {func(out *strings.Builder) error { return list.print(out, true) }, `[
  {
    "count": 7,
    "made_at": "2026-03-01T12:00:00.5+01:00",
    "name": "a\tb\nc\u001b[2J",
    "used_at": null
  },
  {
    "count": [
      1,
      2
    ],
    "made_at": "2026-03-01T12:00:00.5+01:00",
    "name": "d",
    "used_at": "2026-03-01T12:00:00.5+01:00"
  }
]
`},
		"NoneForPrograms": {func(out *strings.Builder) error { return new(table).print(out, true) }, "[]\n"},
		"OneForPeople": {func(out *strings.Builder) error { return one.printOne(out, false) }, `name     a b c` + "\uFFFD" + `[2J
made at  2026-03-01T11:00:00Z
used at  never
count    7
`},
		"OneForPrograms": {func(out *strings.Builder) error { return one.printOne(out, true) }, `{
  "count": 7,
  "made_at": "2026-03-01T12:00:00.5+01:00",
  "name": "a\tb\nc\u001b[2J",
  "used_at": null
}
`},
	} {
		var out strings.Builder
		if err := test.print(&out); err != nil || out.String() != test.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, out.String(), test.want)
		}
	}
}
