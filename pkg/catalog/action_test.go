package catalog_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

const onePack = "currency: usd\npacks: [{id: a, name: A, amount: 1, points: 1}]\n"

// Proves that actions get their defaults and come in the order of their ids, and that users may name an
// amount unless the file says actions_only.
func TestActions(t *testing.T) {
	t.Parallel()
	c, err := catalog.Parse(strings.NewReader(onePack + `
actions:
  picture: {points: 30}
  minute: {points: 2, per: 10, max: 120}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []billing.Action{
		{ID: "minute", Points: 2, Per: 10, Max: 120}, {ID: "picture", Points: 30, Per: 1, Max: 100},
	}
	if !reflect.DeepEqual(c.Actions, want) || c.ActionsOnly ||
		!reflect.DeepEqual(c.Caps, billing.CapPolicy{}) {
		t.Errorf("got %+v", c)
	}
	if a, ok := c.Action("picture"); !ok || a.Points != 30 {
		t.Errorf("got %+v, %v", a, ok)
	}
	if _, ok := c.Action("a"); ok {
		t.Error("a pack was found among the actions")
	}
	closed, err := catalog.Parse(strings.NewReader(onePack + "actions_only: true"))
	if err != nil || !closed.ActionsOnly || len(closed.Actions) != 0 {
		t.Errorf("got %+v, %v", closed, err)
	}
}

// Proves that a plan has its own caps, and the default for what it leaves out. A plan without caps has the default.
func TestCaps(t *testing.T) {
	t.Parallel()
	c, err := catalog.Parse(strings.NewReader(`
currency: usd
caps: {request: 100, day: 1000}
plans:
  - {id: plain, name: P, amount: 1, interval: month, points: 1}
  - {id: more, name: M, amount: 1, interval: month, points: 1, caps: {day: 5000}, features: [hd, export]}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := billing.CapPolicy{
		Default: billing.Caps{Request: 100, Day: 1000},
		Plans:   map[string]billing.Caps{"more": {Request: 100, Day: 5000}},
	}
	if !reflect.DeepEqual(c.Caps, want) {
		t.Errorf("got %+v", c.Caps)
	}
	if f := c.Features("more"); !reflect.DeepEqual(f, []string{"hd", "export"}) ||
		c.Features("plain") != nil || c.Features("gone") != nil {
		t.Errorf("features: %v", f)
	}
}

// Proves that each mistake in an action, a cap or a feature is refused, and that the message names its place.
func TestErrActions(t *testing.T) {
	t.Parallel()
	plan := func(member string) string {
		return "currency: usd\nplans: [{id: a, name: A, amount: 1, interval: month, points: 1, " + member + "}]"
	}
	for name, test := range map[string]struct{ text, want string }{
		"NoPrice":       {onePack + "actions: {picture: {}}", "actions, picture: points is missing"},
		"Free":          {onePack + "actions: {picture: {points: 0}}", "points 0 is outside"},
		"TooDear":       {onePack + "actions: {picture: {points: 8796094}}", "points 8796094"},
		"Fraction":      {onePack + "actions: {picture: {points: 1.5}}", `"1.5" is not a whole number`},
		"PerZero":       {onePack + "actions: {picture: {points: 1, per: 0}}", "per 0"},
		"MaxZero":       {onePack + "actions: {picture: {points: 1, max: 0}}", "max 0"},
		"MaxTooLarge":   {onePack + "actions: {picture: {points: 1, max: 1000001}}", "max 1000001"},
		"Name":          {onePack + "actions: {Big-Picture: {points: 1}}", `"Big-Picture" is not 1 to 40`},
		"UnknownKey":    {onePack + "actions: {picture: {points: 1, price: 2}}", "price"},
		"Doubled":       {onePack + "actions:\n  a: {points: 1}\n  a: {points: 2}", "already defined"},
		"ActionsOnly":   {onePack + "actions_only: perhaps", "perhaps"},
		"CapZero":       {onePack + "caps: {day: 0}", "caps: day 0"},
		"CapUnknown":    {onePack + "caps: {week: 5}", "week"},
		"CapTooLarge":   {onePack + "caps: {request: 8796093022209}", "request 8796093022209"},
		"PlanCap":       {plan("caps: {request: -1}"), "plans, entry 1 (a), caps: request -1"},
		"Feature":       {plan("features: [HD]"), `feature "HD"`},
		"FeatureTwice":  {plan("features: [hd, hd]"), "hd is listed twice"},
		"FeaturesMany":  {plan("features: [" + strings.Repeat("a, ", 20) + "b]"), "21 features"},
		"FeatureOfPack": {"currency: usd\npacks: [{id: a, name: A, amount: 1, points: 1, features: [hd]}]", "features"},
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
