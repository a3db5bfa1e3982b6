package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

const (
	operations = "../../docs/operations/"
	runbookURL = "https://github.com/pointsync/pointsync/blob/main/docs/operations/runbooks.md#"
)

// rule is a rule of alerts.yaml.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

// readRules returns the rules of alerts.yaml, which are all in one group.
func readRules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal([]byte(read(t, operations+"alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) < 20 {
		t.Fatalf("alerts.yaml has %d groups; causes come before effects only in one group", len(file.Groups))
	}
	return file.Groups[0].Rules
}

// TestAlertsHaveRunbooks proves that each alert has a severity, a summary and a link to its own section of the
// runbooks, that each section has all its parts, and that no section is of an alert that does not exist.
func TestAlertsHaveRunbooks(t *testing.T) {
	t.Parallel()
	sections := map[string]string{}
	for _, s := range strings.Split(read(t, operations+"runbooks.md"), "\n## ")[1:] {
		name, text, _ := strings.Cut(s, "\n")
		sections[name] = text
	}
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		if r.Labels["severity"] != "page" && r.Labels["severity"] != "ticket" {
			t.Errorf("%s has the severity %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", r.Alert)
		}
		if got, want := r.Annotations["runbook_url"], runbookURL+strings.ToLower(r.Alert); got != want {
			t.Errorf("%s leads to %q, want %q", r.Alert, got, want)
		}
		for _, part := range []string{"For customers", "Look first", "Causes", "Do", "Over when"} {
			if !strings.Contains(sections[r.Alert], "\n- **"+part+"**: ") {
				t.Errorf("the runbook of %s has no %q", r.Alert, part)
			}
		}
		delete(sections, r.Alert)
	}
	delete(sections, "No alert, but a customer asks")
	for name := range sections {
		t.Errorf("there is a runbook of %s, and no such alert", name)
	}
}

var (
	fencedShell = regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$")
	inlineCode  = regexp.MustCompile("`(pointsync [^`]+)`")
	anyCode     = regexp.MustCompile("(?ms)^ *```.*?^ *```$|`[^`]+`")
	commandWord = regexp.MustCompile(`"[^"]*"|\S+`)
	setting     = regexp.MustCompile(`\b(?:POINTSYNC|STRIPE)_[A-Z_]+\b`)
)

// TestRunbooksNameWhatExists proves that each command of the runbooks, with its flags, is one of the program's, that
// each setting is documented, and that each panel is one of the dashboard's.
func TestRunbooksNameWhatExists(t *testing.T) {
	t.Parallel()
	page, commands := read(t, operations+"runbooks.md"), []string(nil)
	for _, block := range fencedShell.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	for _, m := range inlineCode.FindAllStringSubmatch(page, -1) {
		commands = append(commands, m[1])
	}
	if len(commands) < 25 {
		t.Fatalf("only %d commands were found", len(commands))
	}
	for _, command := range commands {
		words := commandWord.FindAllString(command, -1)
		for i := range words {
			words[i] = strings.Trim(words[i], `"`)
		}
		parser := kong.Must(&cli{}, kong.Vars{"kid": time.Now().Format("20060102")})
		if _, err := parser.Parse(words[1:]); words[0] != "pointsync" || err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	documented := read(t, "../../docs/configuration.md")
	for _, name := range setting.FindAllString(page, -1) {
		if !strings.Contains(documented, "`"+name+"`") {
			t.Errorf("the runbooks name %s, and configuration.md does not", name)
		}
	}
	var titles []string
	for _, p := range readDashboard(t).Panels {
		titles = append(titles, p.Title)
	}
	named := regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(anyCode.ReplaceAllString(page, ""), -1)
	for _, m := range named {
		if !slices.Contains(titles, strings.Join(strings.Fields(m[1]), " ")) {
			t.Errorf("the runbooks name %q, which is no panel", m[1])
		}
	}
	if len(named) < 30 {
		t.Errorf("only %d panels were found", len(named))
	}
}

// dashboard is what the tests read of dashboard.json. Grafana's other members are checked by Grafana.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type string }
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               struct{ Type, UID string }
	Targets                  []struct{ Expr, RefID string }
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, operations+"dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDashboardIsWhole proves that Grafana can take the dashboard as it is: no two panels have one id or one title, no
// panels overlap, and all read from the data source and the job that the viewer chooses.
func TestDashboardIsWhole(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type)
	}
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 ||
		!slices.Equal(variables, []string{"datasource datasource", "job query"}) {
		t.Errorf("%q, %q, schema %d, variables %q", d.UID, d.Title, d.SchemaVersion, variables)
	}
	ids, titles, cells := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("%d %q is there twice, or has no title", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if cells[cell] != "" || cell[0] >= 24 {
					t.Fatalf("%q and %q overlap, or are too wide", p.Title, cells[cell])
				}
				cells[cell] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Type != "timeseries" || p.Description == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%q is a %s of %q with %d targets", p.Title, p.Type, p.Datasource.UID, len(p.Targets))
		}
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, `job="$job"`) || target.RefID == "" {
				t.Errorf("%q does not read the chosen job: %s", p.Title, target.Expr)
			}
		}
	}
}

