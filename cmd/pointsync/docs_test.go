package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDependencies proves that docs/dependencies.md has a row for each direct dependency of the program, of the tools
// and of npm, and none for another.
func TestDependencies(t *testing.T) {
	t.Parallel()
	wanted := map[string]bool{}
	modules, err := filepath.Glob("../../tools/*/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(modules, "../../go.mod", "../../tools/go.mod") {
		for _, name := range directOf(t, file) {
			wanted[name] = true
		}
	}
	for _, name := range directOfNPM(t) {
		wanted[name] = true
	}
	if len(wanted) < 30 {
		t.Fatalf("only %d dependencies were found", len(wanted))
	}
	page := read(t, "../../docs/dependencies.md")
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)$").FindAllStringSubmatch(page, -1) {
		named[row[1]] = true
		cells := strings.Split(row[2], "|") // the last is what follows the row
		blank := func(cell string) bool { return strings.TrimSpace(cell) == "" }
		if len(cells) != 4 || slices.ContainsFunc(cells[:3], blank) {
			t.Errorf("%s: a row has a reason, a licence and what we would do without it", row[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !named[name] {
			t.Errorf("docs/dependencies.md has no row for %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !wanted[name] {
			t.Errorf("docs/dependencies.md has a row for %s, which is no direct dependency", name)
		}
	}
}

// directOf returns the modules that a go.mod requires itself, and the modules of its tools.
func directOf(t *testing.T, file string) (names []string) {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		isTool := slices.ContainsFunc(mod.Tool, func(tool struct{ Path string }) bool {
			return tool.Path == r.Path || strings.HasPrefix(tool.Path, r.Path+"/")
		})
		if !r.Indirect || isTool {
			names = append(names, r.Path)
		}
	}
	return names
}

func directOfNPM(t *testing.T) []string {
	t.Helper()
	var manifest struct{ Dependencies, DevDependencies map[string]string }
	if err := json.Unmarshal([]byte(read(t, "../../tools/package.json")), &manifest); err != nil {
		t.Fatal(err)
	}
	maps.Copy(manifest.Dependencies, manifest.DevDependencies)
	return slices.Collect(maps.Keys(manifest.Dependencies))
}

// TestPagesNameWhatExists proves that every test and every file that the pages about rules name exists. A rule whose
// proof was renamed or removed would otherwise look proven.
func TestPagesNameWhatExists(t *testing.T) {
	t.Parallel()
	tests := testsOf(t)
	targets := read(t, "../../Makefile")
	for _, page := range []string{"security.md", "invariants.md", "dependencies.md"} {
		text := read(t, "../../docs/"+page)
		for _, name := range regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`).FindAllString(text, -1) {
			if !tests[name] {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("../../docs", link[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, link[1])
			}
		}
		for _, m := range regexp.MustCompile("`make ([a-z-]+)").FindAllStringSubmatch(text, -1) {
			if !strings.Contains(targets, "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which does not exist", page, m[1])
			}
		}
	}
}

// TestInvariantsNameCode proves that the code and the tables that keep an invariant, by docs/invariants.md, exist.
func TestInvariantsNameCode(t *testing.T) {
	t.Parallel()
	words := map[string]bool{}
	note := func(text string) {
		for _, word := range regexp.MustCompile(`\w+`).FindAllString(text, -1) {
			words[word] = true
		}
	}
	note(read(t, "../../pkg/store/migrations/00001_schema.sql"))
	for path, text := range goFiles(t) {
		if !strings.HasSuffix(path, "_test.go") {
			note(regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(text, ""))
		}
	}
	seen := 0
	page := read(t, "../../docs/invariants.md")
	for _, row := range regexp.MustCompile(`(?m)^\|[^|]+\|([^|]+)\|[^|]+\|$`).FindAllStringSubmatch(page, -1) {
		for _, name := range regexp.MustCompile("`[*]?([A-Za-z][\\w.]*)`").FindAllStringSubmatch(row[1], -1) {
			seen++
			for part := range strings.SplitSeq(name[1], ".") {
				if !words[part] {
					t.Errorf("invariants.md says that %s keeps a rule, but no code has that name", name[1])
				}
			}
		}
	}
	if seen < 200 {
		t.Errorf("only %d names were found", seen)
	}
}

// testsOf returns the names of all tests and fuzz targets of the repository.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for path, text := range goFiles(t) {
		if !strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, m := range declared.FindAllStringSubmatch(text, -1) {
			names[m[1]] = true
		}
	}
	if len(names) < 500 {
		t.Fatalf("only %d tests were found", len(names))
	}
	return names
}

// goFiles returns the text of each Go file of the repository, by its path.
func goFiles(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another step of `make check` builds the site or the client, and has removed an old folder
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") {
			texts[strings.TrimPrefix(filepath.ToSlash(path), "../../")] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
