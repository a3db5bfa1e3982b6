package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// devFiles are the files that `dev` makes in its data folder, apart from the locks.
var devFiles = []string{
	"pointsync.db", "pointsync.db-wal", "pointsync.db-shm", "pointsync.db-journal", "signing-keys",
	"webhook-secrets.json", devNotesFile, seededFile, seededFile + ".new",
	filepath.Join("sandbox", "sandbox.json"), filepath.Join("sandbox", "sandbox.json.new"),
}

// devMail is the name of a mail in the folder of mails.
var devMail = regexp.MustCompile(`^[0-9]{20}\.json$`)

// resetDev deletes what `dev` made in its data folder, and prints each path. The caller holds the folder's lock. It
// deletes plain files of known names only, so a wrong folder loses nothing that is not dev's.
func resetDev(dir string, out io.Writer) error {
	names, err := madeByDev(dir)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		_, err := fmt.Fprintf(out, "reset: there is nothing of dev in %s\n", dir)
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
		fmt.Fprintf(out, "reset: deleted %s\n", filepath.Join(dir, name))
	}
	return nil
}

// madeByDev returns which files of a data folder `dev` made. A name of its own that is no plain file is an error.
func madeByDev(dir string) (names []string, err error) {
	mails, err := os.ReadDir(filepath.Join(dir, "mails"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	candidates := append([]string{}, devFiles...)
	for _, m := range mails {
		if devMail.MatchString(m.Name()) {
			candidates = append(candidates, filepath.Join("mails", m.Name()))
		}
	}
	for _, folder := range []string{"mails", "sandbox"} {
		info, err := os.Lstat(filepath.Join(dir, folder))
		if err == nil && !info.IsDir() {
			return nil, fmt.Errorf("%s is no folder that dev made: nothing was deleted", filepath.Join(dir, folder))
		}
	}
	for _, name := range candidates {
		info, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is no file that dev made: nothing was deleted", filepath.Join(dir, name))
		default:
			names = append(names, name)
		}
	}
	return names, nil
}
