package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mutant is one small fault. It is active if its switch, the index in the list, is on.
type mutant struct {
	file string
	line int
	what string
}

// edit replaces a part of a file. Edits at one place nest: if two begin at one offset, the outer one is written first.
type edit struct {
	from, to int
	text     string
}

// writer collects the edits of one package.
type writer struct {
	*source
	mutants []mutant
	edits   map[string][]edit
}

// mutate writes the package with all mutants in it, and an overlay that makes `go test` use it.
func (p *source) mutate(work string) ([]mutant, error) {
	w := &writer{source: p, mutants: []mutant{{}}, edits: map[string][]edit{}} // switch 0 is no mutant
	for _, f := range p.files {
		ast.Inspect(f, w.visit)
	}
	replace := map[string]string{}
	for path, edits := range w.edits {
		text, err := apply(path, edits)
		if err != nil {
			return nil, err
		}
		replace[path] = filepath.Join(work, filepath.Base(path))
		if err := os.WriteFile(replace[path], text, 0o600); err != nil {
			return nil, err
		}
	}
	helpers := filepath.Join(work, "mutants_helpers.go")
	replace[filepath.Join(p.Dir, "mutants_helpers.go")] = helpers
	if err := os.WriteFile(helpers, []byte("package "+p.Name+"\n"+helperCode), 0o600); err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	return w.mutants, os.WriteFile(filepath.Join(work, "overlay.json"), overlay, 0o600)
}

// visit handles one node and continues with the nodes below it.
func (w *writer) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok != token.CONST && n.Tok != token.TYPE
	case *ast.BinaryExpr:
		w.binary(n)
	case *ast.CallExpr:
		w.timeOrder(n)
	case *ast.IfStmt:
		w.negate(n.Cond, "the condition is negated")
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			if !w.isIdle(n, e) {
				w.negate(e, "the returned bool is negated")
			}
		}
	case *ast.BlockStmt:
		w.statements(n.List)
	case *ast.CaseClause:
		w.statements(n.Body)
	case *ast.AssignStmt:
		w.assignment(n)
	}
	return true
}

// assignment gives what += adds, or -= subtracts, the other sign.
func (w *writer) assignment(n *ast.AssignStmt) {
	if n.Tok != token.ADD_ASSIGN && n.Tok != token.SUB_ASSIGN || !w.isNumber(n.Rhs[0]) && !w.isNumber(n.Lhs[0]) {
		return
	}
	w.wrap(
		n.Rhs[0], fmt.Sprintf("mutant__sign(%d, ", w.add(n.TokPos, n.Tok.String()+" with the other sign")),
		w.typed(n.Lhs[0], n.Rhs[0]),
	)
}

// typed closes the brackets of a wrapped operand. If the right side is a constant, it adds the left side as a further
// operand, which gives an untyped constant its type.
func (w *writer) typed(left, right ast.Expr) string {
	if w.info.Types[right].Value != nil {
		return ", " + w.text(left) + ")"
	}
	return ")"
}

var boundaries = map[token.Token]string{token.LSS: "less", token.LEQ: "most", token.GTR: "more", token.GEQ: "least"}

var sums = map[token.Token]string{
	token.ADD: "plus", token.SUB: "minus", token.MUL: "times", token.QUO: "by", token.REM: "rest",
}

func (w *writer) binary(n *ast.BinaryExpr) {
	if w.info.Types[n].Value != nil { // a constant
		return
	}
	helper, isSum := sums[n.Op]
	switch bound, isBound := boundaries[n.Op]; {
	case isBound:
		not := w.add(n.OpPos, n.Op.String()+" is negated")
		edge := w.add(n.OpPos, n.Op.String()+" with the other edge")
		w.wrap(n, fmt.Sprintf("(mutant__%s(%d, ", bound, edge), fmt.Sprintf(") != mutant__on(%d))", not))
		w.replace(n.OpPos, len(n.Op.String()), ", ")
	case n.Op == token.EQL || n.Op == token.NEQ:
		w.wrap(n, "((", fmt.Sprintf(") != mutant__on(%d))", w.add(n.OpPos, n.Op.String()+" is negated")))
	case n.Op == token.LAND || n.Op == token.LOR:
		name := map[token.Token]string{token.LAND: "and", token.LOR: "or"}[n.Op]
		w.wrap(n, fmt.Sprintf("mutant__%s(%d, ", name, w.add(n.OpPos, n.Op.String()+" is the other one")), ") })")
		w.replace(n.OpPos, 2, ", func() bool { return (") // the bracket lets the operand begin on the next line
	case isSum && w.isNumber(n):
		w.wrap(n, fmt.Sprintf("mutant__%s(%d, ", helper, w.add(n.OpPos, n.Op.String()+" is the other one")), ")")
		w.replace(n.OpPos, 1, ", ")
	}
}

