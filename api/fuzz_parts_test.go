package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// operation is one of the contract.
type operation struct {
	*openapi3.Operation
	method, path string
	parameters   openapi3.Parameters // those of its path too
	as           string              // who may call it
}

// operationsOf returns the operations of the contract, in a fixed order.
func operationsOf(t *testing.T) (all []operation) {
	t.Helper()
	s, err := openSpec()
	must(t, err)
	for path, item := range s.doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := operation{Operation: op, method: method, path: path, as: user}
			o.parameters = append(slices.Clone(item.Parameters), op.Parameters...)
			switch {
			case op.Security != nil && len(*op.Security) == 0:
				o.as = anonymous
			case strings.HasPrefix(path, "/admin/"):
				o.as = admin
			case strings.HasPrefix(path, "/accounts"):
				o.as = worker
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

// maxHostilePart bounds a part, in bytes: the limits on size have attacks of their own.
const maxHostilePart = 20_000

// hostileParts are what the attacks are made of.
type hostileParts struct {
	values  []any    // of members
	bodies  []string // whole
	headers []string // lines
	queries []string
}

// partsOfAttacks takes the table of attacks apart, so that each part meets each operation.
func partsOfAttacks(t *testing.T) (p hostileParts) {
	t.Helper()
	for _, kind := range attacks {
		for _, a := range kind.list {
			text := a.header + a.body
			if strings.HasSuffix(a.want, " -") || strings.Contains(text, "$") || len(text) > maxHostilePart {
				continue // no request of HTTP, or only one on its stage
			}
			for line := range strings.SplitSeq(a.header, "\r\n") {
				if line != "" {
					p.headers = append(p.headers, line)
				}
			}
			if _, query, ok := strings.Cut(a.line, "?"); ok && !strings.Contains(query, "$") {
				p.queries = append(p.queries, strings.TrimSuffix(query, " HTTP/1.1"))
			}
			if a.body == "" {
				continue
			}
			p.bodies = append(p.bodies, a.body)
			d := json.NewDecoder(strings.NewReader(a.body))
			d.UseNumber()
			var members map[string]any
			if d.Decode(&members) == nil {
				for _, name := range slices.Sorted(maps.Keys(members)) {
					p.values = append(p.values, members[name])
				}
			}
		}
	}
	if len(p.values) < 50 || len(p.bodies) < 100 || len(p.headers) < 20 || len(p.queries) < 10 {
		t.Errorf(
			"few parts: %d values, %d bodies, %d headers, %d queries", len(p.values), len(p.bodies), len(p.headers),
			len(p.queries),
		)
	}
	return p
}
