package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// The embedded catalogue is the repository's own, and sells what the guides describe.
func TestDefault(t *testing.T) {
	t.Parallel()
	root, err := os.ReadFile("../../catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := os.ReadFile("default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(root) != string(embedded) {
		t.Error("default.yaml differs from catalog.yaml: run go generate ./pkg/catalog")
	}
	c := catalog.Default()
	basic, ok := c.Plan("basic_monthly")
	if !ok || basic.Amount != 900 || basic.Points != 500 || basic.Interval != "month" || basic.Currency != "usd" {
		t.Errorf("basic_monthly: %+v, %v", basic, ok)
	}
	if pro, ok := c.Plan("pro_monthly"); !ok || pro.Amount != 1900 || pro.Points != 1200 {
		t.Errorf("pro_monthly: %+v, %v", pro, ok)
	}
	if pack, ok := c.Pack("pack_100"); !ok || pack.Amount != 500 || pack.Points != 100 || pack.MaxQuantity != 10 {
		t.Errorf("pack_100: %+v, %v", pack, ok)
	}
	if _, ok := c.Pack("basic_monthly"); ok {
		t.Error("a plan was found among the packs")
	}
	if _, ok := c.Plan("nothing"); ok {
		t.Error("an unknown plan was found")
	}
}

// Missing values get their defaults, written values are kept, and the file's order stays.
func TestParseFillsIn(t *testing.T) {
	t.Parallel()
	c, err := catalog.Parse(strings.NewReader(`
currency: usd
plans:
  - {id: z, name: Z, amount: 1, interval: year, points: 1, currency: eur, trial_days: 730, trial_points: 7}
  - {id: a, name: A, amount: 99999999, interval: day, points: 8796093, trial_days: 0}
packs:
  - {id: p, name: P, amount: 5, points: 2}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Plans) != 2 || c.Plans[0].ID != "z" || c.Plans[1].ID != "a" {
		t.Fatalf("plans out of order: %+v", c.Plans)
	}
	want := billing.Plan{
		ID:          "z",
		Name:        "Z",
		Amount:      1,
		Currency:    "eur",
		Interval:    "year",
		Points:      1,
		TrialDays:   730,
		TrialPoints: 7,
		MaxQuantity: 1,
	}
	if !reflect.DeepEqual(c.Plans[0], want) {
		t.Errorf("got %+v, want %+v", c.Plans[0], want)
	}
	if p := c.Packs[0]; p.MaxQuantity != 1 || p.Currency != "usd" {
		t.Errorf("pack: %+v", p)
	}
}

// Each mistake is refused, and the message names its place.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const plan = "id: a, name: A, amount: 1, interval: month, points: 1"
	const pack = "id: a, name: A, amount: 1, points: 1"
	for name, test := range map[string]struct{ text, want string }{
		"Empty":         {"", "the catalogue is empty"},
		"NothingToSell": {"currency: usd", "nothing to sell"},
		"UnknownKey":    {"currency: usd\npacks: [{" + pack + ", colour: red}]", "line 2"},
		"UnknownTopKey": {"currency: usd\nitems: []", "items"},
		"Misspelled": {
			"currency: usd\npacks:\n  - {id: a, name: A, amount: 1, poinst: 1}",
			`line 3: there is no member "poinst" here; did you mean points?`,
		},
		"LineOfEntry": {
			"currency: usd\npacks:\n  - id: b\n    name: B\n    amount: 1\n    points: 1\n  - {id: a, name: A, points: 1}",
			"line 7: packs, entry 2 (a): amount is missing",
		},
		"LineUnknown": { // the library leaves out an empty entry
			"currency: usd\npacks:\n  -\n  - {id: a, name: A, points: 1}", "packs, entry 1 (a): amount is missing",
		},
		"DoubledKey": {"currency: usd\ncurrency: eur", "already defined"},
		"NotANumber": {"currency: usd\npacks: [{id: a, name: A, amount: much, points: 1}]", "much"},
		"Fraction": {
			"currency: usd\npacks: [{id: a, name: A, amount: 1.5, points: 1}]", `"1.5" is not a whole number`,
		},
		"MoneyWithCents": {"currency: usd\npacks: [{id: a, name: A, amount: 9.00, points: 1}]", `line 2: "9.00"`},
		"Octal":          {"currency: usd\npacks: [{id: a, name: A, amount: 010, points: 1}]", "010"},
		"Quoted":         {"currency: usd\npacks: [{id: a, name: A, amount: '10', points: 1}]", "10"},
		"BeyondInt64": {
			"currency: usd\npacks: [{id: a, name: A, amount: 99999999999999999999, points: 1}]", "line 2",
		},
		"TwoDocuments": {"currency: usd\npacks: [{" + pack + "}]\n---\npacks: []", "more than one"},
		"Id": {
			"currency: usd\npacks: [{id: A-b, name: A, amount: 1, points: 1}]", `packs, entry 1 (A-b): id "A-b"`,
		},
		"IdMissing": {"currency: usd\npacks: [{name: A, amount: 1, points: 1}]", "packs, entry 1: id"},
		"IdTooLong": {
			"currency: usd\npacks: [{id: " + strings.Repeat("a", 41) + ", name: A, amount: 1, points: 1}]", "1 to 40",
		},
		"IdTakenByPlan": {
			"currency: usd\nplans: [{" + plan + "}]\npacks: [{" + pack + "}]", "taken (line 2: plans, entry 1 (a))",
		},
		"NameMissing": {"currency: usd\npacks: [{id: a, name: ' ', amount: 1, points: 1}]", "name is missing"},
		"NameControl": {
			"currency: usd\npacks: [{id: a, name: \"a\\nb\", amount: 1, points: 1}]", "control character",
		},
		"CurrencyMissing": {"packs: [{" + pack + "}]", "currency is missing"},
		"CurrencyTop":     {"currency: USD\npacks: [{" + pack + "}]", `currency: "USD"`},
		"CurrencyItem":    {"currency: usd\npacks: [{" + pack + ", currency: euro}]", `"euro"`},
		"AmountMissing":   {"currency: usd\npacks: [{id: a, name: A, points: 1}]", "amount is missing"},
		"AmountZero": {
			"currency: usd\npacks: [{id: a, name: A, amount: 0, points: 1}]", "amount 0 is outside 1 to 99999999",
		},
		"AmountTooLarge": {
			"currency: usd\npacks: [{id: a, name: A, amount: 100000000, points: 1}]", "amount 100000000",
		},
		"PointsNegative": {"currency: usd\npacks: [{id: a, name: A, amount: 1, points: -1}]", "points -1"},
		"PointsTooMany": {
			"currency: usd\npacks: [{id: a, name: A, amount: 1, points: 8796094}]", "points 8796094",
		},
		"Interval": {
			"currency: usd\nplans: [{id: a, name: A, amount: 1, interval: fortnight, points: 1}]", "fortnight",
		},
		"IntervalMissing":  {"currency: usd\nplans: [{id: a, name: A, amount: 1, points: 1}]", `interval ""`},
		"TrialTooLong":     {"currency: usd\nplans: [{" + plan + ", trial_days: 731}]", "trial_days 731"},
		"TrialPointsAlone": {"currency: usd\nplans: [{" + plan + ", trial_points: 5}]", "without trial_days"},
		"RolloverWord": {
			"currency: usd\nplans: [{" + plan + ", rollover: some}]", "line 2: rollover is none, all, or {cap: 100}",
		},
		"RolloverKey":     {"currency: usd\nplans: [{" + plan + ", rollover: {limit: 5}}]", "rollover is none"},
		"RolloverNumber":  {"currency: usd\nplans: [{" + plan + ", rollover: 5}]", "rollover is none"},
		"RolloverList":    {"currency: usd\nplans: [{" + plan + ", rollover: [all]}]", "rollover is none"},
		"RolloverCapText": {"currency: usd\nplans: [{" + plan + ", rollover: {cap: many}}]", "many"},
		"RolloverCapZero": {
			"currency: usd\nplans: [{" + plan + ", rollover: {cap: 0}}]", "rollover cap 0 is outside 1 to",
		},
		"RolloverCapTooLarge": {
			"currency: usd\nplans: [{" + plan + ", rollover: {cap: 8796094}}]", "rollover cap 8796094",
		},
		"RolloverOfPack":  {"currency: usd\npacks: [{" + pack + ", rollover: all}]", "rollover"},
		"QuantityZero":    {"currency: usd\npacks: [{" + pack + ", max_quantity: 0}]", "max_quantity 0"},
		"QuantityTooMany": {"currency: usd\npacks: [{" + pack + ", max_quantity: 101}]", "max_quantity 101"},
		"QuantityCostsTooMuch": {
			"currency: usd\npacks: [{id: a, name: A, amount: 50000000, points: 1, max_quantity: 2}]",
			"more than 99999999",
		},
		"TooLarge": {strings.Repeat("#", 1<<20+1), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := catalog.Parse(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

// A plan's rollover is one of two words or a limit. By default nothing rolls over.
func TestRollover(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]billing.Points{
		"": 0, "rollover: none": 0, "rollover: all": billing.RolloverAll, "rollover: {cap: 7}": 7,
		"rollover:\n      cap: 7": 7,
	} {
		c, err := catalog.Parse(strings.NewReader(`
currency: usd
plans:
  - id: a
    name: A
    amount: 1
    interval: month
    points: 1
    ` + text))
		if err != nil || c.Plans[0].Rollover != want {
			t.Errorf("%q: got %+v (%v), want %d", text, c, err, want)
		}
	}
}

// All mistakes are reported at once.
func TestParseListsAll(t *testing.T) {
	t.Parallel()
	_, err := catalog.Parse(strings.NewReader(`
plans: [{id: a, amount: 0, interval: x}]
packs: [{id: a, name: N, amount: 1, points: 1, max_quantity: -1}]
`))
	if err == nil {
		t.Fatal("accepted")
	}
	if n := len(strings.Split(err.Error(), "\n")); n != 8 {
		t.Errorf("%d problems, want 8:\n%v", n, err)
	}
}

// A file's mistakes are reported with the file's name.
func TestLoad(t *testing.T) {
	t.Parallel()
	if _, err := catalog.Load("../../catalog.yaml"); err != nil {
		t.Error(err)
	}
	if _, err := catalog.Load(filepath.Join(t.TempDir(), "absent.yaml")); err == nil {
		t.Error("an absent file was accepted")
	}
	path := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(path, []byte("currency: usd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Load(path); err == nil || !strings.Contains(err.Error(), "bad.yaml") {
		t.Errorf("got %v, want it to name the file", err)
	}
}

// Proves that a yearly plan may grant month by month, and no other may.
func TestGrantInterval(t *testing.T) {
	t.Parallel()
	const text = "currency: usd\nplans: [{id: p, name: P, amount: 9000, interval: %s, grant_interval: %s, points: 500}]\n"
	c, err := catalog.Parse(strings.NewReader(fmt.Sprintf(text, "year", "month")))
	if err != nil || c.Plans[0].GrantInterval != "month" || c.Plans[0].PeriodPoints() != 6000 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, wrong := range [][2]string{{"month", "month"}, {"year", "week"}, {"year", "year"}} {
		if _, err := catalog.Parse(
			strings.NewReader(fmt.Sprintf(text, wrong[0], wrong[1])),
		); err == nil || !strings.Contains(err.Error(), "grant_interval") {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}

// Proves that an item with sold: false is known but not for sale, and that any other item is for sale.
func TestRetired(t *testing.T) {
	t.Parallel()
	c, err := catalog.Parse(strings.NewReader(`
currency: usd
plans:
  - {id: a, name: A, amount: 900, interval: month, points: 500, sold: false}
  - {id: b, name: B, amount: 900, interval: month, points: 500, sold: true}
packs:
  - {id: p, name: P, amount: 500, points: 100, sold: false}
  - {id: q, name: Q, amount: 500, points: 100}
`))
	if err != nil {
		t.Fatal(err)
	}
	a, known := c.Plan("a")
	p, knownPack := c.Pack("p")
	if !known || !a.Retired || !knownPack || !p.Retired {
		t.Errorf("%+v, %+v", a, p)
	}
	if s := c.ForSale(); len(s.Plans) != 1 || s.Plans[0].ID != "b" || len(s.Packs) != 1 || s.Packs[0].ID != "q" ||
		len(c.Plans) != 2 {
		t.Errorf("for sale: %+v", s)
	}
	if _, err := catalog.Parse(
		strings.NewReader("currency: usd\npacks: [{id: p, name: P, amount: 500, points: 100, sold: perhaps}]"),
	); err == nil {
		t.Error("sold: perhaps was taken")
	}
}
