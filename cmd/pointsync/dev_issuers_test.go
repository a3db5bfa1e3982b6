package main

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox/issuer"
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

// Proves that dev takes the ID tokens of its local issuer, and that a login as the admin there leaves the admin's
// password as dev prints it.
func TestDevsIssuer(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	d := client(t, s.url, s.sandboxURL)
	elsewhere := client(t, s.sandboxURL, s.sandboxURL)
	err := d.guard(func() {
		made := elsewhere.call(http.StatusOK, http.MethodPost, issuer.Path+"/token", map[string]any{"email": devAdmin})
		in := d.call(http.StatusOK, http.MethodPost, "/auth/exchange", map[string]any{"id_token": made["id_token"]})
		user, _ := in["user"].(map[string]any)
		d.expect(user["email"] == devAdmin, "the token opens the admin's account")
		d.call(
			http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"email": devAdmin, "password": devPassword},
		)
	})
	if err != nil {
		t.Fatal(err)
	}
}
