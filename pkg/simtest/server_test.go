package simtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// binary builds the program once for all simulations, into a folder that is removed after them.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaryDir, "pointsync")
	out, err := exec.Command("go", "build", "-o", path, "github.com/pointsync/pointsync/cmd/pointsync").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

var binaryDir string

func TestMain(m *testing.M) {
	var err error
	if binaryDir, err = os.MkdirTemp("", "pointsync-sim-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(binaryDir)
	ofRun.print(os.Stdout)
	os.Exit(code)
}

// server is one replica: always at the same address, but not always running.
type server struct {
	addr string
	env  []string
	said tail

	mu     sync.Mutex // held while it starts or ends
	cmd    *exec.Cmd  // nil while it does not run
	ended  chan struct{}
	wanted bool // whether it should run
}

func newServer(t testing.TB, env []string) *server {
	t.Helper()
	addr := storetest.FreeAddr(t)
	s := &server{addr: addr, env: append([]string{"POINTSYNC_ADDR=" + addr}, env...)}
	t.Cleanup(s.kill)
	return s
}

// startPatience is how long a server may take until it serves.
const startPatience = 30 * time.Second

// start runs the server and returns as soon as it serves. If the start meets a fault of the network, it tries again.
func (s *server) start() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return nil
	}
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); {
		if err = s.startOnce(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the server does not start: %w\n%s", err, s.said.String())
}

func (s *server) startOnce() error {
	path, err := binary()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "serve")
	cmd.Env = s.env
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	serving, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.listen(bufio.NewScanner(stderr), serving)
		_ = cmd.Wait()
	}()
	select {
	case <-serving:
	case <-ended:
		return errors.New("it ended at once")
	}
	if err := s.awaitReady(ended); err != nil {
		return err
	}
	s.cmd, s.ended, s.wanted = cmd, ended, true
	return nil
}

// awaitReady waits until the server is ready, or ends. A server that cannot reach its database at the start ends, and
// its supervisor restarts it.
func (s *server) awaitReady(ended <-chan struct{}) error {
	for try := 0; ; try++ {
		resp, err := http.Get("http://" + s.addr + "/healthz")
		if err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case <-ended:
			return errors.New("it ended before it answered")
		default:
			pause(context.Background(), try)
		}
	}
}

// listen keeps what the server writes, and reports when it serves.
func (s *server) listen(lines *bufio.Scanner, serving chan<- struct{}) {
	lines.Buffer(nil, 1<<20)
	for told := false; lines.Scan(); {
		line := lines.Bytes()
		if !told && bytes.Contains(line, []byte(`"msg":"serving"`)) {
			told = true
			close(serving)
		}
		if !bytes.Contains(line, []byte(`"level":"INFO"`)) {
			s.said.add(string(line))
		}
	}
}

// kill ends the server without warning, as a power failure does.
func (s *server) kill() { s.end(syscall.SIGKILL) }

// terminate asks the server to end, and returns how it ended.
func (s *server) terminate() error {
	cmd := s.end(syscall.SIGTERM)
	if cmd != nil && !cmd.ProcessState.Success() {
		return fmt.Errorf("asked to end, the server ended with %s", cmd.ProcessState)
	}
	return nil
}

func (s *server) end(how syscall.Signal) *exec.Cmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd := s.cmd
	if cmd == nil {
		return nil
	}
	s.wanted = false
	_ = cmd.Process.Signal(how)
	<-s.ended
	s.cmd = nil
	return cmd
}

// diedAlone reports whether the server ended although no one asked it to.
func (s *server) diedAlone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil || !s.wanted {
		return false
	}
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// tail keeps the last lines that were written to it.
type tail struct {
	mu    sync.Mutex
	lines []string
}

const maxTail = 300

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines = append(t.lines, line); len(t.lines) > maxTail {
		t.lines = t.lines[len(t.lines)-maxTail:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// about returns the last n lines that contain a text.
func (t *tail) about(text string, n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []string
	for _, line := range t.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found[max(0, len(found)-n):]
}
