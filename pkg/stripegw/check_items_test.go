package stripegw_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// wrongs returns the findings of a check of a catalogue, in one text.
func wrongs(t *testing.T, g *stripegw.Gateway, c *catalog.Catalog) string {
	t.Helper()
	found, err := g.Check(t.Context(), c, hook, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range found {
		if !f.OK {
			all = append(all, f.What)
		}
	}
	return strings.Join(all, "\n")
}

// Proves that the check reports what Stripe would not sell or would sell by mistake. Each case is compared with a shop
// in which nothing is wrong. The cases are an amount below the smallest charge, of a pack and of a plan, an archived
// product, a retired item that is still for sale, and a price without its points or with others. Two more are an item
// that is paid for and gone from the catalogue, and an old endpoint left enabled. A setup corrects what it can.
func TestCheckSees(t *testing.T) {
	t.Parallel()
	g, base := newShop(t)
	if _, err := g.EnsureEndpoint(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	is := func(name, want string, c *catalog.Catalog) {
		t.Helper()
		got := wrongs(t, g, c)
		if want == "" && got != "" || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	with := func(change func(c *catalog.Catalog)) *catalog.Catalog {
		c := *catalog.Default()
		c.Plans, c.Packs = slices.Clone(c.Plans), slices.Clone(c.Packs)
		change(&c)
		return &c
	}
	is("Nothing", "", catalog.Default())

	small := with(func(c *catalog.Catalog) {
		c.Packs = append(
			c.Packs, billing.Pack{ID: "mini", Name: "Mini", Amount: 10, Currency: "usd", Points: 1, MaxQuantity: 1},
		)
	})
	if _, err := g.EnsureCatalog(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	is("SmallPack", "mini: the amount 10 usd is below Stripe's smallest charge of 50: a page for one is refused", small)
	if notes := stripegw.SmallAmounts(small); len(notes) != 1 || !strings.HasPrefix(notes[0], "mini") {
		t.Errorf("setup's notes: %q", notes)
	}
	plan := &catalog.Catalog{Plans: []billing.Plan{
		{
			ID: "tiny", Amount: 29, Currency: "gbp", Interval: "month",
		}, {
			ID: "fine", Amount: 30, Currency: "gbp", Interval: "month",
		}, {ID: "yen", Amount: 49, Currency: "jpy", Interval: "month"},
	}}
	if notes := stripegw.SmallAmounts(plan); len(notes) != 2 || !strings.Contains(
		notes[0], "until the customer owes",
	) || !strings.HasPrefix(notes[1], "yen") {
		t.Errorf("plans: %q", notes)
	}

	sandboxtest.Ask(t, base, "POST", "/v1/products/pointsync_pack_100", url.Values{"active": {"false"}})
	is("ArchivedProduct", "pack_100: product pointsync_pack_100 is archived", catalog.Default())
	if _, err := g.EnsureCatalog(t.Context(), catalog.Default()); err != nil {
		t.Fatal(err)
	}
	is("Mended", "", catalog.Default())

	more := with(func(c *catalog.Catalog) { c.Plans[0].Points = 501 })
	is("OtherPoints", "it grants 500 points, not 501 points", more)
	retired := with(func(c *catalog.Catalog) { c.Packs[0].Retired = true })
	is("Retired", "pack_100: retired, and price", retired)
	if _, err := g.EnsureCatalog(t.Context(), retired); err != nil {
		t.Fatal(err)
	}
	is("RetiredAndArchived", "", retired)
}

// Proves that the check reports an item only while a live subscription pays for it. It reports an old endpoint of ours
// only while the endpoint is enabled.
func TestCheckSeesWhatIsLeft(t *testing.T) {
	t.Parallel()
	g, base := newShop(t)
	if _, err := g.EnsureEndpoint(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	less := *catalog.Default()
	less.Plans = less.Plans[1:]
	if got := wrongs(t, g, &less); got != "" {
		t.Errorf("an item without subscribers: %q", got)
	}
	price, err := g.Price(t.Context(), catalog.Default().Plans[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	customer := sandboxtest.Ask(t, base, "POST", "/v1/customers", url.Values{
		"payment_method": {"pm_card_visa"}, "invoice_settings[default_payment_method]": {"pm_card_visa"},
	})["id"].(string)
	s := sandboxtest.Ask(
		t, base, "POST", "/v1/subscriptions", url.Values{"customer": {customer}, "items[0][price]": {string(price)}},
	)["id"].(string)
	if got := wrongs(t, g, &less); !strings.Contains(got, "basic_monthly: subscription "+s) {
		t.Errorf("an item with a subscriber: %q", got)
	}
	sandboxtest.Ask(t, base, "DELETE", "/v1/subscriptions/"+s, nil)
	if got := wrongs(t, g, &less); got != "" {
		t.Errorf("after its subscription ended: %q", got)
	}

	const old = "https://old.example/webhook"
	e, err := g.EnsureEndpoint(t.Context(), old)
	if err != nil || len(e.Notes) != 1 || !strings.Contains(e.Notes[0], hook) {
		t.Fatalf("setup at another address: %+v, %v", e, err)
	}
	if got := wrongs(t, g, catalog.Default()); !strings.Contains(
		got, "another webhook endpoint of ours is enabled: "+e.ID+" at "+old,
	) {
		t.Errorf("two endpoints: %q", got)
	}
	sandboxtest.Ask(t, base, "POST", "/v1/webhook_endpoints/"+e.ID, url.Values{"disabled": {"true"}})
	if got := wrongs(t, g, catalog.Default()); got != "" {
		t.Errorf("the old one disabled: %q", got)
	}
}
