package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// listing is embedded by the commands that print a list.
type listing struct {
	JSON bool `name:"json" help:"Print a JSON array with one object for each."`
}

// outcome is embedded by the commands that do one thing and say so.
type outcome struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// tell prints what a command did: a sentence for people, or one JSON object.
func tell(asJSON bool, say string, members map[string]any) error {
	if asJSON {
		return printJSON(os.Stdout, members)
	}
	_, err := fmt.Println(say)
	return err
}

// table is a list that a command prints. Its columns are named as the members of the JSON objects.
type table struct {
	columns []string
	rows    [][]any // text, numbers, times, or a cell
}

// cell is a value that people read as another text.
type cell struct {
	value any
	text  string
}

// timeCell returns the cell of a time that may not have come. People read none in its place.
func timeCell(t *time.Time, none string) cell { return cell{t, timeOr(t, none)} }

// add appends a row, with a value for each column.
func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// print writes the table: in columns for people, or as JSON for programs.
func (t *table) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, t.objects())
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.ReplaceAll(strings.Join(t.columns, "\t"), "_", " ")))
	for _, row := range t.rows {
		texts := make([]string, len(row))
		for n, v := range row {
			texts[n] = strings.Map(printable, shownAs(v))
		}
		fmt.Fprintln(w, strings.Join(texts, "\t"))
	}
	return w.Flush()
}

// printOne writes the only row: a line for each member for people, or one JSON object.
func (t *table) printOne(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, t.objects()[0])
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for n, v := range t.rows[0] {
		fmt.Fprintf(w, "%s\t%s\n", strings.ReplaceAll(t.columns[n], "_", " "), strings.Map(printable, shownAs(v)))
	}
	return w.Flush()
}

func (t *table) objects() []map[string]any {
	objects := make([]map[string]any, len(t.rows))
	for n, row := range t.rows {
		objects[n] = make(map[string]any, len(row))
		for i, v := range row {
			if c, ok := v.(cell); ok {
				v = c.value
			}
			objects[n][t.columns[i]] = v
		}
	}
	return objects
}

// shownAs returns what people read of a value.
func shownAs(v any) string {
	switch v := v.(type) {
	case cell:
		return v.text
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}

// printable keeps a text on its line of the table.
func printable(r rune) rune {
	if r == '\n' || r == '\t' {
		return ' '
	}
	return harmless(r)
}

func timeOr(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}
