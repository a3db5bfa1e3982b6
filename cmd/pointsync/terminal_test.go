package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// watched runs a command with one of its outputs at a terminal, and returns what each of them got.
func watched(t *testing.T, cmd *exec.Cmd, output func(*exec.Cmd) *io.Writer) (atTerminal, piped string) {
	t.Helper()
	mine, theirs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	var rest bytes.Buffer
	cmd.Stdout, cmd.Stderr = &rest, &rest
	*output(cmd) = theirs
	got := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(mine) // it ends with an error when no one has the other end any more
		got <- string(b)
	}()
	_ = cmd.Run() // the exit code is the result of the check
	theirs.Close()
	return storetest.Next(t, got), rest.String()
}

func stdout(cmd *exec.Cmd) *io.Writer { return &cmd.Stdout }
func stderr(cmd *exec.Cmd) *io.Writer { return &cmd.Stderr }

// TestTerminal proves that progress and colours are for a terminal alone: the line of the progress is removed before
// the command ends, NO_COLOR is heeded, and neither a pipe nor a file gets a control character.
func TestTerminal(t *testing.T) {
	t.Parallel()
	p := served(t, newSandbox(t), storetest.URL(t, store.SQLite))
	const progress = "\r\x1b[K0 accounts looked at\r\x1b[K"
	if said, result := watched(t, p.command("audit"), stderr); said != progress ||
		result != "0 accounts looked at, 0 violations\n" {
		t.Errorf("an audit at a terminal says %q, and prints %q", said, result)
	}
	if said := p.run(0, "audit"); said != "0 accounts looked at, 0 violations\n" {
		t.Errorf("an audit without a terminal says %q", said)
	}
	const colored = "\x1b[31mWRONG\x1b[0m  "
	for name, want := range map[string]bool{"A=": true, "NO_COLOR=1": false, "TERM=dumb": false} {
		said, _ := watched(t, p.with(name).command("stripe", "check"), stdout)
		if strings.Contains(said, colored) != want || strings.Contains(said, "\x1b") != want ||
			!strings.Contains(said, "WRONG") {
			t.Errorf("with %s a check at a terminal says %q", name, said)
		}
	}
	if said := p.run(1, "stripe", "check"); strings.Contains(said, "\x1b") ||
		strings.Count(said, "checks failed") != 1 {
		t.Errorf("a check without a terminal says %q", said)
	}
	said, _ := watched(t, program{t: t}.command("audit"), stderr)
	if !strings.HasPrefix(said, "\x1b[31mpointsync:\x1b[0m the configuration is not usable:") {
		t.Errorf("an error at a terminal is %q", said)
	}
}

// TestJSONOfDeeds proves that commands that do one thing print one JSON object for programs.
func TestJSONOfDeeds(t *testing.T) {
	t.Parallel()
	databaseURL := storetest.URL(t, store.SQLite)
	a := storetest.NewAccount(t, storetest.OpenURL(t, databaseURL, nil))
	p := served(t, newSandbox(t), databaseURL)
	for _, c := range []struct{ args, want string }{
		{"user role " + a.Email + " admin", `{"email": "` + a.Email + `", "role": "admin", "changed": true}`},
		{"user role " + a.Email + " admin", `{"email": "` + a.Email + `", "role": "admin", "changed": false}`},
		{"user disable " + a.Email + " --reason fraud", `{"account": "` + string(a.ID) + `", "reason": "fraud"}`},
		{"user enable " + a.Email + " --reason over", `{"account": "` + string(a.ID) + `", "reason": "over"}`},
		{"events backfill", `{"seen": 0, "found": 0, "failed": 0, "too_old": false, "complete": true}`},
		{"version", `{"os": "` + runtime.GOOS + `"}`},
	} {
		out, err := p.command(append(strings.Fields(c.args), "--json")...).Output()
		var got, want map[string]any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		for member, value := range want {
			if err != nil || got[member] != value {
				t.Errorf("%s says %s (%v), want %s", c.args, out, err, c.want)
			}
		}
	}
	out, err := p.command("webhooks", "add", "https://example.com/x", "--json").Output()
	var hook, gone struct{ Webhook, Secret string }
	if err := errors.Join(err, json.Unmarshal(out, &hook)); err != nil || !strings.HasPrefix(hook.Secret, "whsec_") {
		t.Errorf("webhooks add says %s: %v", out, err)
	}
	out, err = p.command("webhooks", "remove", hook.Webhook, "--json").Output()
	if err := errors.Join(err, json.Unmarshal(out, &gone)); err != nil || gone.Webhook != hook.Webhook {
		t.Errorf("webhooks remove says %s: %v", out, err)
	}
	out, _ = p.command("stripe", "check", "--json").Output()
	var findings []struct {
		OK        bool
		What, Fix string
	}
	if err := json.Unmarshal(out, &findings); err != nil || len(findings) == 0 || findings[len(findings)-1].What == "" {
		t.Errorf("a check says %s: %v", out, err)
	}
}

// TestCompletion proves, in a real bash, that the script of `completion bash` completes commands, flags and values, and
// that each shell's script has every command.
func TestCompletion(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	p := program{t: t}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := p.run(0, "completion", shell)
		for _, word := range []string{"reconcile", "unpark", "backfill", "allow-origin", "completion"} {
			if !strings.Contains(script, word) {
				t.Errorf("the script for %s lacks %s", shell, word)
			}
		}
	}
	file := t.TempDir() + "/script"
	if err := os.WriteFile(file, []byte(p.run(0, "completion", "bash")), 0o600); err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"re": "", "rec": "", "st": "stripe", "stripe rec": "recover reconcile", "stripe check --j": "--json",
		"user role ada@example.com ad": "admin", "user --help un": "unpark", "completion z": "zsh", "serve --s": "",
	} {
		words := strings.Fields("pointsync " + typed)
		cmd := exec.CommandContext(t.Context(), bash, append([]string{
			"-c", `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pointsync; echo "${COMPREPLY[@]}"`,
			"bash", file,
		}, words...)...)
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q completes to %q (%v), want %q", typed, got, err, want)
		}
	}
}

// TestPageHasTheCommands proves that docs/configuration.md says of each command what it needs, except for those that
// read no setting.
func TestPageHasTheCommands(t *testing.T) {
	t.Parallel()
	parser, err := newParser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "../../docs/configuration.md")
	_, table, _ := strings.Cut(page, "| command | needs |")
	for _, c := range completions(parser.Model.Node, "")[1:] {
		group := false // of commands, such as `stripe`
		for _, other := range completions(parser.Model.Node, "") {
			group = group || strings.HasPrefix(other.path, c.path+" ")
		}
		if !group && c.path != "dev" && c.path != "demo" && c.path != "sandbox" &&
			!strings.Contains(table, "`"+c.path+"`") {
			t.Errorf("docs/configuration.md does not say what %s needs", c.path)
		}
	}
}
