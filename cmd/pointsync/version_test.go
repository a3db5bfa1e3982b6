package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestVersionIsStamped proves that the linker's flag of a release reaches `pointsync version`. If the variable was
// renamed, the linker would stamp nothing and report no error.
func TestVersionIsStamped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pointsync")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=1.2.3-test", "-o", path, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(path, "version").Output()
	want := "pointsync 1.2.3-test " + runtime.GOOS + "/" + runtime.GOARCH + " " + runtime.Version() + "\n"
	if err != nil || string(out) != want {
		t.Errorf("prints %q, %v; want %q", out, err, want)
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	built := func(version string, ok bool) func() (*debug.BuildInfo, bool) {
		return func() (*debug.BuildInfo, bool) { return &debug.BuildInfo{Main: debug.Module{Version: version}}, ok }
	}
	for name, c := range map[string]struct {
		stamped string
		read    func() (*debug.BuildInfo, bool)
		want    string
	}{
		"Stamped":      {"1.2.3", built("v0.9.0", true), "1.2.3"},
		"OfTheModule":  {"", built("v0.9.0", true), "v0.9.0"},
		"NothingNoted": {"", built("", true), "(devel)"},
		"NoBuildInfo":  {"", built("", false), "(devel)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := versionOf(c.stamped, c.read); got != c.want {
				t.Errorf("is %q, want %q", got, c.want)
			}
		})
	}
}

// TestVersionOfThisBuild proves that a build without a stamp names a version too.
func TestVersionOfThisBuild(t *testing.T) {
	t.Parallel()
	line := regexp.MustCompile(`^pointsync \S+ \S+/\S+ go\S+\n$`)
	if said := (program{t: t}).run(0, "version"); !line.MatchString(said) {
		t.Errorf("prints %q", said)
	}
}
