package pgserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// binaryFolders are the places where packages install several versions of the server side by side. Most of them are
// not in PATH.
var binaryFolders = []string{
	"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                   // Fedora and similar systems
	"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on ARM
	"/usr/local/opt/postgresql*/bin",     // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findBinaries returns the folder that holds initdb and postgres, or "" if there is none. It prefers the newest
// version. PATH comes first, because a server there was put there on purpose.
func findBinaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		// initdb looks for postgres in its own folder, so a link in PATH is followed to the folder that holds both.
		if real, err := filepath.EvalSymlinks(path); err == nil && holdsServer(filepath.Dir(real)) {
			return filepath.Dir(real)
		}
	}
	return newestIn(binaryFolders)
}

func newestIn(patterns []string) string {
	var found []string
	for _, pattern := range patterns {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			panic(err) // a malformed pattern is a mistake in this file
		}
		found = append(found, slices.DeleteFunc(dirs, func(dir string) bool { return !holdsServer(dir) })...)
	}
	if len(found) == 0 {
		return ""
	}
	return slices.MaxFunc(found, func(a, b string) int { return majorVersion(a) - majorVersion(b) })
}

func holdsServer(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

var firstNumber = regexp.MustCompile(`\d+`)

// majorVersion returns 16 for /usr/lib/postgresql/16/bin. A folder without a number comes last.
func majorVersion(dir string) int {
	n, err := strconv.Atoi(firstNumber.FindString(dir))
	if err != nil {
		return 0
	}
	return n
}

// Tool returns the path of one of PostgreSQL's own programs, such as pg_dump. It is the one that belongs to the server
// that Start finds here, or else the first in PATH.
func Tool(name string) (string, error) {
	if bin := findBinaries(); bin != "" {
		if path, err := exec.LookPath(filepath.Join(bin, name)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s of PostgreSQL is missing (Debian: apt-get install postgresql): %w", name, err)
	}
	return path, nil
}
