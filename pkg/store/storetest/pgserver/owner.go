//go:build unix

package pgserver

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged returns the user to run the server as. It is nil, which means ourselves, unless we are root: PostgreSQL
// refuses to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")
}

// EnvFolder names the environment variable with the folder that the servers' folders are made in. A benchmark sets it
// to one on a disk.
const EnvFolder = "TEST_DATABASE_FOLDER"

// makeFolder creates the folder of one server, in memory if enough is free and EnvFolder names no other place. A commit
// still waits for fsync there, but the wait is short.
func makeFolder(owner *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp(cmp.Or(os.Getenv(EnvFolder), memoryFolder()), "pointsync-pg-")
	if err != nil {
		return "", fmt.Errorf("make the test server's folder: %w", err)
	}
	if err := give(dir, owner); err != nil {
		return "", err
	}
	return dir, nil
}

func give(path string, owner *syscall.Credential) error {
	if owner == nil {
		return nil
	}
	if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("give the test server its files: %w", err)
	}
	return nil
}
