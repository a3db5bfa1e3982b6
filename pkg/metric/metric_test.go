package metric

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pointsync/pointsync/pkg/billing"
)

// scraped returns the values of the series whose name begins so, by what follows that beginning.
func scraped(t *testing.T, m *Metrics, begin string) map[string]string {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(m)
	page := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/", nil))
	series := map[string]string{}
	for line := range strings.Lines(page.Body.String()) {
		if rest, ok := strings.CutPrefix(line, begin); ok {
			labels, value, _ := strings.Cut(rest, "} ")
			series[labels] = strings.TrimSpace(value)
		}
	}
	return series
}

// TestUnknownValuesAreOther proves that a value that a set does not have makes one series, however many there are, and
// that it is counted there. A nil *Metrics counts nothing.
func TestUnknownValuesAreOther(t *testing.T) {
	t.Parallel()
	m := New("test")
	before := len(scraped(t, m, "pointsync_syncs_skipped_total{"))
	for i := range 100 {
		n := strconv.Itoa(i)
		m.SyncSkipped(billing.SyncCause("cause"+n), Skip("why"+n))
		m.StripeRequest("GET", "/v1/customers/cus_"+n, 200+100*(i%5), time.Second)
		m.StripeRequest("GET", "/v1/made_up/"+n, 999, time.Second)
		m.Spend(Outcome("outcome" + n))
	}
	skipped := scraped(t, m, "pointsync_syncs_skipped_total{")
	if got := skipped[`cause="other",reason="other"`]; len(skipped) != before+1 || got != "100" {
		t.Errorf("%d series became %d, and other is %s", before, len(skipped), got)
	}
	asked := scraped(t, m, "pointsync_stripe_request_duration_seconds_count{")
	if len(asked) != 6 || asked[`operation="other",status="other"`] != "100" ||
		asked[`operation="GET /v1/customers/:id",status="2xx"`] != "20" {
		t.Errorf("the series of Stripe's responses are %v", asked)
	}

	var none *Metrics
	none.EventReceived(0)
	none.EventApplied(0)
	none.EventTold(0)
	none.Sync(billing.CauseEvent, billing.SyncApplied, 0)
	none.SyncSkipped(billing.CauseEvent, SkipNoBudget)
	none.StripeRequest("GET", "/", 200, 0)
	none.Spend(OK)
	none.Hold(HoldMade, OK)
	none.Moved(billing.Entry{})
	none.TopUpOrder(billing.OrderPaid)
	none.TopUpStopped(billing.TopUpDeclined)
	none.Webhook(WebhookStored)
	none.LoginFailed(LoginPassword, LoginWrong)
	none.KeyRefused(KeyRevoked)
	none.UnknownItem(UnknownInvoice)
	none.Transaction(0)
	none.StripeClock(0)
}

// TestSetsAreWhole proves that each set of a type has all constants of that type, in this package and in billing.
// Otherwise a new cause of a sync would be counted as other.
func TestSetsAreWhole(t *testing.T) {
	t.Parallel()
	declared := map[string][]string{}
	for _, folder := range []string{".", "../billing"} {
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f.Name(), ".go") && !strings.HasSuffix(f.Name(), "_test.go") {
				constants(t, folder+"/"+f.Name(), declared)
			}
		}
	}
	for kind, set := range map[string][]string{
		"SyncCause": names(causes), "SyncOutcome": names(syncOutcomes), "EntryKind": names(entryKinds),
		"OrderStatus": names(orderStatuses), "TopUpReason": names(topUpReasons), "Outcome": names(outcomes),
		"HoldOperation": names(holdOperations), "Skip": names(skips), "WebhookOutcome": names(webhookOutcomes),
		"LoginMethod": names(loginMethods), "LoginReason": names(loginReasons),
		"KeyReason": names(keyReasons), "Unknown": names(unknowns),
	} {
		if want := declared[kind]; len(want) == 0 || !same(set, want) {
			t.Errorf("%s has the constants %q, and its set is %q", kind, want, set)
		}
	}
}

// TestUsedTokenIsNoFault proves that a used ID token has its own reason: `unavailable` means that the issuer is down.
func TestUsedTokenIsNoFault(t *testing.T) {
	t.Parallel()
	if got := LoginReasonOf(billing.Errorf(billing.EIDTokenUsed, "used")); got != LoginUsed {
		t.Errorf("it is counted as %s", got)
	}
}

