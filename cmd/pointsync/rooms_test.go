package main

import (
	"encoding/json"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pointsync/pointsync/"

// rooms are the packages of the design, lowest first. A room may import only rooms that come before it.
var rooms = []string{
	"pkg/billing", "pkg/metric", "pkg/trace", "pkg/mail", "pkg/spelling", "pkg/strictyaml", "pkg/config", "pkg/catalog",
	"pkg/oidc",
	"pkg/store", "pkg/jobs",
	"pkg/stripegw", "pkg/token", "pkg/outbox", "pkg/ledger", "pkg/reconcile",
	"pkg/audit", "pkg/inbox", "pkg/account", "pkg/checkout", "docs", "pkg/manual", "api", "cmd/pointsync",
}

// testRooms maps each package that only tests import to the rooms that it may import.
var testRooms = map[string]string{
	"pkg/oidc/issuertest":     "",
	"pkg/trace/tracetest":     "pkg/trace",
	"pkg/store/storetest":     "pkg/billing pkg/store",
	"pkg/sandbox/sandboxtest": "",
	"pkg/mail/mailtest":       "",
	"pkg/housetest": "pkg/billing pkg/metric pkg/catalog pkg/store pkg/stripegw pkg/reconcile pkg/sandbox " +
		"pkg/store/storetest pkg/sandbox/sandboxtest",
}

// doorkeepers maps each library to the only rooms that may import it.
var doorkeepers = map[string]string{
	"gorm.io/":                        "pkg/store",
	"github.com/stripe/stripe-go":     "pkg/stripegw",
	"github.com/golang-jwt/jwt":       "pkg/token",
	"github.com/labstack/echo":        "api",
	"github.com/riverqueue/river":     "pkg/jobs pkg/store",
	"github.com/caarlos0/env":         "pkg/config",
	"github.com/alecthomas/kong":      "cmd/pointsync",
	"github.com/alexedwards/argon2id": "pkg/account",
	"github.com/standard-webhooks/":   "pkg/outbox",
	"github.com/coreos/go-oidc":       "pkg/oidc pkg/oidc/issuertest",
	"github.com/go-jose/go-jose":      "pkg/oidc pkg/oidc/issuertest",
	"github.com/wneessen/go-mail":     "pkg/mail",
	"github.com/yuin/goldmark":        "pkg/manual",
	"github.com/emersion/":            "pkg/mail/mailtest",
	"github.com/prometheus/":          "pkg/metric api",
	"go.opentelemetry.io/":            "pkg/trace pkg/trace/tracetest",
}

// TestImportsOnlyGoDown proves that every import of the product goes down the list of rooms. The sandbox imports no
// room, and only cmd imports the sandbox. Nothing imports the simulation, and only tests import the packages for tests.
// Each library is imported only by its room.
func TestImportsOnlyGoDown(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < len(rooms) {
		t.Fatalf("go list sees %d packages: is the test looking at the right tree?", len(packages))
	}
	for path, imports := range packages {
		room := roomOf(path)
		for _, imported := range imports {
			if why := forbidden(room, imported); why != "" {
				t.Errorf("%s imports %s: %s", path, imported, why)
			}
		}
	}
}

// forbidden returns why a room may not import something, or "" if it may.
func forbidden(room, imported string) string {
	if ours, ok := strings.CutPrefix(imported, module); ok {
		return forbiddenRoom(room, roomOf(ours))
	}
	for library, keepers := range doorkeepers {
		if strings.HasPrefix(imported, library) && !slices.Contains(strings.Fields(keepers), room) {
			return "only " + keepers + " may know it"
		}
	}
	if room == "pkg/billing" && strings.Contains(strings.Split(imported, "/")[0], ".") {
		return "the nouns import the standard library only"
	}
	return ""
}

func forbiddenRoom(room, other string) string {
	may, forTests := testRooms[room]
	_, onlyForTests := testRooms[other]
	switch {
	case room == other, forTests && slices.Contains(strings.Fields(may), other):
		return ""
	case onlyForTests:
		return "only tests import it"
	case forTests:
		return "not among the few rooms that this package for tests may import"
	case room == "pkg/sandbox":
		return "the sandbox is a separate world"
	case room == "pkg/simtest" || other == "pkg/simtest":
		return "the simulation is made of tests alone"
	case other == "pkg/sandbox" && room != "cmd/pointsync":
		return "only cmd and tests enter the sandbox"
	case other == "pkg/sandbox":
		return ""
	}
	from, to := slices.Index(rooms, room), slices.Index(rooms, other)
	if from < 0 || to < 0 {
		return "a room that is not on the list"
	}
	if to > from {
		return "imports only go down"
	}
	return ""
}

// roomOf returns the room that a package belongs to: itself, or the nearest folder above that is on the list.
func roomOf(path string) string {
	named := slices.Concat(slices.Collect(maps.Keys(testRooms)), []string{"pkg/sandbox", "pkg/simtest"}, rooms)
	for _, room := range named {
		if path == room || strings.HasPrefix(path, room+"/") {
			return room
		}
	}
	return path
}

// listPackages returns the imports of every package, without those of its tests.
func listPackages(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
	return packages
}

// TestLintKnowsTheDoorkeepers proves that the lint forbids the same libraries as the list above.
func TestLintKnowsTheDoorkeepers(t *testing.T) {
	var listed, denied []string
	for library := range doorkeepers {
		listed = append(listed, strings.TrimSuffix(library, "/"))
	}
	for _, m := range regexp.MustCompile(`pkg: ([^,]+),`).FindAllStringSubmatch(read(t, "../../.golangci.yml"), -1) {
		if !strings.HasPrefix(m[1], module) {
			denied = append(denied, m[1])
		}
	}
	slices.Sort(listed)
	slices.Sort(denied)
	if !slices.Equal(listed, denied) {
		t.Errorf("the list has %q, and .golangci.yml has %q", listed, denied)
	}
}

// TestForbidden proves that the rule above can fail.
func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		room, imported string
		ok             bool
	}{
		{"api", module + "pkg/checkout", true},
		{"pkg/ledger", module + "pkg/reconcile", false},
		{"api", "gorm.io/gorm", false},
		{"pkg/checkout", "github.com/stripe/stripe-go/v76", false},
		{"pkg/sandbox", module + "pkg/billing", false},
		{"api", module + "pkg/sandbox", false},
		{"cmd/pointsync", module + "pkg/sandbox", true},
		{"pkg/billing", "golang.org/x/sync/errgroup", false},
		{"api", module + "pkg/elsewhere", false},
		{"cmd/pointsync", module + "pkg/simtest", false},
		{"pkg/simtest", module + "pkg/store", false},
		{"pkg/store", module + "pkg/store/storetest", false},
		{"cmd/pointsync", module + "pkg/sandbox/sandboxtest", false},
		{"api", module + "pkg/housetest", false},
		{"pkg/housetest", module + "pkg/reconcile", true},
		{"pkg/housetest", module + "pkg/store/storetest", true},
		{"pkg/housetest", module + "pkg/inbox", false},
		{"pkg/store/storetest", module + "pkg/sandbox", false},
		{"pkg/sandbox/sandboxtest", module + "pkg/store/storetest", false},
	} {
		if why := forbidden(c.room, c.imported); (why == "") != c.ok {
			t.Errorf("%s imports %s: %q", c.room, c.imported, why)
		}
	}
}

// ownTextRule matches code that decides by itself which text a database can keep.
var ownTextRule = regexp.MustCompile(`utf8\.Valid|ToValidUTF8|ContainsRune\([^\n]+, 0\)|\\x00`)

// TestOneRuleForText proves that one room knows which text the databases can keep: all others ask billing.Storable and
// billing.IsStorable. The sandbox is a separate world.
func TestOneRuleForText(t *testing.T) {
	found := map[string]bool{}
	for path, text := range goFiles(t) {
		if !ownTextRule.MatchString(text) || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "tools/") ||
			strings.HasPrefix(path, "pkg/sandbox/") {
			continue
		}
		found[path] = true
	}
	const rule = "pkg/billing/text.go"
	if !found[rule] {
		t.Errorf("%s is not found: is the test looking for the right words?", rule)
	}
	delete(found, rule)
	for path := range found {
		t.Errorf("%s has its own rule for text: use billing.Storable or billing.IsStorable", path)
	}
}
