package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/catalog"
)

// seedExample is the committed example of a seed file.
const seedExample = "../../docs/dev-seed.yaml"

// seededState is what docs/dev-seed.yaml promises of each account. A pack of 1000 costs the rich one 3 purchases in
// one order; the period of basic_monthly that was paid brought 500 points.
var seededState = []struct {
	email           string
	available, debt int
	plan, status    string
	lowPoints       any
}{
	{email: "rich@example.com", available: 2500},
	{email: "empty@example.com"},
	{email: "subscribed@example.com", available: 1200, plan: "pro_monthly", status: "active", lowPoints: 100.0},
	{email: "past-due@example.com", available: 500, plan: "basic_monthly", status: "past_due"},
	{email: "debt@example.com", debt: 40},
}

// TestDevSeed proves that the accounts of the example are as the file says, that the books and Stripe agree, and that a
// second start makes nothing twice and changes nothing that a tester did in the meantime. It also proves that a seeding
// that was cut off before it noted its accounts continues, and that a reset forgets them.
func TestDevSeed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, said := devSaying(t, devCmd{DataDir: dir, Seed: seedExample, Quiet: true})
	holdSeeded(t, s, 0)
	if n := len(regexp.MustCompile(`(?m)^seed: made \S+ with the password `).FindAllString(said.String(), -1)); n != 5 {
		t.Errorf("it says that it made %d accounts:\n%s", n, said)
	}
	p := program{t: t}
	agrees := func() {
		t.Helper()
		if got := p.run(0, "audit", "--dev="+dir); !strings.Contains(got, "6 accounts looked at, 0 violations") {
			t.Errorf("the audit says %s", got)
		}
		got := p.run(0, "stripe", "reconcile", "--dry-run", "--rate", "100", "--dev="+dir)
		if !strings.Contains(got, "4 accounts compared, 0 differ") {
			t.Errorf("the comparison with Stripe says %s", got)
		}
	}
	agrees()
	rich := client(t, s.url, s.sandboxURL)
	if err := rich.guard(func() {
		rich.call(
			200, http.MethodPost, "/auth/login", map[string]any{"email": "rich@example.com", "password": devPassword},
		)
		rich.call(200, http.MethodPost, "/points/spend", map[string]any{"amount": 7})
	}); err != nil {
		t.Fatal(err)
	}
	before := stripeCounts(t, s)
	again := func(d devCmd) {
		t.Helper()
		s.stop()
		if err := s.wait(); err != nil {
			t.Fatal(err)
		}
		d.DataDir, d.Seed, d.Quiet = dir, seedExample, true
		s, said = devSaying(t, d)
	}
	again(devCmd{})
	holdSeeded(t, s, 7)
	if n := strings.Count(said.String(), " is there already\n"); n != 5 || stripeCounts(t, s) != before {
		t.Errorf("the second start says\n%s\nStripe has %v, before %v", said, stripeCounts(t, s), before)
	}

	if err := os.Remove(filepath.Join(dir, seededFile)); err != nil {
		t.Fatal(err)
	}
	again(devCmd{})
	holdSeeded(t, s, 0) // the balance of one that was not complete is set again
	if stripeCounts(t, s) != before {
		t.Errorf("after it was cut off, Stripe has %v, before %v", stripeCounts(t, s), before)
	}
	agrees()
	again(devCmd{Reset: true})
	holdSeeded(t, s, 0)
	if stripeCounts(t, s) != before {
		t.Errorf("after a reset, Stripe has %v, before %v", stripeCounts(t, s), before)
	}
}

// holdSeeded compares the accounts with the example. The rich one has spent some points since.
func holdSeeded(t *testing.T, s *devServer, spent int) {
	t.Helper()
	for _, want := range seededState {
		c := client(t, s.url, s.sandboxURL)
		if err := c.guard(func() {
			c.call(200, http.MethodPost, "/auth/login", map[string]any{"email": want.email, "password": devPassword})
			points := c.call(200, http.MethodGet, "/points", nil)
			if want.available > 2000 {
				want.available -= spent
			}
			c.expect(
				points.number("available") == want.available && points.number("debt") == want.debt &&
					points.number("held") == 0, "the points are not %v", points,
			)
			bought := c.call(200, http.MethodGet, "/subscription", nil)
			c.expect(
				bought.text("subscription.plan") == want.plan && bought.text("subscription.status") == want.status,
				"the subscription is not %v", bought,
			)
			low := c.call(200, http.MethodGet, "/points/threshold", nil)
			c.expect(low.at("points") == want.lowPoints, "the threshold is not %v", low)
		}); err != nil {
			t.Errorf("%s: %v", want.email, err)
		}
	}
}

