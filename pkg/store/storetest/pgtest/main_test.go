//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsync/pointsync/pkg/store/storetest/pgserver"
)

// beMain makes this test's binary behave as pgtest itself, so that it can be killed.
const beMain = "PGTEST_BE_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// Proves that the command finds a server and that its exit code is returned.
func TestRun(t *testing.T) {
	t.Parallel()
	cmd := pgtest(t, "sh", "-c", `test -n "$TEST_DATABASE_URL" && exit 7`)
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("got %v, want the command's exit code 7", err)
	}
}

// Proves that a command that cannot be started is pgtest's failure and not a passing test run.
func TestErrNoCommand(t *testing.T) {
	t.Parallel()
	for _, argv := range [][]string{{}, {"./no-such-command"}} {
		if err := pgtest(t, argv...).Run(); err == nil {
			t.Errorf("%q passes", argv)
		}
	}
}

// Proves that no server and no folder is left behind, however pgtest ends.
func TestNothingStays(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{
		"Interrupted": syscall.SIGINT, "Terminated": syscall.SIGTERM, "Killed": syscall.SIGKILL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The command ends when its standard input does, which is when this test does.
			cmd := pgtest(t, "sh", "-c", `echo "$TEST_DATABASE_URL"; exec cat`)
			conn := connect(t, start(t, cmd))
			dir := dataDirectory(t, conn)
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			waitUntilGone(t, conn, dir)
		})
	}
}

// pgtest returns the command with its own throwaway server, not that of the surrounding test run.
func pgtest(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"--"}, argv...)...)
	cmd.Env = append(os.Environ(), beMain+"=1", pgserver.EnvURL+"=")
	cmd.Stderr = os.Stderr
	return cmd
}

// start returns the URL that the command printed.
func start(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait() // its exit code is the signal's
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the command printed no URL: %v", err)
	}
	return strings.TrimSpace(line)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func dataDirectory(t *testing.T, conn *pgx.Conn) (dir string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// waitUntilGone waits for the server to close the connection, and then for its folder to be removed.
func waitUntilGone(t *testing.T, conn *pgx.Conn, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := conn.WaitForNotification(ctx); ctx.Err() != nil {
		t.Fatalf("the server still runs: %v", err)
	}
	look := time.NewTicker(10 * time.Millisecond) // a removal sends no signal to wait for
	defer look.Stop()
	for {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is still there", dir)
		case <-look.C:
		}
	}
}