var (
	rowOfSeries = regexp.MustCompile("(?m)^\\| `(pointsync_\\w+)` \\| (\\w+) \\| ([^|]*)\\|")
	selector    = regexp.MustCompile(`\b(pointsync_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher     = regexp.MustCompile(`(\w+)(=~|!=|=)"([^"]*)"`)
	valueRow    = regexp.MustCompile(`(?m)^\| (.+) \| (.+) \| (.+) \|$`)
	codeWord    = regexp.MustCompile("`([^`]+)`")
	histogramOf = regexp.MustCompile(`_(bucket|count|sum)$`)
)

// TestSeriesOfAlertsExist proves that the alerts and the dashboard name only series of docs/operations/metrics.md,
// their labels, and values that these labels can have. A misspelled one would match nothing, and never fire.
func TestSeriesOfAlertsExist(t *testing.T) {
	t.Parallel()
	page, sets, _ := strings.Cut(read(t, operations+"metrics.md"), "## Values of labels")
	labels := map[string]string{}
	for _, m := range rowOfSeries.FindAllStringSubmatch(page, -1) {
		labels[m[1]] = m[3]
		if m[2] == "histogram" {
			for _, end := range []string{"_bucket", "_count", "_sum"} {
				labels[m[1]+end] = m[3] + " `le`"
			}
			delete(labels, m[1])
		}
	}
	values := map[string]string{}
	for _, m := range valueRow.FindAllStringSubmatch(sets, -1) {
		for _, label := range codeWord.FindAllStringSubmatch(m[1], -1) {
			for _, series := range codeWord.FindAllStringSubmatch(m[2], -1) {
				values[series[1]+" "+label[1]] += m[3]
			}
		}
	}
	var expressions []string
	for _, r := range readRules(t) {
		expressions = append(expressions, r.Expr)
	}
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	checked := 0
	for _, e := range expressions {
		for _, m := range selector.FindAllStringSubmatch(strings.ReplaceAll(e, "job:pointsync_late:", "late_"), -1) {
			has, exists := labels[m[1]]
			if !exists {
				t.Errorf("no series %s: %s", m[1], e)
			}
			for _, one := range matcher.FindAllStringSubmatch(m[2], -1) {
				if one[1] == "job" || one[1] == "le" {
					continue
				}
				checked++
				if !strings.Contains(has, "`"+one[1]+"`") {
					t.Errorf("%s has no label %s: %s", m[1], one[1], e)
				}
				set := values[histogramOf.ReplaceAllString(m[1], "")+" "+one[1]]
				for value := range strings.SplitSeq(one[3], "|") {
					if !strings.Contains(set, "`"+value+"`") {
						t.Errorf("%s of %s is never %q: %s", one[1], m[1], value, e)
					}
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d matchers were checked", checked)
	}
}
