package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// BackUp writes a SQLite database, as it is at one moment, to a new file that only its owner can read. Readers and
// writers go on in the meantime. The file gets its name once it is whole and on the disk. On PostgreSQL it is an error,
// which names the tool to use.
func (d *DB) BackUp(ctx context.Context, file string) (err error) {
	if d.dialect != SQLite {
		return errors.New("this copies only SQLite: back PostgreSQL up with pg_dump or pg_basebackup")
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up: %s exists already, or cannot be looked at", file)
	}
	part := file + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = errors.Join(os.Rename(part, file), syncFolder(filepath.Dir(file)))
		} else {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	if _, err := d.sql.ExecContext(ctx, "VACUUM INTO ?", part); err != nil { // it takes an empty file
		return fmt.Errorf("back up: %w", err)
	}
	return f.Sync() // SQLite does not, for a copy
}

// syncFolder writes the names in a folder to the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
