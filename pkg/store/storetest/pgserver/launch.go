//go:build unix

package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// keeper is a shell that runs between us and the server. Its standard input is a pipe that we hold open and never
// write to. The pipe closes when we stop the server, or when we die for any reason. Then the shell ends the server and
// removes its folder. A parent-death signal would not be enough: only Linux has it, and no one would be left to clean
// up. SIGQUIT means "at once" to PostgreSQL, which is fine because the data is thrown away anyway.
const keeper = `
dir=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ cat; kill -QUIT $server; } <&3 >/dev/null 2>&1 &
exec 3<&-
wait $server
ended=$?
rm -rf "$dir"
exit $ended`

// errEnded reports that a server ended before it could be used.
var errEnded = errors.New("the test server ended early")

// launching is a server about to be started: its command, the shell between us and it, the folder to remove after it,
// the user that it runs as (nil: ours) and the URL at which it will respond.
type launching struct {
	keeper string
	argv   []string
	dir    string
	owner  *syscall.Credential
	url    string
}

// launch starts the server and waits until it responds. Errors: errEnded if the server ended before that.
func launch(ctx context.Context, l launching) (*Server, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", l.keeper, "keeper", l.dir}, l.argv...)...)
	cmd.Dir, cmd.Env = l.dir, cleanEnv()
	// A session for the server alone. So Ctrl-C at the terminal reaches only us, and we end the server in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: l.owner}
	log := &tail{}
	cmd.Stdout, cmd.Stderr = log, log
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the test server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the test server: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait() // a stopped server reports that it was stopped by its exit code, which is nothing new
	}()
	server := &Server{URL: l.url, stop: sync.OnceValue(func() error { return stopAndWait(alive, ended, log) })}
	if err := waitUntilUp(ctx, l.url, ended); err != nil {
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, server.Stop()), log)
	}
	return server, nil
}

// stopDeadline is longer than the five seconds that PostgreSQL allows its own processes.
const stopDeadline = 15 * time.Second

func stopAndWait(alive io.Closer, ended <-chan struct{}, log *tail) error {
	alive.Close() // fails only if the keeper has ended already
	select {
	case <-ended:
		return nil
	case <-time.After(stopDeadline):
		return fmt.Errorf("the test server did not end within %s\n%s", stopDeadline, log)
	}
}

// waitUntilUp retries until the server responds. The password ensures that it is our server and not one that took the
// port.
func waitUntilUp(ctx context.Context, url string, ended <-chan struct{}) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := pingFor(ctx, url, 2*time.Second)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("the test server does not respond: %w", err)
		case <-again.C:
		}
	}
}

// pingFor gives up on one attempt early, because an unrelated program at the port may accept and say nothing.
func pingFor(ctx context.Context, url string, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return ping(ctx, url)
}

// tail keeps the end of a server's output, to be shown if the server fails.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
