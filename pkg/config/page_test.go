package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestPageHasTheSettings proves that docs/configuration.md lists each setting with its default, and no other.
func TestPageHasTheSettings(t *testing.T) {
	t.Parallel()
	page := readFile(t, "../../docs/configuration.md")
	rows := regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|.*\\| ([^|]*) \\|$").FindAllStringSubmatch(page, -1)
	defaults := map[string]string{}
	var listed []string
	for _, row := range rows {
		if strings.HasPrefix(row[1], ours) || slices.Contains(settings(), row[1]) {
			listed, defaults[row[1]] = append(listed, row[1]), row[2]
		}
	}
	wantSettings(t, "docs/configuration.md", listed)
	fields := reflect.TypeFor[Config]()
	for i := range fields.NumField() {
		tag := fields.Field(i).Tag
		name, want := tag.Get("env"), tag.Get("envDefault")
		if want != "" && !strings.HasPrefix(defaults[name], "`"+want+"`") {
			t.Errorf("%s: the page's default is %q, the program's is %q", name, defaults[name], want)
		}
	}
}

// TestFilesPassTheSettings proves that each way to run a server passes every setting on: compose.yaml, except for those
// that the image sets; the environment of the systemd unit, and the ConfigMap and Secret of Kubernetes, where an
// optional one may be a comment.
func TestFilesPassTheSettings(t *testing.T) {
	t.Parallel()
	var compose struct {
		Common struct{ Environment map[string]any } `yaml:"x-pointsync"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "../../compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	var passed []string
	for name := range compose.Common.Environment {
		passed = append(passed, name)
	}
	for _, m := range regexp.MustCompile(`(?m)^ENV (\w+)=`).FindAllStringSubmatch(readFile(t, "../../Dockerfile"), -1) {
		if strings.HasPrefix(m[1], ours) {
			passed = append(passed, m[1])
		}
	}
	wantSettings(t, "compose.yaml", passed)
	for file, name := range map[string]string{
		"systemd/pointsync.env":    `(?m)^#?([A-Z][A-Z_]+)=.`,
		"kubernetes/settings.yaml": `(?m)^  (?:# )?([A-Z][A-Z_]+): .`,
	} {
		var named []string
		for _, m := range regexp.MustCompile(name).FindAllStringSubmatch(
			readFile(t, "../../docs/operations/"+file), -1,
		) {
			named = append(named, m[1])
		}
		wantSettings(t, file, named)
	}
}

func wantSettings(t *testing.T, where string, got []string) {
	t.Helper()
	want := slices.Sorted(slices.Values(settings()))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%s has\n%q, want each setting once:\n%q", where, got, want)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
