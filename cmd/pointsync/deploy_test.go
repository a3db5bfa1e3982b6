package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemdUnit proves that systemd understands each line of the unit, and that little is left open to a server that
// was taken over. systemd's own measure goes from 0 to 10, and its threshold here is in tenths.
func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed, so the unit is not looked at here")
	}
	unit := filepath.Join(t.TempDir(), "pointsync.service")
	text := read(t, "../../docs/operations/systemd/pointsync.service")
	program, err := exec.LookPath("true") // verify wants a program that exists
	if err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(text, "/usr/local/bin/pointsync", program, 1)
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", "--man=no", unit},
		{"security", "--offline=yes", "--threshold=15", "--no-pager", unit},
	} {
		out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
		if err != nil || args[0] == "verify" && strings.Contains(string(out), "pointsync.service:") {
			t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
		}
	}
}
