package manual

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"

	"github.com/pointsync/pointsync/docs"
)

// Problem is what problems.md says about one type of problem.
type Problem struct {
	Code     string
	Title    string
	Status   int
	When     []string // what causes it, in Markdown
	WhatToDo string   // in Markdown
	Example  json.RawMessage
	Page     template.HTML // all of it but the title
}

// section matches what problems.md says about one type.
var section = regexp.MustCompile("(?s)^([a-z-]+)\n\n(When:\n\n- (.+?)\n\nWhat to do: (.+?)\n\n```json\n(.+?)```)\n*$")

// toProblem matches a link from one type to another.
var toProblem = regexp.MustCompile(`\]\(#([a-z-]+)\)`)

// problems returns what problems.md says about each type.
func problems(links linker) ([]Problem, error) {
	text, err := docs.Files.ReadFile("problems.md")
	if err != nil {
		return nil, err
	}
	var all []Problem
	for _, part := range strings.Split(string(text), "\n## ")[1:] {
		m := section.FindStringSubmatch(toProblem.ReplaceAllString(part, "](/problems/$1)"))
		if m == nil {
			return nil, fmt.Errorf("manual: problems.md does not say when, what to do and an example: %.60q", part)
		}
		p := Problem{Code: m[1], WhatToDo: oneLine(links.inText(m[4], ".")), Example: json.RawMessage(m[5])}
		var example struct {
			Title  string
			Status int
		}
		if err := json.Unmarshal(p.Example, &example); err != nil {
			return nil, fmt.Errorf("manual: the example of %s in problems.md: %w", p.Code, err)
		}
		p.Title, p.Status = example.Title, example.Status
		for _, cause := range strings.Split(m[3], "\n- ") {
			p.When = append(p.When, oneLine(links.inText(cause, ".")))
		}
		var page bytes.Buffer
		// People read the repository's pages: there the links and the tables are drawn.
		if err := goldmark.Convert([]byte(linker{}.inText(m[2], ".")), &page); err != nil {
			return nil, fmt.Errorf("manual: draw %s: %w", p.Code, err)
		}
		p.Page = template.HTML(page.String()) //nolint:gosec // of our own page; goldmark drops HTML in it
		all = append(all, p)
	}
	return all, nil
}

// oneLine joins the lines of a paragraph.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
