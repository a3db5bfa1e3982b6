package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMissingTools proves that each tool which `make` needs is named when it is missing, with what it is for, and that
// nothing is said when it is there.
func TestMissingTools(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	need := func(path string, tools ...string) (string, error) {
		script, err := filepath.Abs("../../.ci/need")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(bash, append([]string{script}, tools...)...)
		cmd.Env = []string{"PATH=" + path}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	there := t.TempDir()
	for _, tool := range []string{"node", "npm", "gcc", "chromium", "promtool"} {
		if err := os.WriteFile(filepath.Join(there, tool), []byte("#!"+bash+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		said, err := need(t.TempDir(), tool)
		if err == nil || !strings.Contains(strings.ToLower(said), tool) || !strings.Contains(said, "is needed for") ||
			!strings.Contains(said, "does without it") {
			t.Errorf("without %s: %v, %s", tool, err, said)
		}
	}
	if said, err := need(there, "node", "npm", "gcc", "chromium", "promtool"); err != nil || said != "" {
		t.Errorf("with all: %v, %s", err, said)
	}
	if said, err := need(there, "postgres"); err == nil || !strings.Contains(said, "make test-sqlite") {
		t.Errorf("without PostgreSQL: %v, %s", err, said)
	}
}
