package conformance

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// sdkPackages are the packages of Stripe's SDK for Go whose tests run against the sandbox. Each is built into a
// separate program, named after the last part of its path.
var sdkPackages = []string{
	"customer", "checkout/session", "subscription", "subscriptionitem", "price", "product", "invoice", "invoiceitem",
	"event",
	"billingportal/session", "billingportal/configuration", "webhookendpoint", "refund", "paymentintent", "charge",
	"paymentmethod",
	"coupon", "promotioncode", "setupintent", "dispute", "balance", "balancetransaction", "customerbalancetransaction",
	"example",
}

// sdkExamples selects from the package example, which has one test for every example in Stripe's reference.
// sdkElsewhere excludes tests that only have such a name: refunds of Connect's application fees, and disputes of
// Issuing's cards.
var (
	sdkExamples = regexp.MustCompile("Checkout|Customers|Subscriptions|Prices|Products|Invoice|Events|BillingPortal|" +
		"WebhookEndpoints|TestClocks|Refunds|PaymentIntents|Charges|PaymentMethods|Coupons|PromotionCodes|Disputes|BalanceTransactions")
	sdkElsewhere = regexp.MustCompile("^Test(ApplicationFees|Issuing)")
)

// sdkRefused lists the tests that the sandbox fails, each with the reason. Stripe's mock does not check states, so some
// of the tests request what Stripe itself refuses.
var sdkRefused = map[string]string{
	"charge/TestChargeSearch":                              "expects total_count without asking for it, which only Stripe's mock answers",
	"checkout/session/TestCheckoutSessionNew":              "illegal at Stripe: a line item without a price, and subscription_data without the mode subscription",
	"example/TestCheckoutSessionsPost":                     "illegal at Stripe: mode payment without line items; and shipping rates, which the sandbox does not act out",
	"example/TestPaymentIntentsApplyCustomerBalancePost":   "illegal at Stripe for a payment by card, and the sandbox has none out of a cash balance",
	"example/TestPaymentIntentsIncrementAuthorizationPost": "no card of the sandbox offers it, as each says of itself under incremental_authorization",
	"example/TestPaymentIntentsPost4":                      "a payment with Przelewy24, which the sandbox does not have, in a currency that it does not take",
	"example/TestPaymentIntentsVerifyMicrodepositsPost":    "illegal at Stripe for a payment by card, and the sandbox has no bank that sends small amounts",
	"example/TestPaymentIntentsVerifyMicrodepositsPost2":   "illegal at Stripe for a payment by card, and the sandbox has no bank that sends small amounts",
	"price/TestPriceNew":                                   "illegal at Stripe: tiers without tiers_mode; and the sandbox sells by a fixed amount per unit only",
	"subscription/TestSubscriptionNew":                     "illegal at Stripe: days_until_due with automatic charging",
}

const (
	leastPassing = 95              // of 100
	sdkPatience  = 8 * time.Minute // the first build on a machine compiles everything
)

// TestOfficialSDK proves that the tests of Stripe's own SDK for Go, written for Stripe's mock, pass against the
// sandbox: at least 95 of 100. The others were reviewed and are listed above. No request of any test uses an unknown
// address or breaks the sandbox. Each test gets a separate sandbox, so that none depends on what another left.
func TestOfficialSDK(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), sdkPatience)
	defer cancel()
	programs := buildSDK(t, ctx)
	var selected, passed atomic.Int64
	stale := maps.Clone(sdkRefused) // at the end it contains names that match no test any more
	t.Run("Tests", func(t *testing.T) {
		for _, pkg := range sdkPackages {
			for _, name := range testsOf(t, ctx, programs[pkg]) {
				if pkg == "example" && (!sdkExamples.MatchString(name) || sdkElsewhere.MatchString(name)) {
					continue
				}
				delete(stale, pkg+"/"+name)
				t.Run(pkg+"/"+name, func(t *testing.T) {
					t.Parallel()
					selected.Add(1)
					if runSDK(t, ctx, programs[pkg], pkg+"/"+name) {
						passed.Add(1)
					}
				})
			}
		}
	})
	t.Logf(
		"%d of %d tests of the SDK pass; %d are on the reviewed list", passed.Load(), selected.Load(), len(sdkRefused),
	)
	if selected.Load() == 0 || passed.Load()*100 < selected.Load()*leastPassing {
		t.Errorf("fewer than %d of 100 pass", leastPassing)
	}
	for name := range stale {
		t.Errorf("%s is on the list and no test that is run", name)
	}
}

