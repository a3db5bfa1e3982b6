package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestPostgresAlone proves that `make test-sqlite` leaves out the tests that need PostgreSQL: their names end in
// OnPostgres or are in .ci/postgres-alone, which names no others. By its source a test needs PostgreSQL if it, or a
// function of its package that it calls, opens a database of store.Postgres. A subtest that each database has does not
// count.
func TestPostgresAlone(t *testing.T) {
	t.Parallel()
	packages := map[string]map[string]*ast.FuncDecl{} // of tests, by their folder
	for file, text := range goFiles(t) {
		folder := path.Dir(file)
		if !strings.HasSuffix(file, "_test.go") || folder == "pkg/simtest" || strings.HasPrefix(file, "tools/") {
			continue // test-sqlite does not run these
		}
		if packages[folder] == nil {
			packages[folder] = map[string]*ast.FuncDecl{}
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				packages[folder][f.Name.Name] = f
			}
		}
	}
	needed := map[string]bool{}
	for _, funcs := range packages {
		for name := range funcs {
			isTest := strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")
			if isTest && needsPostgres(funcs, name, map[string]bool{}) && !strings.HasSuffix(name, "OnPostgres") {
				needed[name] = true
			}
		}
	}
	listed := map[string]bool{}
	for name := range strings.FieldsSeq(read(t, "../../.ci/postgres-alone")) {
		listed[name] = true
		if !needed[name] {
			t.Errorf(".ci/postgres-alone names %s, which does not exist or does not need PostgreSQL", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		if !listed[name] {
			t.Errorf("%s needs PostgreSQL: end its name in OnPostgres, or write it into .ci/postgres-alone", name)
		}
	}
}

// needsPostgres reports whether a function, or one that it calls, passes store.Postgres on or starts a server.
func needsPostgres(funcs map[string]*ast.FuncDecl, name string, seen map[string]bool) (needs bool) {
	f := funcs[name]
	if f == nil || f.Body == nil || seen[name] {
		return false
	}
	seen[name] = true
	ast.Inspect(f.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || needs {
			return !needs
		}
		switch called := call.Fun.(type) {
		case *ast.Ident:
			needs = needsPostgres(funcs, called.Name, seen)
		case *ast.SelectorExpr:
			needs = isName(called, "pgserver", "Start")
		}
		for _, arg := range call.Args {
			needs = needs || isName(arg, "store", "Postgres")
		}
		return !needs
	})
	return needs
}

// isName reports whether an expression is a name of another package.
func isName(e ast.Expr, from, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	id, ok := s.X.(*ast.Ident)
	return ok && id.Name == from
}
