package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestPagesQuoteMessages proves that the detail of each example of a problem, in docs and in the contract, is a message
// that the code has.
func TestPagesQuoteMessages(t *testing.T) {
	t.Parallel()
	example := regexp.MustCompile(`"detail": ("(?:[^"\\]|\\.)*")`)
	var quoted []string
	for _, glob := range []string{"../../docs/*.md", "../../docs/*/*.md"} {
		pages, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			for _, m := range example.FindAllStringSubmatch(read(t, page), -1) {
				var detail string
				if err := json.Unmarshal([]byte(m[1]), &detail); err != nil {
					t.Fatal(err)
				}
				quoted = append(quoted, detail)
			}
		}
	}
	var contract any
	if err := yaml.Unmarshal([]byte(read(t, "../../openapi.yaml")), &contract); err != nil {
		t.Fatal(err)
	}
	quoted = append(quoted, detailsOf(contract)...)
	if len(quoted) < 40 {
		t.Fatalf("only %d quotes were found", len(quoted))
	}
	said := messages(t)
	for _, detail := range quoted {
		if !slices.ContainsFunc(said, func(m *regexp.Regexp) bool { return m.MatchString(detail) }) {
			t.Errorf("no message of the code is %q", detail)
		}
	}
}

// detailsOf returns the details of the problems in a document.
func detailsOf(document any) (details []string) {
	switch d := document.(type) {
	case map[string]any:
		kind, _ := d["type"].(string)
		if detail, ok := d["detail"].(string); ok && strings.HasPrefix(kind, "/problems/") {
			details = append(details, detail)
		}
		for _, member := range d {
			details = append(details, detailsOf(member)...)
		}
	case []any:
		for _, item := range d {
			details = append(details, detailsOf(item)...)
		}
	}
	return details
}

// verb matches what a message leaves open: a verb of fmt.
var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)

// messages returns patterns of all texts in the code of more than a few words. The sandbox's are Stripe's.
func messages(t *testing.T) (all []*regexp.Regexp) {
	t.Helper()
	for file, source := range goFiles(t) {
		if !strings.HasPrefix(file, "pkg/") && !strings.HasPrefix(file, "api/") ||
			strings.HasPrefix(file, "pkg/sandbox/") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := textOf(e)
			if ok && len(verb.ReplaceAllString(text, "")) > len("No such order") {
				parts := verb.Split(text, -1)
				for i, part := range parts {
					parts[i] = regexp.QuoteMeta(part)
				}
				all = append(all, regexp.MustCompile("^"+strings.Join(parts, ".+")+"$"))
			}
			return !ok
		})
	}
	return all
}

// textOf returns a literal, or a sum of literals and other parts, which it returns as verbs.
func textOf(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, e.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, isLeft := textOf(e.X)
		right, isRight := textOf(e.Y)
		if e.Op != token.ADD || !isLeft && !isRight {
			return "", false
		}
		if !isLeft {
			left = "%v"
		}
		if !isRight {
			right = "%v"
		}
		return left + right, true
	}
	return "", false
}
