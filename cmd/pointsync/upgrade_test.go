package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestOlderProgramOnPostgres proves the promise of docs/operations/upgrade.md: the program of the commit that last
// changed docs/operations/compatible-since works on the schema of this one. It serves beside this program, as in a
// rolling upgrade, and alone afterwards, as after a roll back.
func TestOlderProgramOnPostgres(t *testing.T) {
	t.Parallel()
	t.Log("before the first release, a commit that rewrites the schema also changes docs/operations/compatible-since")
	path := builtAt(t, compatibleSince(t))
	stripe := newSandbox(t)
	newer := served(t, stripe, storetest.URL(t, store.Postgres))
	older := newer
	older.path = path
	// As if a migration of a later version had been done: neither program knows it.
	storetest.Exec(t, storetest.OpenURL(t, newer.setting("DATABASE_URL"), nil),
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)")
	older.run(0, "migrate")
	older.run(0, "stripe", "setup")
	newer.run(0, "stripe", "setup")
	before, after := older.serve(), newer.serve()
	ada := join(t, before.url, stripe, "ada")
	at := func(r *replica, part func()) { ada.api = r.url; play(t, part) }
	at(after, func() { ada.pay("basic_monthly", "first") })
	at(before, func() { ada.pay("pack_100", "second"); ada.spendAs("one", 30) })
	at(after, func() {
		ada.spendAs("one", 30)
		ada.spendAs("two", 20)
		ada.call(200, "POST", "/auth/refresh", map[string]any{"refresh_token": ada.refresh})
	})
	after.terminate()
	at(before, func() {
		ada.spendAs("two", 20)
		ada.spendAs("three", 50)
		ada.call(200, "POST", "/auth/refresh", map[string]any{"refresh_token": ada.refresh})
		ada.expect(ada.claims().number("points") == 500, "500 + 100 - 30 - 20 - 50 points")
	})
	before.terminate()
	for _, p := range []program{older, newer} {
		p.run(0, "audit")
		p.run(0, "stripe", "reconcile", "--dry-run")
	}
}

// compatibleSince returns the commit whose program must work on this schema. It needs the history: a shallow clone
// would name the newest commit, and the test would prove nothing.
func compatibleSince(t *testing.T) (commit string) {
	t.Helper()
	if _, err := git(t, "rev-parse", "--git-dir"); err != nil {
		t.Skip("this is no git repository, so it has no older program: the test is for a clone")
	}
	if shallow, err := git(t, "rev-parse", "--is-shallow-repository"); err != nil || shallow != "false" {
		t.Fatalf("this clone has no history: run git fetch --unshallow (%v)", err)
	}
	const file = "docs/operations/compatible-since"
	if changed, err := git(t, "status", "--porcelain", "--", file); err != nil || changed != "" {
		t.Skipf("%s is being changed, so the promise begins again with the next commit (%v)", file, err)
	}
	commit, err := git(t, "log", "-1", "--format=%H", "--", file)
	if err != nil || commit == "" {
		t.Fatalf("no commit changed %s: %v", file, err)
	}
	return commit
}

// builtAt returns the program of a commit.
func builtAt(t *testing.T, commit string) (path string) {
	t.Helper()
	dir := t.TempDir()
	source := exec.CommandContext(t.Context(), "git", "archive", commit)
	source.Dir = "../.."
	files, err := source.Output()
	if err != nil {
		t.Fatal(err)
	}
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", dir)
	unpack.Stdin = bytes.NewReader(files)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	path = filepath.Join(dir, "bin", "pointsync")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/pointsync")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program of %s: %v\n%s", commit, err, out)
	}
	return path
}

func git(t *testing.T, args ...string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
