//go:build unix

package pgserver

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Proves that a throwaway server responds while it runs, requires its password, and is gone with its files after Stop.
// Stop may be called twice.
func TestStartCluster(t *testing.T) {
	t.Parallel()
	server, err := startCluster(t.Context(), installed(t))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	dir := askString(t, server.URL, "SHOW data_directory")
	if err := ping(t.Context(), serverURL("guess", askString(t, server.URL, "SHOW port"))); err == nil {
		t.Error("a guessed password opens the server")
	}
	for range 2 {
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := ping(t.Context(), server.URL); err == nil {
		t.Error("the server still answers")
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", dir)
	}
}

// Proves that a server that is killed comes back at its address with what was committed, and is gone with its files
// after Stop.
func TestSupervised(t *testing.T) {
	t.Parallel()
	server, err := StartSupervised(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	dir, started := askString(t, server.URL, "SHOW data_directory"), askString(
		t, server.URL, "SELECT pg_postmaster_start_time()::text",
	)
	db, err := sql.Open("pgx", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE marks AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for range 3 {
		if n, err := server.Kill(); err != nil || n < 2 {
			t.Fatalf("killed %d processes: %v", n, err)
		}
		if err := waitUntilUp(t.Context(), server.URL, nil); err != nil {
			t.Fatal(err)
		}
		if again := askString(t, server.URL, "SELECT pg_postmaster_start_time()::text"); again == started {
			t.Error("it was not killed")
		}
		if n := askString(t, server.URL, "SELECT n::text FROM marks"); n != "7" {
			t.Errorf("what was committed is %q", n)
		}
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", dir)
	}
}

// Proves that if a server cannot run, its output is reported after a few tries on other ports.
func TestErrEnded(t *testing.T) {
	t.Parallel()
	tries := 0
	_, err := retryPorts(func(port string) (*Server, error) {
		tries++
		return launch(t.Context(), launching{
			dir: t.TempDir(), url: serverURL("none", port), keeper: keeper, argv: []string{
				"sh", "-c", "echo port taken >&2; exit 1",
			},
		})
	})
	if !errors.Is(err, errEnded) || tries != maxTries {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// Proves that a container is reachable only from this machine and is not kept. Running it is launch's task.
func TestContainerCommand(t *testing.T) {
	t.Parallel()
	command := strings.Join(containerCommand("5433", "secret"), " ")
	for _, want := range []string{
		"docker run --rm ", " -p 127.0.0.1:5433:5432 ", " -e POSTGRES_PASSWORD=secret ", " postgres:16",
	} {
		if !strings.Contains(command, want) {
			t.Errorf("%q lacks %q", command, want)
		}
	}
}

func installed(t *testing.T) string {
	t.Helper()
	bin := findBinaries()
	if bin == "" {
		t.Fatal(errNone)
	}
	return bin
}

func askString(t *testing.T, url, query string) (value string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
