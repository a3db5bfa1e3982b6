package api_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestProblemPages proves that the address of each type of problem explains it: in JSON, and in HTML to those who
// prefer it. The client checks each response against the contract. The page loads nothing.
func TestProblemPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	c := &client{t: t, w: w}
	s, err := openSpec()
	must(t, err)
	reached := map[string]bool{}
	for _, kind := range s.doc.Components.Schemas["ProblemType"].Value.Enum {
		path := kind.(string)
		for _, accept := range []string{
			"-", "*/*", "application/json", "text/html;q=0.5, application/json", "image/png",
		} {
			a := c.call(http.StatusOK, http.MethodGet, path, nil, "Accept", accept)
			c.expect(
				a.text("type") == path && a.text("example_response.type") == path && len(a.list("when")) > 0 &&
					a.text("what_to_do") != "" && lists(a.header, "Vary", "Accept"),
				"%s for %s: %s", path, accept, a.raw,
			)
		}
		browser := "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
		a := c.call(http.StatusOK, http.MethodGet, path, nil, "Accept", browser)
		page := string(a.raw)
		c.expect(
			strings.Contains(a.header.Get("Content-Type"), "text/html") && lists(a.header, "Vary", "Accept") &&
				strings.Contains(page, path) && strings.Contains(page, "<h1>") && strings.Contains(page, "<li>") &&
				strings.Contains(page, "What to do:") && strings.Contains(page, "request_id"),
			"the page of %s: %s", path, page,
		)
		c.expect(
			!regexp.MustCompile(`<(script|img|iframe)|src=|href="[^/dh]`).MatchString(page),
			"it loads something: %s", page,
		)
		for _, m := range href.FindAllStringSubmatch(page, -1) {
			if target := c.leads(path, m[1]); target != "" && !reached[target] {
				reached[target] = true
				c.call(http.StatusOK, http.MethodGet, target, nil, "Accept", browser)
			}
		}
	}
	c.expect(reached["/problems/internal"] && reached["/docs"], "the pages link to %v", reached)
	for _, path := range []string{
		"/problems/nothing", "/problems/..%2f..%2fetc", "/problems/validation%2f", "/guides/nothing.md",
		"/guides/..%2fproblems.md", "/guides/embed.go", "/guides/security.md",
	} {
		c.call(http.StatusNotFound, http.MethodGet, path, nil, "Accept", "text/html")
	}
}

var (
	anyLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	repository = "https://github.com/pointsync/pointsync/blob/main/"
	href       = regexp.MustCompile(`<a href="([^"]*)"`)
	codeBlock  = regexp.MustCompile("(?s)\n *```.*?\n *```")
)

// leads checks a link of a page: it leads to an address of the server, to a file of the repository, or to another site.
// leads returns the address of the server, or "".
func (c *client) leads(page, link string) string {
	c.t.Helper()
	target, _, _ := strings.Cut(link, "#")
	if strings.HasPrefix(target, "/") {
		return target
	}
	if file, ours := strings.CutPrefix(target, repository); ours {
		_, err := os.Stat("../" + file)
		c.expect(err == nil, "%s links to %s, which does not exist", page, link)
	} else {
		c.expect(target == "" || strings.HasPrefix(target, "https://"), "%s links to %s", page, link)
	}
	return ""
}

// TestGuides proves that a language model finds its way: each link of /llms.txt, and of the pages and problems that it
// lists, leads somewhere.
func TestGuides(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	c := &client{t: t, w: w}
	visited := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if visited[path] {
			return
		}
		visited[path] = true
		a := c.call(http.StatusOK, http.MethodGet, path, nil)
		if path == "/docs" || path == "/openapi.yaml" {
			return // they link to nothing of docs
		}
		for _, m := range anyLink.FindAllStringSubmatch(codeBlock.ReplaceAllString(string(a.raw), ""), -1) {
			if target := c.leads(path, m[1]); target != "" {
				visit(target)
			}
		}
	}
	visit("/llms.txt")
	for _, path := range []string{"/guides/tokens.md", "/guides/problems.md", "/problems/conflict", "/openapi.yaml"} {
		c.expect(visited[path], "%s is not found by reading on from /llms.txt: %v", path, visited)
	}
}
