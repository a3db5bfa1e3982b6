package pages

// PanelView is a page of the control panel: its frame, and the parts that it is made of, each of which may be absent.
type PanelView struct {
	Title string
	Kind  string // over the title, what it is a title of: "Subscription"
	Badge Badge
	Nav   []NavItem
	Clock Clock
	Query string // what was searched for
	Flash Flash

	Start     *Start // for who is new here
	Facts     []Fact
	Acts      []Act
	Tables    []Table
	Feed      *Table // beside the others
	Faults    *FaultForm
	Endpoints bool   // the form for a new webhook endpoint
	JSON      []Span // the object as the API answers it
}

// NavItem is a place in the panel.
type NavItem struct {
	Text, URL string
	Count     int  // 0 shows none
	Here      bool // this page, or the list that its object is in
}

// Clock is the sandbox's clock as the panel shows it.
type Clock struct {
	Date, Time string // "Mon 15 Jan 2024", "12:00:00"
	Millis     int64  // the same in Unix milliseconds, for the script that lets it run
	Distance   string // "31 days ahead of real time"
	First      string // the first of the next month: "1 Feb"
}

// Flash is what the last action did, shown once.
type Flash struct {
	Text   string
	Failed bool
	Secret string // a secret that is answered this once
	Link   *Link
}

// Start is what a newcomer needs: commands to copy.
type Start struct{ Base, Host, Port string }

// Badge is a status in words; Tone (good, warn, bad, quiet) only repeats it. No text, no badge.
type Badge struct{ Text, Tone string }

// Fact is a name and what it has.
type Fact struct{ Name, Text, URL string }

// Table is a list of things, newest first.
type Table struct {
	ID, Title string
	Columns   []string // one for the title of a row and one for each cell; status and actions have their own
	Rows      []Row
	Empty     string // what to do where there is nothing
	Command   string // "" or a command that makes the first one
	All       string // where the whole list is
	Older     string // where it goes on
	Compact   bool   // in little room
	Alone     bool   // it is what the page is about, and its title the page's
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
	Figures      bool // set in figures of one width, at the right
}

// Act is something to do: a button that posts ID as object to Action, or a link.
type Act struct {
	Action, ID, Text string
	Danger           bool
	URL              string // makes it a link
	Fields           []Field
	Input            *Input // something to type first
}

// Field is a fixed field of a form.
type Field struct{ Name, Value string }

// Input is a field that a person fills.
type Input struct{ Name, Label, Placeholder string }

// FaultForm lists the kinds of faults that can be set.
type FaultForm struct{ Calls, Deliveries []string }

// Span is a piece of text, a link where it has an address.
type Span struct{ Text, URL string }

// Wide is for the template: a feed stands beside the tables.
func (v PanelView) Wide() bool { return v.Feed != nil }
