package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/spelling"
)

// settings lists the names of all environment variables, from the tags of Config.
func settings() []string {
	t := reflect.TypeFor[Config]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("env")
	}
	return names
}

// settingOf returns the variable behind a field of Config.
func settingOf(field string) (string, bool) {
	f, ok := reflect.TypeFor[Config]().FieldByName(field)
	return f.Tag.Get("env"), ok
}

// ours begins the name of each setting that no other program has.
const ours = "POINTSYNC_"

// notSettings matches variables with our prefix that are no misspelled settings: those that Kubernetes sets in a pod
// for each service whose name begins with pointsync, the port of compose.yaml, and what the guides' programs call the
// API with.
var notSettings = regexp.MustCompile(
	`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$` +
		`|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$` +
		`|^POINTSYNC_(URL|KEY)$`,
)

// unknownOnes finds variables with our prefix that no setting has. A misspelled one would silently mean the default.
func (p *problems) unknownOnes() {
	known := settings()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, ours) && !slices.Contains(known, name) && !notSettings.MatchString(name) {
			p.add("%s is no setting%s", name, hint(name, known))
		}
	}
}

// hint compares names without our prefix, which all have and some should not have.
func hint(name string, known []string) string {
	bare := strings.TrimPrefix(name, ours)
	if slices.Contains(known, bare) {
		return spelling.Hint(bare)
	}
	var rest []string
	for _, k := range known {
		if r, ok := strings.CutPrefix(k, ours); ok {
			rest = append(rest, r)
		}
	}
	near := spelling.Nearest(bare, rest)
	if near != "" {
		near = ours + near
	}
	return spelling.Hint(near)
}
