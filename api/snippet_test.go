package api_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// runSnippet calls the snippet as another service would. Its argument is the API's address. It reads tokens, one a
// line, and prints a line for each.
const runSnippet = `package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/pointsync/pointsync/verify"
)

func main() {
	keys := &verify.Keys{API: os.Args[1]}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		claims, err := verify.Claims(in.Text(), keys, "pointsync", "pointsync")
		if err != nil {
			fmt.Println("refused")
			continue
		}
		fmt.Println(claims["sub"])
	}
}
`

// Proves that the Go snippet of docs/tokens.md, exactly as written there, accepts our tokens from servers whose clocks
// are slightly ahead or behind. It refuses tokens that have expired, have another audience, were changed, or are not
// ours. .ci/snippets.mjs does the same for the other snippet.
func TestGoSnippet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	mint := func(keys token.Keys, audience string, ahead time.Duration) string {
		i := token.NewIssuer(keys, "pointsync", audience, func() time.Time { return time.Now().Add(ahead) })
		raw, _, err := i.Mint(billing.Account{ID: "acc_1"}, "ses_1")
		must(t, err)
		return raw
	}
	foreign, err := token.ParseKeys(token.GenerateKey("test"))
	must(t, err)
	unknown, err := token.ParseKeys(token.GenerateKey("other"))
	must(t, err)
	fresh := mint(w.keys, "pointsync", 0)
	cases := []verified{
		{"fresh", fresh, "acc_1"},
		{"of a clock 3 s ahead", mint(w.keys, "pointsync", 3*time.Second), "acc_1"},
		{"of a clock 3 s behind", mint(w.keys, "pointsync", -3*time.Second), "acc_1"},
		{"of a clock 10 min ahead", mint(w.keys, "pointsync", 10*time.Minute), "refused"},
		{"expired 2 min ago", mint(w.keys, "pointsync", -token.TTL-2*time.Minute), "refused"},
		{"for another audience", mint(w.keys, "elsewhere", 0), "refused"},
		{"of another key under our name", mint(foreign, "pointsync", 0), "refused"},
		{"of an unknown key", mint(unknown, "pointsync", 0), "refused"},
		{"changed", fresh[:len(fresh)-4] + "AAAA", "refused"},
		{
			"unsigned", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoidGVzdCJ9" + fresh[strings.IndexByte(fresh, '.'):],
			"refused",
		},
	}
	runVerify(t, w, cases, map[string]string{
		"main.go": runSnippet, "verify/verify.go": snippet(t, "tokens.md", "go"),
	})
}

// verified is a token, and the line that a program made of our snippets must print for it.
type verified struct{ what, token, want string }

// runVerify runs the program that the files make with the API's address. It gives it the tokens one by one and checks
// each of its lines. Then it ends the API's server, and gives the same process the same tokens again: a program that
// has the keys needs no API.
func runVerify(t *testing.T, w *world, cases []verified, files map[string]string) {
	t.Helper()
	run := exec.CommandContext(t.Context(), "go", "run", "-mod=mod", ".", w.url)
	run.Dir = moduleWith(t, files)
	run.Env = append(os.Environ(), "GOWORK=off", "GOPROXY=off")
	var stderr bytes.Buffer
	run.Stderr = &stderr
	tokens, err := run.StdinPipe()
	must(t, err)
	out, err := run.StdoutPipe()
	must(t, err)
	must(t, run.Start())
	lines := bufio.NewScanner(out)
	for _, when := range []string{"online", "offline"} {
		for _, c := range cases {
			if _, err := io.WriteString(tokens, c.token+"\n"); err != nil || !lines.Scan() {
				t.Fatalf("%s, %s: it ended: %v, %v: %s", when, c.what, err, run.Wait(), &stderr)
			}
			if lines.Text() != c.want {
				t.Errorf("%s, %s: %s, want %s", when, c.what, lines.Text(), c.want)
			}
		}
		w.stop()
	}
	must(t, tokens.Close())
	if err := run.Wait(); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
}

// snippet returns the first block of code in a language from a page below docs.
func snippet(t *testing.T, name, language string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("../docs", name))
	must(t, err)
	_, code, found := strings.Cut(string(page), "\n```"+language+"\n")
	code, _, ended := strings.Cut(code, "\n```\n")
	if !found || !ended {
		t.Fatalf("docs/%s has no %s", name, language)
	}
	return code + "\n"
}

// moduleWith writes a module with our requirements, so its libraries are on this machine already.
func moduleWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		must(t, err)
		files[name] = string(text)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}