// buildSDK builds the tests of a writable copy of the SDK, and returns a program for each package.
func buildSDK(t *testing.T, ctx context.Context) map[string]string {
	t.Helper()
	var module struct{ Dir string }
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", "github.com/stripe/stripe-go/v76")
	download.Dir = "../.."
	answer, err := download.Output()
	if err == nil {
		err = json.Unmarshal(answer, &module)
	}
	if err != nil {
		t.Fatalf("find the SDK: %v", err)
	}
	source, out := t.TempDir(), t.TempDir()
	if err := os.CopyFS(source, os.DirFS(module.Dir)); err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{}
	shelves := map[string][]string{} // by folder: two packages with the same last name need two
	namesakes := map[string]int{}
	for _, pkg := range sdkPackages {
		name := filepath.Base(pkg)
		shelf := filepath.Join(out, strconv.Itoa(namesakes[name]))
		namesakes[name]++
		programs[pkg] = filepath.Join(shelf, name+".test")
		shelves[shelf] = append(shelves[shelf], "./"+pkg)
	}
	for shelf, packages := range shelves {
		// With -trimpath the next run finds what this one compiled, although it is in another folder.
		build := exec.CommandContext(
			ctx, "go", append([]string{"test", "-c", "-trimpath", "-ldflags=-s -w", "-o", shelf + "/"}, packages...)...,
		)
		build.Dir = source
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build the SDK's tests: %v\n%s", err, said)
		}
	}
	return programs
}

// testsOf returns the names of a program's tests. The SDK looks for the mock before it lists them.
func testsOf(t *testing.T, ctx context.Context, program string) []string {
	t.Helper()
	said, err := sdkCommand(ctx, newFront(t), program, "-test.list=.").Output()
	if err != nil {
		t.Fatalf("list the tests of %s: %v", program, err)
	}
	var names []string
	for line := range strings.Lines(string(said)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(name, "Test") {
			names = append(names, name)
		}
	}
	return names
}

// runSDK runs one test against a new sandbox and returns whether it passed. It fails if the result differs from the
// list.
func runSDK(t *testing.T, ctx context.Context, program, name string) bool {
	t.Helper()
	f := newFront(t)
	said, err := sdkCommand(
		ctx, f, program, "-test.v", "-test.timeout=60s", "-test.run=^"+filepath.Base(name)+"$",
	).CombinedOutput()
	passed := err == nil && strings.Contains(string(said), "--- PASS: "+filepath.Base(name)+" ")
	for _, each := range f.all() {
		if each.status >= http.StatusInternalServerError || strings.Contains(
			string(each.body), "Unrecognized request URL",
		) {
			t.Errorf("%s %s: %d %s", each.method, each.path, each.status, each.body)
		}
	}
	reason, listed := sdkRefused[name]
	switch {
	case passed && listed:
		t.Errorf("it passes: take it off the list (%s)", reason)
	case !passed && !listed:
		t.Errorf("%v\n%s", err, said)
		for _, each := range f.all() {
			t.Logf("%s %s: %d %s", each.method, each.path, each.status, each.body)
		}
	}
	return passed
}

func sdkCommand(ctx context.Context, f *front, program string, flags ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, flags...)
	command.Dir = filepath.Dir(program)
	command.Env = append(os.Environ(), "STRIPE_MOCK_PORT="+f.port)
	return command
}
