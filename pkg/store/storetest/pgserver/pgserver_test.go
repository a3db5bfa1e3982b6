package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Proves that the newest of several installed versions is used, by number and not by letter. Folders without a
// complete server do not count.
func TestNewestIn(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	install(t, filepath.Join(root, "9", "bin"), "initdb", "postgres")
	install(t, filepath.Join(root, "16", "bin"), "initdb", "postgres")
	install(t, filepath.Join(root, "17", "bin"), "psql") // only the client
	if got, want := newestIn(
		[]string{filepath.Join(root, "*", "bin")},
	), filepath.Join(root, "16", "bin"); !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := newestIn([]string{filepath.Join(root, "none", "*")}); got != "" {
		t.Errorf("found %q where nothing is", got)
	}
}

// Proves that without a server, its binaries and Docker the error says what to do.
func TestErrNone(t *testing.T) {
	isolate(t)
	_, err := Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), EnvURL) || !strings.Contains(err.Error(), "install") {
		t.Errorf("got %v", err)
	}
}

// Proves that a named server that does not respond is an error, not a reason to test on another one.
func TestErrNamedServerDown(t *testing.T) {
	isolate(t)
	t.Setenv(EnvURL, "postgres://u@127.0.0.1:1/x?connect_timeout=1")
	_, err := Start(context.Background())
	if err == nil || !strings.Contains(err.Error(), EnvURL) {
		t.Errorf("got %v", err)
	}
}

// isolate makes the machine look empty.
func isolate(t *testing.T) {
	t.Helper()
	t.Setenv(EnvURL, "")
	t.Setenv("PATH", t.TempDir())
	folders := binaryFolders
	binaryFolders = nil
	t.Cleanup(func() { binaryFolders = folders })
}

func install(t *testing.T, dir string, names ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
