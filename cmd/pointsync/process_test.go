package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// patience limits every wait of these tests.
const patience = 30 * time.Second

// binary builds the program once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pointsync-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pointsync")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: "go build: " + string(out), Err: err}
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// program is the built binary with an environment. It gets nothing else from this process.
type program struct {
	t    *testing.T
	env  []string
	path string // "" is the program of this source
}

func (p program) with(settings ...string) program {
	p.env = append(append([]string{}, p.env...), settings...)
	return p
}

func (p program) command(args ...string) *exec.Cmd {
	p.t.Helper()
	path := p.path
	if path == "" {
		built, err := binary()
		if err != nil {
			p.t.Fatal(err)
		}
		path = built
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	p.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Dir = p.env, p.t.TempDir()
	return cmd
}

// run runs a command to its end and returns what it printed on both outputs.
func (p program) run(wantCode int, args ...string) string {
	p.t.Helper()
	cmd := p.command(args...)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != wantCode {
		p.t.Fatalf("pointsync %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, wantCode, out)
	}
	return string(out)
}

// replica is one running server.
type replica struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	said *safeBuffer
}

// serve starts a server and waits until it prints where it listens.
func (p program) serve() *replica {
	p.t.Helper()
	cmd := p.command("serve")
	r := &replica{t: p.t, cmd: cmd, said: &safeBuffer{}}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(io.TeeReader(stderr, r.said))
	for lines.Scan() {
		var line struct{ Msg, Addr string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			r.url = "http://" + line.Addr
			go io.Copy(io.Discard, io.TeeReader(stderr, r.said)) // ends with the process
			return r
		}
	}
	p.t.Fatalf("the server ended before it served:\n%s", r.said)
	return nil
}

// terminate asks the server to stop, and requires exit code 0.
func (r *replica) terminate() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("the server ended with %v:\n%s", err, r.said)
	}
}

// safeBuffer keeps what a process says while others read it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newSandbox runs a local Stripe for one test.
func newSandbox(t *testing.T) string {
	t.Helper()
	world, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(world.Handler())
	t.Cleanup(func() { server.Close(); world.Close() })
	return server.URL
}

// client returns a demo client for one account against any replica.
func client(t *testing.T, api, stripe string) *demo {
	t.Helper()
	return &demo{ctx: t.Context(), api: api, sandbox: stripe, out: io.Discard}
}

// eventually polls until ok returns true, within patience.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-time.After(20 * time.Millisecond)
	}
}
