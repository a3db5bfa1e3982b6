package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Proves that dev does not start with a wrong file of issuers, names the flag, and leaves its folder to the next one.
// A login by an ID token at dev is tested by the walk through docs/guides/your-login.md.
func TestDevRefusesWrongIssuers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "issuers.yaml")
	if err := os.WriteFile(file, []byte("issuers:\n  - issuer: http://login.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := devCmd{
		Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: filepath.Join(dir, "data"),
		Catalog: catalogPath(t), Issuers: file,
	}
	if _, err := startDev(t.Context(), d, slog.New(slog.DiscardHandler)); err == nil ||
		!strings.Contains(err.Error(), "--issuers") || !strings.Contains(err.Error(), "https://") {
		t.Fatalf("it started, or the error does not say why: %v", err)
	}
	next := dev(t, d.DataDir, "127.0.0.1:0")
	next.stop()
	if err := next.wait(); err != nil {
		t.Fatal(err)
	}
}
