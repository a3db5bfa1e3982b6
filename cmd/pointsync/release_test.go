package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// releaseConfig is what the tests below read of .goreleaser.yaml.
type releaseConfig struct {
	Builds []struct {
		Main, Binary                      string
		Env, Flags, Ldflags, Goos, Goarch []string
	}
	DockersV2 []struct {
		Platforms  []string
		BuildArgs  map[string]string `yaml:"build_args"`
		ExtraFiles []string          `yaml:"extra_files"`
	} `yaml:"dockers_v2"`
}

func readRelease(t *testing.T) releaseConfig {
	t.Helper()
	var c releaseConfig
	if err := yaml.Unmarshal([]byte(read(t, "../../.goreleaser.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Builds) != 1 || len(c.DockersV2) != 1 {
		t.Fatalf("%d builds and %d images, want one of each", len(c.Builds), len(c.DockersV2))
	}
	return c
}

// TestReleaseImage proves that an image is built with what the Dockerfile copies, for the platforms of Linux, and
// with the flags of the archives. goreleaser gives the Dockerfile only the files that its configuration names.
func TestReleaseImage(t *testing.T) {
	t.Parallel()
	c, dockerfile := readRelease(t), read(t, "../../Dockerfile")
	var copied []string
	for _, line := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(dockerfile, -1) {
		copied = append(copied, strings.Fields(line[1])...)
	}
	slices.Sort(copied)
	files := slices.Sorted(slices.Values(c.DockersV2[0].ExtraFiles))
	if len(copied) < 5 || !slices.Equal(copied, files) {
		t.Errorf("the Dockerfile copies %q; .goreleaser.yaml names %q", copied, files)
	}
	build := c.Builds[0]
	flags := strings.Join(build.Flags, " ")
	stamp := strings.Replace(build.Ldflags[0], "{{ .Version }}", "$VERSION", 1)
	line := "go build " + flags + ` -ldflags "` + stamp + `" -o /out/pointsync ` + build.Main + "\n"
	if !strings.Contains(dockerfile, line) || !strings.Contains(stamp, "-X main.version=$VERSION") {
		t.Errorf("the Dockerfile does not build with %q", line)
	}
	if !slices.Contains(build.Env, "CGO_ENABLED=0") || !strings.Contains(dockerfile, "ENV CGO_ENABLED=0") {
		t.Error("a release is built with cgo")
	}
	if c.DockersV2[0].BuildArgs["VERSION"] != "{{ .Version }}" {
		t.Error("the image's version is not stamped")
	}
	if got := slices.Sorted(slices.Values(c.DockersV2[0].Platforms)); !slices.Equal(got, platformsOf(c, "linux", "/")) {
		t.Errorf("the image is for %q", got)
	}
}

// TestReleasePlatforms proves that the npm package names one package for each binary of a release, at its own version.
func TestReleasePlatforms(t *testing.T) {
	t.Parallel()
	var manifest struct {
		Version              string
		OptionalDependencies map[string]string
	}
	if err := json.Unmarshal([]byte(read(t, "../../docs/clients/npm/package.json")), &manifest); err != nil {
		t.Fatal(err)
	}
	node := strings.NewReplacer("windows", "win32", "amd64", "x64") // Node's names for Go's
	var want []string
	for _, platform := range platformsOf(readRelease(t), "", "-") {
		want = append(want, "@pointsync/cli-"+node.Replace(platform))
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(manifest.OptionalDependencies)); len(want) != 6 || !slices.Equal(got, want) {
		t.Errorf("the npm package names %q, want %q", got, want)
	}
	for name, version := range manifest.OptionalDependencies {
		if version != manifest.Version {
			t.Errorf("%s is wanted at %s, not at %s", name, version, manifest.Version)
		}
	}
}

// platformsOf returns the systems and processors of a release, joined by sep and sorted; of one system, or of all.
func platformsOf(c releaseConfig, system, sep string) (platforms []string) {
	for _, goos := range c.Builds[0].Goos {
		for _, goarch := range c.Builds[0].Goarch {
			if system == "" || goos == system {
				platforms = append(platforms, goos+sep+goarch)
			}
		}
	}
	slices.Sort(platforms)
	return platforms
}
