// Package manual makes the pages that a server shows to the people and programs that use its API: what each problem
// means, and the pages that docs/README.md lists for them. It refuses to know HTTP, and the code that the pages
// describe.
//
// Invariants: there is one text of each page, the file in docs. A link of a guide, of llms.txt and of a problem's JSON
// leads to what the same server has, and otherwise to the repository. The HTML page of a problem links to other
// problems of the same server, and for all else to the repository, which shows pages as HTML.
package manual

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/pointsync/pointsync/docs"
)

// repository is where a link leads whose target no server has.
const repository = "https://github.com/pointsync/pointsync/blob/main/"

// Pages are what a server shows of docs.
type Pages struct {
	Problems []Problem         // in the order of problems.md
	Guides   map[string]string // Markdown by the name of its file, such as tokens.md; served at /guides/
	LLMs     string            // llms.txt: what the API is and where to read on, for language models
}

// Load reads the pages. It returns an error if one of them does not have the form that this package expects.
func Load() (Pages, error) {
	var p Pages
	index, err := listOfPages()
	if err != nil {
		return p, err
	}
	links := linker{served: map[string]bool{}}
	for _, target := range mdLink.FindAllStringSubmatch(index, -1) {
		links.served[target[1]] = true
	}
	p.Guides = map[string]string{}
	for file := range links.served {
		text, err := docs.Files.ReadFile(file)
		if err != nil {
			return p, fmt.Errorf("manual: README.md lists %s: %w", file, err)
		}
		if _, ok := p.Guides[path.Base(file)]; ok {
			return p, fmt.Errorf("manual: two pages are named %s", path.Base(file))
		}
		p.Guides[path.Base(file)] = links.inText(string(text), path.Dir(file))
	}
	if p.Problems, err = problems(links); err != nil {
		return p, err
	}
	p.LLMs = forModels(links.inText(index, "."), p.Problems)
	return p, nil
}

// listOfPages returns the lists of README.md that are for users of the API.
func listOfPages() (string, error) {
	text, err := docs.Files.ReadFile("README.md")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), "# Documentation\n\n")
	lists, _, found := strings.Cut(rest, "\n\nTo run it:")
	if !found {
		return "", errors.New("manual: README.md has no lists for users of the API")
	}
	return lists, nil
}

// mdLink matches a link to a page that a server can show: one of this folder, or of guides.
var mdLink = regexp.MustCompile(`\]\(((?:guides/)?[\w-]+\.md)\)`)

// linker changes the links of a page, which lead through the repository, for the readers of a server.
type linker struct {
	served map[string]bool // the files of Guides
}

// link matches a link within the repository.
var link = regexp.MustCompile(`\]\(([\w./-]+)(#[\w-]+)?\)`)

// inText changes the links of a Markdown text of a folder. Blocks of code stay as they are.
func (l linker) inText(text, folder string) string {
	lines := strings.Split(text, "\n")
	inCode := false
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inCode = !inCode
		}
		if !inCode {
			lines[i] = l.inLine(line, folder)
		}
	}
	return strings.Join(lines, "\n")
}

func (l linker) inLine(line, folder string) string {
	return link.ReplaceAllStringFunc(line, func(found string) string {
		m := link.FindStringSubmatch(found)
		file := path.Join(folder, m[1])
		switch {
		case path.IsAbs(m[1]):
			return found // an address of the server already
		case l.served[file]:
			return "](/guides/" + path.Base(file) + m[2] + ")"
		case file == "../openapi.yaml":
			return "](/openapi.yaml)"
		}
		return "](" + repository + path.Join("docs", file) + m[2] + ")"
	})
}

// aboutModels is the head of llms.txt.
const aboutModels = `# pointsync

> A self-hosted billing backend. It sells subscriptions and point packs through Stripe, and lets users spend points, but
> never more than they have.

- [The contract](/openapi.yaml): every operation, in OpenAPI 3.0.3. Read it first, and generate a client from it.
- [The contract as a page](/docs): try each operation.
- [The keys](/.well-known/jwks.json) that verify tokens and receipts.

The rules for a client:

- Wherever an answer has a member ` + "`token`" + `, it replaces the token that the client holds.
- Send an ` + "`Idempotency-Key`" + ` with every POST that moves points or money, and repeat with the same key until there
  is a definite answer.
- Points and amounts of money are whole numbers. A client never names a price.
- Every error is ` + "`application/problem+json`" + `. Decide by its ` + "`type`" + `.

## Guides

`

// forModels returns llms.txt.
func forModels(guides string, all []Problem) string {
	var b strings.Builder
	b.WriteString(aboutModels + guides + "\n\n## Problems\n\n")
	for _, p := range all {
		fmt.Fprintf(&b, "- [%s](/problems/%s): %s (%d)\n", p.Code, p.Code, p.Title, p.Status)
	}
	return b.String()
}
