//go:build unix

package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	clusterDeadline   = time.Minute
	containerDeadline = 5 * time.Minute // the image may have to be pulled first
	containerImage    = "postgres:16-alpine"
	maxTries          = 5 // a port that was free may be taken before the server binds it
)

// maxConnections is enough for the tests of every package at once, on the pools of two replicas each.
const maxConnections = "max_connections=300"

// startCluster makes a new cluster in a new folder and serves it on a free port of the loopback interface.
func startCluster(ctx context.Context, bin string) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterDeadline)
	defer cancel()
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	return retryPorts(func(port string) (*Server, error) {
		dir, err := makeFolder(owner)
		if err != nil {
			return nil, err
		}
		password := rand.Text()
		if err := initCluster(ctx, bin, dir, password, owner); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		return launch(ctx, clusterLaunch(bin, dir, password, port, owner))
	})
}

func clusterLaunch(bin, dir, password, port string, owner *syscall.Credential) launching {
	return launching{
		dir: dir, owner: owner, url: serverURL(password, port), keeper: keeper,
		argv: []string{filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"),
			"-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
			"-c", maxConnections, "-c", "timezone=UTC"},
	}
}

// initCluster requires a password even on the loopback interface. A superuser of PostgreSQL may run programs, and
// other users share the machine. The password is sent in clear text, because tests connect often and a salted hash
// costs milliseconds each time.
func initCluster(ctx context.Context, bin, dir, password string, owner *syscall.Credential) error {
	passwordFile := filepath.Join(dir, "password")
	if err := os.WriteFile(passwordFile, []byte(password), 0o600); err != nil {
		return fmt.Errorf("write the test server's password: %w", err)
	}
	if err := give(passwordFile, owner); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres",
		"-E", "UTF8", "--no-locale", "--no-sync", "--auth=password", "--pwfile="+passwordFile)
	cmd.Dir, cmd.Env = dir, cleanEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// startContainer serves a cluster from Docker's official image, also on a free port of the loopback interface.
func startContainer(ctx context.Context) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, containerDeadline)
	defer cancel()
	return retryPorts(func(port string) (*Server, error) {
		dir, err := makeFolder(nil)
		if err != nil {
			return nil, err
		}
		password := rand.Text()
		return launch(
			ctx,
			launching{dir: dir, url: serverURL(password, port), keeper: keeper, argv: containerCommand(port, password)},
		)
	})
}

// containerCommand stays in the foreground, so the command ends when the container does. The signal that ends the
// command is passed on to the server inside.
func containerCommand(port, password string) []string {
	return []string{"docker", "run", "--rm", "-p", "127.0.0.1:" + port + ":5432", "-e", "POSTGRES_PASSWORD=" + password,
		containerImage, "-c", maxConnections, "-c", "timezone=UTC"}
}

func retryPorts(start func(port string) (*Server, error)) (*Server, error) {
	var errs []error
	for range maxTries {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		server, err := start(port)
		if err == nil {
			return server, nil
		}
		errs = append(errs, err)
		if !errors.Is(err, errEnded) {
			break // another port does not help, whatever the cause was
		}
	}
	return nil, errors.Join(errs...)
}

func serverURL(password, port string) string {
	return "postgres://postgres:" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable"
}

// cleanEnv removes the caller's PG… settings, which are for another server, from this one's environment.
func cleanEnv() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "PG") && !strings.HasPrefix(pair, "LC_") && !strings.HasPrefix(pair, "TZ=") {
			env = append(env, pair)
		}
	}
	return env
}
