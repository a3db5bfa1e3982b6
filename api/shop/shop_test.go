package shop_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/api/console"
	"github.com/pointsync/pointsync/api/shop"
)

// page is one of the pages that are served with modules: the shop, and the admin console.
type page struct {
	html  string
	files map[string]string // by their names
}

func pages(t *testing.T) map[string]page {
	t.Helper()
	own, err := fs.Glob(shop.Files, "*.*")
	if err != nil {
		t.Fatal(err)
	}
	others, err := console.Names()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]page{
		"shop":    {string(shop.HTML), read(t, own, shop.Files.ReadFile)},
		"console": {string(console.HTML), read(t, others, console.File)},
	}
}

func read(t *testing.T, names []string, from func(string) ([]byte, error)) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range names {
		content, err := from(name)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = string(content)
	}
	return found
}

// modules returns the page's scripts by their names.
func (p page) modules(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, script := range p.files {
		if strings.HasSuffix(name, ".js") {
			found[name] = script
		}
	}
	if len(found) == 0 {
		t.Fatal("a page without modules")
	}
	return found
}

// each runs a test on each page.
func each(t *testing.T, test func(t *testing.T, p page)) {
	t.Helper()
	t.Parallel()
	for name, p := range pages(t) {
		t.Run(name, func(t *testing.T) { test(t, p) })
	}
}

// TestPolicyHolds proves that the page needs nothing that its policy forbids: it has no inline script, style or
// handler, and nothing from another origin.
func TestPolicyHolds(t *testing.T) { each(t, policyHolds) }

func policyHolds(t *testing.T, p page) {
	page, style := p.html, p.files["shop.css"]+p.files["console.css"]
	for _, never := range []string{
		`<script>`, `<style`, ` style="`, `<script src="http`, `<link rel="stylesheet" href="http`, "@import",
	} {
		if strings.Contains(page+style, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if m := regexp.MustCompile(`\son[a-z]+="`).FindString(page); m != "" {
		t.Errorf("the page has an event handler: %q", m)
	}
	for name, script := range p.modules(t) {
		for _, never := range []string{
			"innerHTML", "insertAdjacentHTML", "document.write", "eval(", ".style.",
		} {
			if strings.Contains(script, never) {
				t.Errorf("%s has %q", name, never)
			}
		}
		if name != "api.js" && name != "client.js" && strings.Contains(script, "localStorage") {
			t.Errorf("%s keeps something in localStorage, which only the client may use for its tokens", name)
		}
	}
	if strings.Contains(style, "url(") {
		t.Error("the style loads something")
	}
}

// TestScriptFindsItsPage proves that every element that a module requests by id is in the page. Every label names a
// field, and every field has a label.
func TestScriptFindsItsPage(t *testing.T) { each(t, scriptFindsItsPage) }

func scriptFindsItsPage(t *testing.T, p page) {
	page := p.html
	for name, script := range p.modules(t) {
		for _, m := range regexp.MustCompile(`byId\("([^"]+)"\)`).FindAllStringSubmatch(script, -1) {
			if strings.Count(page, ` id="`+m[1]+`"`) != 1 {
				t.Errorf("%s wants one element %q of the page", name, m[1])
			}
		}
	}
	labels := regexp.MustCompile(`<label for="([^"]+)">`).FindAllStringSubmatch(page, -1)
	if fields := len(regexp.MustCompile(`<(input|select|textarea)\b`).FindAllString(page, -1)); fields != len(labels) {
		t.Errorf("%d fields and %d labels", fields, len(labels))
	}
	for _, m := range labels {
		if !regexp.MustCompile(`<(input|select|textarea) [^>]*\bid="` + m[1] + `"`).MatchString(page) {
			t.Errorf("label for %q names no field", m[1])
		}
	}
}

// TestModulesFindEachOther proves that every import names a module of the shop that exports it, and that nothing is
// imported without being used. The modules form no cycle: in a cycle, one would run before what it needs.
func TestModulesFindEachOther(t *testing.T) { each(t, modulesFindEachOther) }

func modulesFindEachOther(t *testing.T, p page) {
	all := p.modules(t)
	imports := regexp.MustCompile(`(?m)^import \{ ([^}]+) \} from "\./([^"]+)";$`)
	of := map[string][]string{}
	for name, script := range all {
		found := imports.FindAllStringSubmatch(script, -1)
		if len(found) != len(regexp.MustCompile(`(?m)^import\b`).FindAllString(script, -1)) {
			t.Errorf("%s imports in another way than { names } from a neighbour", name)
		}
		for _, m := range found {
			of[name] = append(of[name], m[2])
			for what := range strings.SplitSeq(m[1], ", ") {
				if !exports(all[m[2]], what) {
					t.Errorf("%s wants %s of %s, which exports no such thing", name, what, m[2])
				}
				if len(
					regexp.MustCompile(`\b`+what+`\b`).FindAllString(imports.ReplaceAllString(script, ""), -1),
				) == 0 {
					t.Errorf("%s imports %s and never uses it", name, what)
				}
			}
		}
	}
	var visit func(name string, above []string)
	visit = func(name string, above []string) {
		for _, other := range above {
			if other == name {
				t.Fatalf("a circle: %v, %s", above, name)
			}
		}
		for _, next := range of[name] {
			visit(next, append(above[:len(above):len(above)], name))
		}
	}
	for name := range all {
		visit(name, nil)
	}
}

// exports reports whether a module exports a name. The client, written by a bundler, lists what it exports at its end.
func exports(script, name string) bool {
	declared := regexp.MustCompile(`(?m)^export (async )?(function|const|let|class) ` + name + `\b`)
	listed := regexp.MustCompile(`(?s)\nexport \{[^}]*\b` + name + `\b[^}]*\};\s*$`)
	return declared.MatchString(script) || listed.MatchString(script)
}

// TestPage proves that the link to the sandbox uses the sandbox's address. No text can break out of the link. Without a
// sandbox there is no link.
func TestPage(t *testing.T) {
	t.Parallel()
	if !strings.Contains(string(shop.HTML), `href="`+shop.SandboxURL+`"`) {
		t.Fatal("the page as it stands has no link to the sandbox")
	}
	if got := string(shop.Page("http://127.0.0.1:9/\"><script>")); !strings.Contains(
		got, `href="http://127.0.0.1:9/&#34;&gt;&lt;script&gt;"`,
	) {
		t.Error("the address is not in the page, or not escaped")
	}
	if got := string(shop.Page("")); strings.Contains(got, "Sandbox") {
		t.Error("a link to no sandbox remains")
	}
}
