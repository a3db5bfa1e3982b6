package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is stamped into a release by the linker (.goreleaser.yaml, Dockerfile). It is empty in all other builds.
var version string

type versionCmd struct{ outcome }

// Run prints one line, for people and for reports of faults.
func (c versionCmd) Run() error {
	v := versionOf(version, debug.ReadBuildInfo)
	say := fmt.Sprintf("pointsync %s %s/%s %s", v, runtime.GOOS, runtime.GOARCH, runtime.Version())
	return tell(c.JSON, say, map[string]any{
		"version": v, "os": runtime.GOOS, "arch": runtime.GOARCH, "go": runtime.Version(),
	})
}

// versionOf returns the stamped version. Without one it returns what Go noted while it built: the version of the
// module, or of the commit if the build had a repository around it.
func versionOf(stamped string, read func() (*debug.BuildInfo, bool)) string {
	if stamped != "" {
		return stamped
	}
	if info, ok := read(); ok {
		return cmp.Or(info.Main.Version, "(devel)")
	}
	return "(devel)"
}
