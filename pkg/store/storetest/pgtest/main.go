// Command pgtest runs a command with a PostgreSQL server for its tests:
//
//	go run ./pkg/store/storetest/pgtest -- go test ./...
//
// All test processes of the command share one server, named by TEST_DATABASE_URL, instead of each starting its own.
// The exit code of pgtest is the command's. The server ends with pgtest, even if pgtest is killed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/pointsync/pointsync/pkg/store/storetest/pgserver"
)

const (
	exitUsage  = 2
	exitFailed = 125 // pgtest itself failed, the same code as for env(1) and docker(1)
)

func main() {
	argv := os.Args[1:]
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	if len(argv) == 0 {
		fmt.Fprintln(os.Stderr, "usage: pgtest -- COMMAND [ARGUMENT …]")
		os.Exit(exitUsage)
	}
	code, err := run(argv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
	}
	os.Exit(code)
}

// run returns the command's exit code, or exitFailed and the error.
func run(argv []string) (code int, err error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// If it is interrupted while the server starts, there is no command to pass the signal to. So it gives up the
	// start.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	server, err := pgserver.Start(ctx)
	if err != nil {
		return exitFailed, err
	}
	defer func() {
		if stopErr := server.Stop(); stopErr != nil {
			code, err = exitFailed, errors.Join(err, stopErr)
		}
	}()

	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), pgserver.EnvURL+"="+server.URL)
	if err := cmd.Start(); err != nil {
		return exitFailed, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return waitFor(cmd, signals)
}

// waitFor passes signals on to the command, lets it end in its own way, and waits for it. At a terminal the command
// receives Ctrl-C twice, once from the terminal itself. That does no harm.
func waitFor(cmd *exec.Cmd, signals <-chan os.Signal) (int, error) {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return exitFailed, fmt.Errorf("pass %s on: %w", s, err)
			}
		case err := <-ended:
			return exitCode(err)
		}
	}
}

// signalled is the number that shells add to a signal's number, to report how a command ended.
const signalled = 128

func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return exitFailed, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return signalled + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