// TestLoginReasons proves for each code what a login that failed with it is counted as. A code that is added must be
// added here, with a decision.
func TestLoginReasons(t *testing.T) {
	t.Parallel()
	want := map[billing.Code]LoginReason{
		billing.EUnauthorized: LoginWrong, billing.EIDTokenUsed: LoginUsed, billing.ETooMany: LoginThrottled,
		billing.EAccountClosed: LoginClosed, billing.EPasswordLoginOff: LoginOff,
	}
	for _, code := range []billing.Code{
		billing.EInvalid, billing.EForbidden, billing.ELoginTooOld, billing.EActionRequired, billing.ERequestCap,
		billing.EDailyCap, billing.ENotFound, billing.EConflict, billing.EEmailTaken, billing.ESubscriptionExists,
		billing.EInsufficientPoints, billing.EPaymentRequired, billing.EKeyReused, billing.EStripeUnavailable,
		billing.EStripeRefused, billing.EUnavailable, billing.EIssuerUnavailable, billing.EInternal,
	} {
		want[code] = LoginError
	}
	declared := map[string][]string{}
	constants(t, "../billing/errors.go", declared)
	if len(declared["Code"]) != len(want) {
		t.Errorf("there are %d codes, and %d are decided", len(declared["Code"]), len(want))
	}
	for _, text := range declared["Code"] {
		code := billing.Code(text)
		if got := LoginReasonOf(billing.Errorf(code, "x")); got != want[code] {
			t.Errorf("%s is counted as %s, want %q", code, got, want[code])
		}
	}
}

// constants adds the typed text constants of a file.
func constants(t *testing.T, path string, to map[string][]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		kind, typed := spec.Type.(*ast.Ident)
		for _, v := range spec.Values {
			if text, ok := v.(*ast.BasicLit); ok && typed && text.Kind == token.STRING {
				value, _ := strconv.Unquote(text.Value)
				to[kind.Name] = append(to[kind.Name], value)
			}
		}
		return true
	})
}

func same(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// TestPageHasTheSets proves that docs/operations/metrics.md has, for each label of a series that is counted here, the
// values of its set and no others.
func TestPageHasTheSets(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sets, _ := strings.Cut(string(page), "## Values of labels")
	code := regexp.MustCompile("`([^`]+)`")
	values := map[string][]string{} // by series and label
	for _, row := range regexp.MustCompile(`(?m)^\| (.+) \| (.+) \| (.+) \|$`).FindAllStringSubmatch(sets, -1) {
		for _, l := range code.FindAllStringSubmatch(row[1], -1) {
			for _, series := range code.FindAllStringSubmatch(row[2], -1) {
				for _, v := range code.FindAllStringSubmatch(row[3], -1) {
					values[series[1]+" "+l[1]] = append(values[series[1]+" "+l[1]], v[1])
				}
			}
		}
	}
	for series, labels := range labelsOf(New("test")) {
		for _, l := range labels {
			if l.name != "operation" || series == "pointsync_holds_total" {
				if got := values[series+" "+l.name]; !same(got, l.values) {
					t.Errorf("the page gives %s of %s the values %q, and its set is %q", l.name, series, got, l.values)
				}
			}
		}
	}
}

// labelsOf returns the labels of each series that has some.
func labelsOf(m *Metrics) map[string][]label {
	return map[string][]label{
		"pointsync_sync_duration_seconds": m.syncs.labels, "pointsync_syncs_skipped_total": m.skipped.labels,
		"pointsync_stripe_request_duration_seconds": m.stripe.labels, "pointsync_spends_total": m.spends.labels,
		"pointsync_holds_total": m.holds.labels, "pointsync_entries_total": m.moves.labels,
		"pointsync_entry_points_total": m.points.labels, "pointsync_top_up_orders_total": m.topUpOrders.labels,
		"pointsync_top_ups_stopped_total": m.topUpsEnded.labels, "pointsync_webhooks_total": m.webhooks.labels,
		"pointsync_login_failures_total": m.logins.labels, "pointsync_service_key_refusals_total": m.keys.labels,
		"pointsync_unknown_items_total": m.unknown.labels,
	}
}
