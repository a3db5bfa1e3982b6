//go:build unix

package pgserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// supervisor is a keeper that restarts the server whenever it ends, as operators of a database usually arrange. The
// remains of the ended server may still hold its memory. A start then fails, and the next one follows.
const supervisor = `
dir=$1; shift
exec 3<&0 </dev/null
{
	cat; touch "$dir/over"
	while [ -e "$dir/over" ]; do kill -QUIT "$(head -n 1 "$dir/data/postmaster.pid")"; sleep 0.1; done
} <&3 >/dev/null 2>&1 &
exec 3<&-
until [ -e "$dir/over" ]; do "$@" & wait $!; done
rm -rf "$dir"`

// Supervised is a throwaway server that may be killed. Whatever ends it, it is restarted at the same address with the
// same data.
type Supervised struct {
	*Server
	pidFile string
}

// StartSupervised makes a new cluster of the PostgreSQL installed here, even if TEST_DATABASE_URL names another
// server. No one else may be using a server that is to be killed. The caller stops it.
func StartSupervised(ctx context.Context) (*Supervised, error) {
	bin := findBinaries()
	if bin == "" {
		return nil, errNone
	}
	ctx, cancel := context.WithTimeout(ctx, clusterDeadline)
	defer cancel()
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := makeFolder(owner)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	if err := initCluster(ctx, bin, dir, password, owner); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	port, err := FreePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	l := clusterLaunch(bin, dir, password, port, owner)
	l.keeper = supervisor
	server, err := launch(ctx, l)
	if err != nil {
		return nil, err
	}
	return &Supervised{Server: server, pidFile: filepath.Join(dir, "data", "postmaster.pid")}, nil
}

// Kill kills the server and all of its processes at once, as a power cut of its machine would. It returns how many
// processes it killed.
func (s *Supervised) Kill() (int, error) {
	b, err := os.ReadFile(s.pidFile)
	if err != nil {
		return 0, fmt.Errorf("kill the test server: %w", err)
	}
	first, _, _ := bytes.Cut(b, []byte("\n"))
	postmaster, err := strconv.Atoi(string(first))
	if err != nil {
		return 0, fmt.Errorf("kill the test server: its pid is %q", first)
	}
	// The server's processes are its children. It is stopped first, so that it starts no more of them.
	if err := syscall.Kill(postmaster, syscall.SIGSTOP); err != nil {
		return 0, fmt.Errorf("kill the test server: %w", err)
	}
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return 0, fmt.Errorf("list the test server's processes: %w", err)
	}
	killed := 0
	for line := range bytes.Lines(out) {
		fields := bytes.Fields(line)
		if len(fields) != 2 || string(fields[1]) != string(first) {
			continue
		}
		pid, err := strconv.Atoi(string(fields[0]))
		if err != nil {
			return killed, fmt.Errorf("list the test server's processes: %w", err)
		}
		if syscall.Kill(pid, syscall.SIGKILL) == nil { // false for one that has ended in the meantime
			killed++
		}
	}
	if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
		return killed, fmt.Errorf("kill the test server: %w", err)
	}
	return killed + 1, nil
}
