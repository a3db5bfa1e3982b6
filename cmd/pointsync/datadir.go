package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// takeDataDir locks folders for this process until unlock, or until the process ends. Two servers that keep their state
// in one folder would overwrite each other's. The operating system holds the lock, so a process that was killed leaves
// none behind.
func takeDataDir(dirs ...string) (unlock func() error, err error) {
	var taken []*flock.Flock
	unlock = func() (err error) {
		for _, lock := range taken {
			err = errors.Join(err, lock.Unlock())
		}
		return err
	}
	for _, dir := range dirs {
		lock, err := takeOne(dir)
		if err != nil {
			return nil, errors.Join(err, unlock())
		}
		taken = append(taken, lock)
	}
	return unlock, nil
}

func takeOne(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	lock, owner := flock.New(filepath.Join(dir, "lock")), filepath.Join(dir, "lock.pid")
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	if !ok {
		who := "another process"
		if pid, err := os.ReadFile(owner); err == nil && len(pid) > 0 {
			who = "the process " + strings.TrimSpace(string(pid))
		}
		return nil, fmt.Errorf("--data-dir: %s uses %s already: end it, or give this one another folder", who, dir)
	}
	if err := os.WriteFile(owner, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("--data-dir: %w", err), lock.Unlock())
	}
	return lock, nil
}
