package pgserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// binaryFolders are the places where packages put servers of several versions side by side, mostly outside of PATH.
var binaryFolders = []string{
	"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                   // Fedora and its kin
	"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on ARM
	"/usr/local/opt/postgresql*/bin",     // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findBinaries answers the folder that holds initdb and postgres, the newest version where there are several, and ""
// where there is none. PATH goes first: whoever put a server there meant it.
func findBinaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		// initdb looks for postgres next to itself, so a link in PATH is followed to where both lie.
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
			panic(err) // a malformed pattern is a slip in this file
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

// majorVersion reads 16 from /usr/lib/postgresql/16/bin; a folder without a number comes last.
func majorVersion(dir string) int {
	n, err := strconv.Atoi(firstNumber.FindString(dir))
	if err != nil {
		return 0
	}
	return n
}