// timeOrder moves the edge of t.Before(u) and t.After(u).
func (w *writer) timeOrder(n *ast.CallExpr) {
	f, ok := n.Fun.(*ast.SelectorExpr)
	if !ok || len(n.Args) != 1 || !w.isTime(f.X) || !w.isTime(n.Args[0]) ||
		f.Sel.Name != "Before" && f.Sel.Name != "After" {
		return
	}
	w.wrap(
		n,
		fmt.Sprintf(
			"mutant__%s(%d, ", strings.ToLower(f.Sel.Name), w.add(f.Sel.Pos(), f.Sel.Name+" with the other edge"),
		),
		"",
	)
	w.replace(f.X.End(), int(n.Lparen)+1-int(f.X.End()), ", ")
}

// negate negates a bool that is not the result of an operator. Operators have separate mutants.
func (w *writer) negate(e ast.Expr, what string) {
	if t := w.info.Types[e]; t.Type == nil || !types.Identical(
		t.Type.Underlying(), types.Typ[types.Bool],
	) && t.Type != types.Typ[types.UntypedBool] {
		return
	}
	if _, ok := e.(*ast.BinaryExpr); !ok {
		w.wrap(e, "((", fmt.Sprintf(") != mutant__on(%d))", w.add(e.Pos(), what)))
	}
}

// isIdle reports whether a returned false comes with an error, so that no caller reads it.
func (w *writer) isIdle(n *ast.ReturnStmt, e ast.Expr) bool {
	last := n.Results[len(n.Results)-1]
	t := w.info.Types[last].Type
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "false" && e != last && t != nil && t.String() != "untyped nil" &&
		types.Implements(t, errorType)
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// statements leaves out the calls and assignments of a list, one at a time, and counts in the other direction.
func (w *writer) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok && !w.isUnseen(call) {
				w.wrap(s, fmt.Sprintf("if !mutant__on(%d) { ", w.add(s.Pos(), "left out: "+w.text(s))), " }")
			}
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE && !isBlank(s.Lhs) {
				w.wrap(s, fmt.Sprintf("if !mutant__on(%d) { ", w.add(s.Pos(), "left out: "+w.text(s))), " }")
			}
		case *ast.IncDecStmt:
			other := map[token.Token]string{token.INC: "--", token.DEC: "++"}[s.Tok]
			w.wrap(
				s,
				fmt.Sprintf(
					"if mutant__on(%d) { %s%s } else { ", w.add(s.TokPos, s.Tok.String()+" is the other one"),
					w.text(s.X), other,
				),
				" }",
			)
		}
	}
}

func isBlank(left []ast.Expr) bool {
	return !slices.ContainsFunc(left, func(e ast.Expr) bool { id, ok := e.(*ast.Ident); return !ok || id.Name != "_" })
}

// isUnseen reports whether a call has no effect that a test without the race detector could notice: a lock, a line in
// the log. A panic also stays, because functions may have to end with it.
func (w *writer) isUnseen(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name == "panic" || f.Name == "recover"
	case *ast.SelectorExpr:
		object := w.info.Uses[f.Sel]
		return object != nil && object.Pkg() != nil &&
			(object.Pkg().Path() == "sync" || object.Pkg().Path() == "log/slog")
	}
	return false
}

func (w *writer) isNumber(e ast.Expr) bool {
	t := w.info.Types[e]
	if t.Type == nil || t.Value != nil && t.Value.Kind() == constant.String {
		return false
	}
	basic, ok := t.Type.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsNumeric != 0 && basic.Info()&types.IsComplex == 0
}

func (w *writer) isTime(e ast.Expr) bool {
	t := w.info.Types[e].Type
	return t != nil && t.String() == "time.Time"
}

// add makes a mutant and returns its switch.
func (w *writer) add(pos token.Pos, what string) int {
	at := w.fset.Position(pos)
	if line, _, cut := strings.Cut(what, "\n"); cut {
		what = line + " …"
	}
	w.mutants = append(w.mutants, mutant{file: filepath.Base(at.Filename), line: at.Line, what: what})
	return len(w.mutants) - 1
}

func (w *writer) wrap(n ast.Node, before, after string) {
	w.put(n.Pos(), 0, before)
	w.put(n.End(), 0, after)
}

func (w *writer) replace(pos token.Pos, length int, text string) { w.put(pos, length, text) }

func (w *writer) put(pos token.Pos, length int, text string) {
	at := w.fset.Position(pos)
	w.edits[at.Filename] = append(w.edits[at.Filename], edit{at.Offset, at.Offset + length, text})
}

// text returns the source of a node.
func (w *writer) text(n ast.Node) string {
	at := w.fset.Position(n.Pos())
	all, err := os.ReadFile(at.Filename)
	if err != nil {
		return strconv.Quote(err.Error())
	}
	return string(all[at.Offset:w.fset.Position(n.End()).Offset])
}