// stripeCounts returns how many objects of some kinds the local Stripe has.
func stripeCounts(t *testing.T, s *devServer) (counts [4]int) {
	t.Helper()
	c := client(t, s.url, s.sandboxURL)
	if err := c.guard(func() {
		for i, kind := range []string{"customers", "charges", "refunds", "checkout/sessions"} {
			counts[i] = len(c.stripe(200, http.MethodGet, "/v1/"+kind+"?limit=100", nil)["data"].([]any))
		}
	}); err != nil {
		t.Fatal(err)
	}
	return counts
}

// badSeeds are faulty files, after their first line "accounts:", and what the refusal says.
var badSeeds = []struct{ name, text, want string }{
	{"Empty", "", "has 0 accounts"},
	{"NoYAML", "  - [", "line 2"},
	{"UnknownMember", "  - email: a@example.com\n    points: 5\n", `line 3: there is no member "points" here`},
	{"NotANumber", "  - email: a@example.com\n    balance: many\n", `line 3: "many" must be a number`},
	{"TwoDocuments", "  - email: a@example.com\n---\n{}\n", "more than one YAML document"},
	{"NoEmail", "  - plan: pro_monthly\n", `line 2: email is ""`},
	{
		"NullAccount", "  - email: a@example.com\n  -\n  - email: b\n",
		"line 3: email is \"\", which is no email address\nline 4",
	},
	{"EmailTwice", "  - email: a@example.com\n  - email: A@example.com\n", "line 3: email a@example.com is on line 2"},
	{"Admin", "  - email: admin@example.com\n", "line 2: email admin@example.com is that of dev's admin"},
	{"ShortPassword", "  - email: a@example.com\n    password: short\n", "line 3: password has 5 characters"},
	{"CommonPassword", "  - email: a@example.com\n    password: qwertyuiop\n", "line 3: password is one of"},
	{"UnknownPlan", "  - email: a@example.com\n    plan: gold\n", `line 3: plan is "gold"`},
	{"UnknownPack", "  - email: a@example.com\n    packs: {pro_monthly: 1}\n", `line 3: packs has "pro_monthly"`},
	{"ManyPacks", "  - email: a@example.com\n    packs: {pack_100: 11}\n", "line 3: packs has 11 of pack_100"},
	{"NoPacks", "  - email: a@example.com\n    packs: {pack_100: 0}\n", "line 3: packs has 0 of pack_100"},
	{"PastDueWithoutPlan", "  - email: a@example.com\n    past_due: true\n", "line 3: past_due needs a plan"},
	{
		"PastDueOfTwoPlans",
		"  - {email: a@example.com, plan: pro_monthly, past_due: true}\n" +
			"  - {email: b@example.com, plan: basic_monthly, past_due: true}\n",
		"line 3: past_due is for accounts of one plan",
	},
	{"NegativeDebt", "  - email: a@example.com\n    debt: -1\n", "line 3: debt must be 0 to"},
	{"LargeDebt", "  - email: a@example.com\n    debt: 10001\n", "line 3: debt is 10001, and no purchase"},
	{"DebtAndBalance", "  - email: a@example.com\n    debt: 1\n    balance: 1\n", "line 4: balance must be 0"},
	{"NegativeBalance", "  - email: a@example.com\n    balance: -1\n", "line 3: balance must be 0 to"},
	{"NegativeThreshold", "  - email: a@example.com\n    low_points: -1\n", "line 3: low_points must be"},
	{
		"TwoFaults", "  - plan: gold\n    email: a\n",
		"line 3: email is \"a\", which is no email address\nline 2: plan",
	},
}

// TestDevSeedRefused proves that a faulty file is refused with each line and reason before anything is made or reset.
func TestDevSeedRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range badSeeds {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseSeed([]byte("accounts:\n"+bad.text), catalog.Default())
			if err == nil || !strings.Contains(err.Error(), bad.want) {
				t.Errorf("the refusal is %v, and should say %s", err, bad.want)
			}
		})
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "seed.yaml")
	if err := os.WriteFile(file, []byte("accounts:\n  - email: a@example.com\n    plan: gold\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	d := devCmd{Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: data, Catalog: catalogPath(t), Seed: file}
	_, err := startDev(context.Background(), d, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "--seed: nothing was made, because of seed.yaml: line 3: plan") {
		t.Errorf("the refusal is %v", err)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Error("a refused seed made the data folder")
	}
}

// TestDevSeedOthersAccount proves that an account which someone else registered with another password is left alone.
func TestDevSeedOthersAccount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := dev(t, dir, "127.0.0.1:0")
	c := client(t, s.url, s.sandboxURL)
	if err := c.guard(func() {
		theirs := map[string]any{"email": "rich@example.com", "password": "their own words"}
		c.call(201, http.MethodPost, "/auth/register", theirs)
	}); err != nil {
		t.Fatal(err)
	}
	s.stop()
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	d := devCmd{
		Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: dir, Catalog: catalogPath(t), Seed: seedExample,
	}
	_, err := startDev(context.Background(), d, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "rich@example.com: the account is there with another password") {
		t.Errorf("the refusal is %v", err)
	}
	dev(t, dir, "127.0.0.1:0") // the folder was released
}
