package api

import (
	"os"
	"strings"
	"testing"
)

// TestProblemTypes proves that the contract and docs/problems.md name the types of problems that there are, all of them
// and no others.
func TestProblemTypes(t *testing.T) {
	t.Parallel()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, op := range c.operations {
		for _, v := range op.doc.Components.Schemas["ProblemType"].Value.Enum {
			declared[v.(string)] = true
		}
		break
	}
	text, err := os.ReadFile("../docs/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	for code, k := range problems {
		if !declared["/problems/"+string(code)] {
			t.Errorf("the contract does not name %s", code)
		}
		if !strings.Contains(string(text), "\n| `"+string(code)+"` | ") {
			t.Errorf("docs/problems.md does not explain %s (%d)", code, k.status)
		}
	}
	if len(declared) != len(problems) || strings.Count(string(text), "\n| `") != len(problems) {
		t.Errorf("%d types, %d in the contract, %d in docs/problems.md", len(problems), len(declared),
			strings.Count(string(text), "\n| `"))
	}
}
