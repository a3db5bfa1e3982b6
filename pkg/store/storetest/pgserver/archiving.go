//go:build unix

package pgserver

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Archiving is a throwaway server that archives its write-ahead log, as docs/operations/backup.md says. So the state of
// any moment since its base backup can be restored.
type Archiving struct {
	*Server
	bin, password, archive, base string
	owner                        *syscall.Credential
}

// StartArchiving makes a new cluster of the PostgreSQL installed here. The caller stops it.
func StartArchiving(ctx context.Context) (_ *Archiving, err error) {
	a := &Archiving{bin: findBinaries(), password: rand.Text()}
	if a.bin == "" {
		return nil, errNone
	}
	if a.owner, err = unprivileged(); err != nil {
		return nil, err
	}
	if a.archive, err = makeFolder(a.owner); err != nil {
		return nil, err
	}
	dir, err := makeFolder(a.owner)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(a.archive))
	}
	if err := initCluster(ctx, a.bin, dir, a.password, a.owner); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir), os.RemoveAll(a.archive))
	}
	a.Server, err = a.launch(ctx, dir, "-c", "archive_mode=on", "-c", "archive_command=cd "+a.archive+
		` && test ! -f %f && cp "$OLDPWD/%p" %f.part && sync %f.part && mv %f.part %f`)
	if err != nil {
		err = errors.Join(err, os.RemoveAll(a.archive))
	}
	return a, err
}

func (a *Archiving) launch(ctx context.Context, dir string, more ...string) (*Server, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	l := clusterLaunch(a.bin, dir, a.password, port, a.owner)
	l.argv = append(l.argv, more...)
	return launch(ctx, l)
}

// BackUp makes the base backup.
func (a *Archiving) BackUp(ctx context.Context) (err error) {
	if a.base, err = makeFolder(a.owner); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(a.bin, "pg_basebackup"), "--pgdata="+filepath.Join(a.base, "data"),
		"--wal-method=none", "--checkpoint=fast", "--dbname="+a.URL)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = a.base, cleanEnv(), &syscall.SysProcAttr{Credential: a.owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// Lose archives what was committed until now, and ends the server with its data.
func (a *Archiving) Lose(ctx context.Context) error {
	var file string
	if err := a.ask(ctx, &file, a.URL, "SELECT pg_walfile_name(pg_switch_wal())"); err != nil {
		return err
	}
	archived := "SELECT COALESCE(last_archived_wal >= '" + file + "', false) FROM pg_stat_archiver"
	if err := a.until(ctx, a.URL, archived); err != nil {
		return err
	}
	return a.Stop()
}

// RestoreAt starts a server with the state of a moment since the base backup. The caller stops it.
func (a *Archiving) RestoreAt(ctx context.Context, moment time.Time) (*Server, error) {
	signal := filepath.Join(a.base, "data", "recovery.signal")
	if err := errors.Join(os.WriteFile(signal, nil, 0o600), give(signal, a.owner)); err != nil {
		return nil, err
	}
	restored, err := a.launch(ctx, a.base, "-c", "restore_command=cp "+a.archive+"/%f %p",
		"-c", "recovery_target_time="+moment.UTC().Format("2006-01-02 15:04:05.999999-07"),
		"-c", "recovery_target_action=promote")
	if err != nil {
		return nil, err
	}
	// It can be read before it has come to the moment.
	return restored, a.until(ctx, restored.URL, "SELECT NOT pg_is_in_recovery()")
}

// Remove removes the archive.
func (a *Archiving) Remove() error { return errors.Join(a.Stop(), os.RemoveAll(a.archive)) }

func (a *Archiving) until(ctx context.Context, url, query string) error {
	ctx, cancel := context.WithTimeout(ctx, clusterDeadline)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var so bool
		if err := a.ask(ctx, &so, url, query); err != nil || so {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", query, ctx.Err())
		case <-again.C:
		}
	}
}

func (a *Archiving) ask(ctx context.Context, into any, url, query string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRowContext(ctx, query).Scan(into)
}
