package api

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/manual"
)

// TestProblemTypes proves that the contract and docs/problems.md name the types of problems that there are, all of them
// and no others, with their titles and statuses. Each has an example that the contract allows for its type.
func TestProblemTypes(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := manual.Load()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, v := range doc.Components.Schemas["ProblemType"].Value.Enum {
		declared[v.(string)] = true
	}
	explained := map[billing.Code]bool{}
	for _, p := range pages.Problems {
		code, k := billing.Code(p.Code), problems[billing.Code(p.Code)]
		explained[code] = true
		if k.title != p.Title || k.status != p.Status {
			t.Errorf("docs/problems.md has %s as %d %q, and it is %d %q", code, p.Status, p.Title, k.status, k.title)
		}
		row := fmt.Sprintf("\n| [`%s`](#%s) | %d | %s |\n", code, code, k.status, k.title)
		if !strings.Contains(string(text), row) {
			t.Errorf("the table of docs/problems.md has no row %q", row)
		}
		checkExample(t, doc, p)
	}
	for code := range problems {
		if !declared["/problems/"+string(code)] || !explained[code] {
			t.Errorf("%s is not in the contract, or not in docs/problems.md", code)
		}
	}
	if len(declared) != len(problems) || len(pages.Problems) != len(problems) {
		t.Errorf("%d types, %d in the contract, %d in docs/problems.md", len(problems), len(declared),
			len(pages.Problems))
	}
}

// TestProblemNames proves that the generated name of each type of problem follows from its value, which a list beside
// the contract's enum says. The generator pairs the two by position, and one name too few moves the others.
func TestProblemNames(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	schema := doc.Components.Schemas["ProblemType"].Value
	names, _ := schema.Extensions["x-enum-varnames"].([]any)
	if len(names) == 0 || len(names) != len(schema.Enum) {
		t.Fatalf("%d types have %d names", len(schema.Enum), len(names))
	}
	for i, v := range schema.Enum {
		want := strings.ReplaceAll(strings.Replace(v.(string), "/problems/", "problem", 1), "-", "")
		if name, _ := names[i].(string); !strings.HasPrefix(name, "Problem") || strings.ToLower(name) != want {
			t.Errorf("%s is named %s", v, name)
		}
	}
}

// checkExample checks an example against the schema of all problems, and the one that is for its type alone.
func checkExample(t *testing.T, doc *openapi3.T, p manual.Problem) {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(p.Example, &body); err != nil {
		t.Fatal(err)
	}
	if body["type"] != "/problems/"+p.Code {
		t.Errorf("the example of %s is of the type %v", p.Code, body["type"])
	}
	for name, schema := range doc.Components.Schemas {
		if !strings.HasSuffix(name, "Problem") || name != "Problem" && !isFor(schema.Value, p.Code) {
			continue
		}
		if err := schema.Value.VisitJSON(body); err != nil {
			t.Errorf("the example of %s is no %s: %v", p.Code, name, err)
		}
	}
}

// isFor reports whether a schema is for one type of problem alone.
func isFor(schema *openapi3.Schema, code string) bool {
	for _, part := range schema.AllOf {
		if kind := part.Value.Properties["type"]; kind != nil && len(kind.Value.Enum) == 1 {
			return kind.Value.Enum[0] == "/problems/"+code
		}
	}
	return false
}
