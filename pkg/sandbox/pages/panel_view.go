package pages

// PanelView is a page of the control panel: its frame and its parts. Any part may be absent.
type PanelView struct {
	Title string
	Kind  string // shown above the title: the kind of thing, "Subscription"
	Badge Badge
	Nav   []NavItem
	Clock Clock
	Query string // the search text
	Flash Flash

	Start     *Start // for a new user
	Facts     []Fact
	Acts      []Act
	Tables    []Table
	Feed      *Table // beside the others
	Faults    *FaultForm
	Endpoints bool   // the form for a new webhook endpoint
	JSON      []Span // the object as the API returns it
}

// NavItem is a place in the panel.
type NavItem struct {
	Text, URL string
	Count     int  // 0: not shown
	Here      bool // this page, or the list of this page's object
}

// Clock is the sandbox's clock as the panel shows it.
type Clock struct {
	Date, Time string // "Mon 15 Jan 2024", "12:00:00"
	Millis     int64  // the same in Unix milliseconds, for the script that keeps it running
	Distance   string // "31 days ahead of real time"
	First      string // the first of the next month: "1 Feb"
}

// Flash is what the last action did, shown once.
type Flash struct {
	Text   string
	Failed bool
	Secret string // a secret that is shown only this once
	Link   *Link
}

// Start is what a new user needs: commands to copy.
type Start struct{ Base, Host, Port string }

// Badge is a status in words. Tone (good, warn, bad, quiet) only repeats it. If Text is empty, there is no badge.
type Badge struct{ Text, Tone string }

// Fact is a name and its value.
type Fact struct{ Name, Text, URL string }

// Table is a list of things, newest first.
type Table struct {
	ID, Title string
	Columns   []string // for the title of a row and for each cell; status and actions have their own
	Rows      []Row
	Empty     string // what to do if there is nothing
	Command   string // "" or a command that makes the first one
	All       string // URL of the whole list
	Older     string // URL of the next page
	Compact   bool   // in a narrow space
	Alone     bool   // the page is about this table, and uses its title
	Acts      []Act  // of the whole table
}

// Row is one thing in a table.
type Row struct {
	ID, Title, URL, Detail string
	Cells                  []Cell
	Badge                  Badge
	Acts                   []Act
}

// Cell is a text of a row.
type Cell struct {
	Text, Detail string
	Figures      bool // in figures of one width, aligned right
}

// Act is something to do: a button that posts ID as object to Action, or a link.
type Act struct {
	Action, ID, Text string
	Danger           bool
	URL              string // makes it a link
	Fields           []Field
	Input            *Input // a field to fill in first
}

// Field is a fixed field of a form.
type Field struct{ Name, Value string }

// Input is a field that a person fills in.
type Input struct{ Name, Label, Placeholder string }

// FaultForm lists the kinds of faults that can be set.
type FaultForm struct{ Calls, Deliveries []string }

// Span is a piece of text. If it has a URL, it is a link.
type Span struct{ Text, URL string }

// Wide is for the template: it reports whether a feed is shown next to the tables.
func (v PanelView) Wide() bool { return v.Feed != nil }
