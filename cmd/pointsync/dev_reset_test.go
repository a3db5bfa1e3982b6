package main

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDevReset proves that dev --reset begins afresh, says what it deletes, keeps files of others, and is refused while
// another dev holds the folder.
func TestDevReset(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := dev(t, dir, "127.0.0.1:0")
	d := client(t, first.url, first.sandboxURL)
	if err := d.guard(func() { d.begin(); d.buyPack() }); err != nil {
		t.Fatal(err)
	}
	again := devCmd{
		Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: dir, Catalog: catalogPath(t), Reset: true,
	}
	_, err := startDev(context.Background(), again, slog.New(slog.DiscardHandler))
	refused(t, err, os.Getpid())
	if get(t, first.url+"/points", "Authorization", "Bearer "+d.token) != http.StatusOK {
		t.Error("the refused reset took the first one's accounts")
	}
	first.stop()
	if err := first.wait(); err != nil {
		t.Fatal(err)
	}

	others := []string{"notes.txt", filepath.Join("mails", "notes.txt"), filepath.Join("sandbox", "notes.txt")}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, said := devSaying(t, devCmd{DataDir: dir, Reset: true})
	fresh := client(t, s.url, s.sandboxURL)
	if err := fresh.guard(func() {
		fresh.begin() // the same email is free again
		customers := fresh.stripe(200, http.MethodGet, "/v1/customers", nil)
		fresh.expect(len(customers["data"].([]any)) == 0, "Stripe knows no customer")
	}); err != nil {
		t.Fatal(err)
	}
	if get(t, s.url+"/points", "Authorization", "Bearer "+d.token) != http.StatusUnauthorized {
		t.Error("a token from before the reset still works")
	}
	for _, name := range []string{"pointsync.db", "signing-keys", filepath.Join("sandbox", "sandbox.json")} {
		if !strings.Contains(said.String(), "reset: deleted "+filepath.Join(dir, name)+"\n") {
			t.Errorf("it does not say that it deleted %s:\n%s", name, said)
		}
	}
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("a file of another was deleted: %v", err)
		}
	}
}

// TestDevResetRefusesOthersFiles proves that a reset deletes nothing if something else has one of dev's names.
func TestDevResetRefusesOthersFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pointsync.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "mails")); err != nil {
		t.Fatal(err)
	}
	if err := resetDev(dir, &safeBuffer{}); err == nil {
		t.Error("a link to another folder was followed")
	}
	if _, err := os.Stat(filepath.Join(dir, "pointsync.db")); err != nil {
		t.Error("a refused reset deleted something")
	}
}

// TestDevResetRefusesWrongFlags proves that a reset deletes nothing if dev cannot start with its other flags.
func TestDevResetRefusesWrongFlags(t *testing.T) {
	t.Parallel()
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte("wrong: file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, d := range map[string]devCmd{
		"--issuers":      {Issuers: wrong},
		"--allow-origin": {AllowOrigin: []string{"localhost:5173"}},
		"--seed":         {Seed: wrong},
		"wrong.yaml":     {Catalog: wrong},
	} {
		d.Addr, d.SandboxAddr, d.DataDir, d.Reset = "127.0.0.1:0", "127.0.0.1:0", t.TempDir(), true
		file := filepath.Join(d.DataDir, "pointsync.db")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		d.Catalog = cmp.Or(d.Catalog, catalogPath(t))
		if _, err := startDev(
			t.Context(), d, slog.New(slog.DiscardHandler),
		); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: the refusal is %v", flag, err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: a refused dev deleted something: %v", flag, err)
		}
	}
}

// TestDevResetOnTakenAddress proves that a reset deletes nothing if the start fails because an address is taken.
func TestDevResetOnTakenAddress(t *testing.T) {
	t.Parallel()
	taken, dir := strings.TrimPrefix(newSandbox(t), "http://"), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pointsync.db"), []byte("accounts"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []devCmd{
		{Addr: taken, SandboxAddr: "127.0.0.1:0", DataDir: dir, Reset: true},
		{Addr: "127.0.0.1:0", SandboxAddr: taken, DataDir: dir, Reset: true},
	} {
		if _, err := startDev(t.Context(), d, slog.New(slog.DiscardHandler)); err == nil {
			t.Fatal("it starts on a taken address")
		}
		if text, err := os.ReadFile(filepath.Join(dir, "pointsync.db")); err != nil || string(text) != "accounts" {
			t.Errorf("the state is gone: %v", err)
		}
	}
}
