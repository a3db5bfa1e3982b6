package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// source is a package with its types.
type source struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string

	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
}

// load reads a package and checks its types against the compiled packages that it imports.
func load(root, pkg string) (*source, error) {
	list := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles", pkg)
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exports := map[string]string{}
	var p *source
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		next := &source{}
		if err := d.Decode(next); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		exports[next.ImportPath], p = next.Export, next // the package itself comes last
	}
	p.fset = token.NewFileSet()
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(p.fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(name, ".gen.go") {
			p.files = append(p.files, f)
		}
	}
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})}
	if _, err := config.Check(p.ImportPath, p.fset, p.files, p.info); err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	return p, nil
}
