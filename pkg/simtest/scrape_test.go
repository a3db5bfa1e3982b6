package simtest

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const rulesFile = "../../docs/operations/alerts.yaml"

// scrape is what a server's /metrics has, by series with labels; nil if it did not respond.
type scrape map[string]float64

// scrape reads the server's metrics as Prometheus does.
func (s *server) scrape(ctx context.Context) scrape {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/metrics", nil)
	if err != nil {
		return nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	found := scrape{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		series, value, ok := cutLast(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		ours := strings.HasPrefix(series, "pointsync_") && !strings.HasPrefix(series, "pointsync_http_")
		if ok && err == nil && ours {
			found[series] = n
		}
	}
	return found
}

func cutLast(text, sep string) (before, after string, found bool) {
	if at := strings.LastIndex(text, sep); at >= 0 {
		return text[:at], text[at+len(sep):], true
	}
	return text, "", false
}

// promtool runs Prometheus's own tool.
func promtool(t testing.TB, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("%v: .ci/promtool installs it, or says how", err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

// waits matches the durations for which an alert's condition must hold.
var waits = regexp.MustCompile(`(?m)^ +for: .*\n`)

// ruleTest is a test of the rules in the form that promtool reads.
type ruleTest struct{ yaml strings.Builder }

// begin writes the head of the test, and how often the rules are evaluated. They are those of docs without the
// durations that a condition must hold.
func (r *ruleTest) begin(t *testing.T, every string) {
	t.Helper()
	rules, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "alerts.yaml")
	if err := os.WriteFile(path, waits.ReplaceAll(rules, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&r.yaml, "rule_files: [%q]\nevaluation_interval: %s\ntests:\n", path, every)
}

// beforeAndAfter adds a case: a server is scraped each minute. It is as before for ten minutes and as after for five.
// Then exactly this alert fires, or none if it is "".
func (r *ruleTest) beforeAndAfter(name, alert string, before, after scrape) {
	fmt.Fprintf(&r.yaml, "  - name: %q\n    interval: 1m\n    input_series:\n", name)
	up := 1
	if after == nil {
		up = 0
	}
	r.series("up", `1x10 `+strconv.Itoa(up)+"x5")
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, series := range slices.Sorted(maps.Keys(all)) {
		r.series(series, before.values(series, 10)+" "+after.values(series, 5))
	}
	r.expect("13m", alert)
}

// values returns n and one more scrapes of a series. A counter that is not there yet has counted nothing. What is not
// there any more has become stale.
func (s scrape) values(series string, n int) string {
	v, there := s[series]
	name, _, _ := strings.Cut(series, "{")
	isCounter := regexp.MustCompile(`_(total|bucket|count|sum)$`).MatchString(name)
	if !there && (s == nil || !isCounter) {
		return strings.TrimSuffix(strings.Repeat("stale ", n+1), " ")
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + "+0x" + strconv.Itoa(n)
}

func (r *ruleTest) series(series, values string) {
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if labels != "" {
		labels += ","
	}
	fmt.Fprintf(&r.yaml, "      - {series: %q, values: %q}\n",
		name+"{"+labels+`job="pointsync",instance="a:8080"}`, values)
}

// expect adds which alert fires at a time, alone; "" is none.
func (r *ruleTest) expect(at, alert string) {
	samples := " []"
	if alert != "" {
		samples = fmt.Sprintf("\n          - {labels: '{alertname=%q}', value: 1}", alert)
	}
	fmt.Fprintf(
		&r.yaml, `    promql_expr_test:
      - expr: 'group by (alertname) (ALERTS{alertstate="firing"})'
        eval_time: %s
        exp_samples:%s
`, at, samples,
	)
}

// run lets promtool evaluate the cases.
func (r *ruleTest) run(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(path, []byte(r.yaml.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := promtool(t, "test", "rules", path); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// TestAlertRulesAreValid proves that Prometheus takes the rules, and can parse each expression of the dashboard.
func TestAlertRulesAreValid(t *testing.T) {
	t.Parallel()
	if said, err := promtool(t, "check", "rules", rulesFile); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	board, err := os.ReadFile("../../docs/operations/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	expressions := regexp.MustCompile(`"expr": ("(?:[^"\\]|\\.)*")`).FindAllSubmatch(board, -1)
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for i, m := range expressions {
		e := strings.NewReplacer("$__rate_interval", "5m", "$job", "pointsync").Replace(string(m[1]))
		fmt.Fprintf(&rules, "      - {record: 'panel:%d', expr: %s}\n", i, e) // JSON's texts are YAML's too
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := promtool(t, "check", "rules", path); err != nil || len(expressions) < 40 {
		t.Errorf("%d expressions: %v\n%s", len(expressions), err, said)
	}
}

// TestLateForDays proves that the budget of slo.md burns as it says: 4% of late events for a day, or 2% for three days,
// make a ticket and wake no one, and half a percent makes none.
func TestLateForDays(t *testing.T) {
	t.Parallel()
	var r ruleTest
	r.begin(t, "1h")
	for _, c := range []struct {
		permille int // of late events
		lasts    time.Duration
		alert    string
	}{
		{40, 26 * time.Hour, "PointsyncPointsLateForDays"},
		{20, 74 * time.Hour, "PointsyncPointsLateForDays"},
		{5, 74 * time.Hour, ""},
		{0, 26 * time.Hour, ""},
	} {
		scrapes := int(c.lasts.Minutes() / 10)
		fmt.Fprintf(
			&r.yaml, "  - name: '%d of 1000 are late for %s'\n    interval: 10m\n    input_series:\n",
			c.permille, c.lasts,
		)
		r.series("up", fmt.Sprintf("1x%d", scrapes))
		r.series("pointsync_event_applied_seconds_count", fmt.Sprintf("0+1000x%d", scrapes))
		r.series(`pointsync_event_applied_seconds_bucket{le="1"}`, fmt.Sprintf("0+%dx%d", 1000-c.permille, scrapes))
		r.expect(fmt.Sprintf("%.0fh", c.lasts.Hours()), c.alert)
	}
	r.run(t)
}
