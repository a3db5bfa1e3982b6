package main

import (
	"bytes"
	"os"
)

// apply writes the edits of a file into its text. Nodes are visited from the outside to the inside. So what opens at
// one offset is written in the order of the visits, and what closes there in the opposite order. What closes at an
// offset comes before what opens there.
func apply(path string, edits []edit) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	opens, closes, replaced := map[int][]string{}, map[int][]string{}, map[int]edit{}
	for _, e := range edits {
		switch {
		case e.to > e.from:
			replaced[e.from] = e
		case isClosing(e.text):
			closes[e.from] = append([]string{e.text}, closes[e.from]...)
		default:
			opens[e.from] = append(opens[e.from], e.text)
		}
	}
	var out bytes.Buffer
	for at := 0; at <= len(text); at++ {
		for _, s := range closes[at] {
			out.WriteString(s)
		}
		for _, s := range opens[at] {
			out.WriteString(s)
		}
		if e, ok := replaced[at]; ok {
			out.WriteString(e.text)
			at = e.to - 1
			continue
		}
		if at < len(text) {
			out.WriteByte(text[at])
		}
	}
	return out.Bytes(), nil
}

// isClosing reports whether an inserted text ends a place. All such texts begin with a bracket, a comma or a brace.
func isClosing(s string) bool { return s == "" || s[0] == ')' || s[0] == ',' || s[0] == ' ' }
