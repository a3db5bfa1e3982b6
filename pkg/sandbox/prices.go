package sandbox

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

type price struct {
	base
	Active            bool              `json:"active"`
	Currency          string            `json:"currency"`
	LookupKey         text              `json:"lookup_key"`
	Metadata          map[string]string `json:"metadata"`
	Nickname          text              `json:"nickname"`
	Product           string            `json:"product"`
	Recurring         *recurring        `json:"recurring"`
	TaxBehavior       string            `json:"tax_behavior"`
	Type              string            `json:"type"`
	UnitAmount        int64             `json:"unit_amount"`
	UnitAmountDecimal string            `json:"unit_amount_decimal"`
	Hidden            struct {
		CurrencyOptions map[string]currencyOption // shown when expanded
	} `json:"_sandbox"`
}

type recurring struct {
	AggregateUsage text   `json:"aggregate_usage"`
	Interval       string `json:"interval"`
	IntervalCount  int64  `json:"interval_count"`
	UsageType      string `json:"usage_type"`
}

// Stripe's limits: an amount has at most eight digits in card currencies, and an interval lasts at most three years.
const maxAmount = 99999999

var maxIntervalCount = map[string]int64{"day": 1095, "week": 156, "month": 36, "year": 3}

func createPrice(c *call) (any, error) {
	p := c.p
	if p.Text("billing_scheme") == "tiered" || p.Has("tiers") || p.Has("custom_unit_amount") ||
		p.Has("transform_quantity") {
		return nil, invalid("billing_scheme", "The sandbox sells by a fixed amount per unit only.")
	}
	if p.Has("product") == p.Has("product_data") {
		return nil, coded(
			"parameter_missing", "product",
			"You must specify either `product` or `product_data` when creating a price.",
		)
	}
	var fresh *product
	productID := p.Text("product")
	if productID != "" && c.Products.get(productID) == nil {
		return nil, noSuch("product", productID, "product")
	}
	if data := p.Sub("product_data"); data != nil {
		fresh = c.newProduct(data.Text("name"))
		fresh.Metadata = mergedMetadata(nil, data)
		if id := data.Text("id"); id != "" {
			fresh.ID = id
		}
		productID = fresh.ID
	}
	made, err := c.inlinePrice(p, "", productID)
	if err != nil {
		return nil, err
	}
	key := p.Text("lookup_key")
	if err := c.claimLookupKey(key, ""); err != nil {
		return nil, err
	}
	made.LookupKey, made.Nickname = text(key), text(p.Text("nickname"))
	made.Metadata = mergedMetadata(nil, p)
	if p.Has("active") {
		made.Active = p.Flag("active")
	}
	if fresh != nil {
		c.Products.add(fresh)
		c.emit("product.created", fresh)
	}
	c.Prices.add(made)
	c.emit("price.created", made)
	return made, nil
}

// inlinePrice makes a price from price parameters or a price_data hash. It is not in the table yet.
func (c *call) inlinePrice(p spec.Params, prefix, productID string) (*price, error) {
	param := func(name string) string {
		if prefix == "" {
			return name
		}
		return prefix + "[" + name + "]"
	}
	amount := p.Int("unit_amount")
	if !p.Has("unit_amount") {
		whole, err := strconv.ParseInt(p.Text("unit_amount_decimal"), 10, 64)
		if err != nil {
			return nil, missing(param("unit_amount"))
		}
		amount = whole
	}
	if amount < 0 {
		return nil, coded(
			"parameter_invalid_integer", param("unit_amount"), "This value must be greater than or equal to 0.",
		)
	}
	if amount > maxAmount {
		return nil, coded("amount_too_large", param("unit_amount"), "Amount must be no more than $999,999.99")
	}
	made := &price{
		base:              c.begin("price_1", "price"),
		Active:            true,
		Currency:          strings.ToLower(p.Text("currency")),
		Metadata:          map[string]string{},
		Product:           productID,
		TaxBehavior:       "unspecified",
		Type:              "one_time",
		UnitAmount:        amount,
		UnitAmountDecimal: strconv.FormatInt(amount, 10),
	}
	if !validCurrency(made.Currency) {
		return nil, invalid(
			param("currency"),
			"Invalid currency: %s. Stripe currently supports these currencies: usd, eur, gbp, jpy and other three-letter ISO codes",
			p.Text("currency"),
		)
	}
	if behavior := p.Text("tax_behavior"); behavior != "" {
		made.TaxBehavior = behavior
	}
	if err := made.takeCurrencyOptions(p, param("currency_options")); err != nil {
		return nil, err
	}
	if r := p.Sub("recurring"); r != nil {
		made.Type = "recurring"
		made.Recurring = &recurring{Interval: r.Text("interval"), IntervalCount: 1, UsageType: "licensed"}
		if r.Has("trial_period_days") {
			return nil, invalid(
				param("recurring")+"[trial_period_days]",
				"The sandbox takes a trial from the subscription only, not from its price.",
			)
		}
		if r.Text("usage_type") == "metered" {
			return nil, invalid(param("recurring")+"[usage_type]", "The sandbox bills licensed usage only.")
		}
		if r.Has("interval_count") {
			made.Recurring.IntervalCount = r.Int("interval_count")
		}
		if n := made.Recurring.IntervalCount; n < 1 || n > maxIntervalCount[made.Recurring.Interval] {
			return nil, invalid(
				param("recurring")+"[interval_count]",
				"Invalid interval_count: must be between 1 and three years' worth of %ss.", made.Recurring.Interval,
			)
		}
	}
	return made, nil
}

// leastAmounts are the smallest amounts that Stripe charges, in the currency's smallest unit, if they are not 50.
// Source: https://stripe.com/docs/currencies#minimum-and-maximum-charge-amounts
var leastAmounts = map[string]int64{
	"aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500, "mxn": 1000, "myr": 200,
	"nok": 300, "pln": 200,
	"ron": 200, "sek": 300, "thb": 1000,
}

// leastAmount returns the smallest amount that Stripe charges. For a currency that is not listed, it is half a unit of
// two decimals.
func leastAmount(currency string) int64 {
	if least, known := leastAmounts[currency]; known {
		return least
	}
	return 50
}

func validCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz") == ""
}

// claimLookupKey takes a lookup key from the price that holds it. Without transfer_lookup_key it returns an error that
// names that price.
func (c *call) claimLookupKey(key, forID string) error {
	if key == "" {
		return nil
	}
	for _, holder := range c.Prices.where(
		func(each *price) bool { return string(each.LookupKey) == key && each.ID != forID },
	) {
		if !c.p.Flag("transfer_lookup_key") {
			return invalid("lookup_key", "A price (`%s`) already uses that lookup key.", holder.ID)
		}
		c.change("price.updated", holder, func() { holder.LookupKey = "" })
	}
	return nil
}

func updatePrice(c *call) (any, error) {
	found := c.Prices.get(c.id)
	if found == nil {
		return nil, noSuch("price", c.id, "id")
	}
	trial := *found
	if err := trial.takeCurrencyOptions(c.p, "currency_options"); err != nil {
		return nil, err
	}
	if err := c.claimLookupKey(c.p.Text("lookup_key"), found.ID); err != nil {
		return nil, err
	}
	found.Hidden.CurrencyOptions = trial.Hidden.CurrencyOptions
	c.change("price.updated", found, func() {
		if c.p.Has("active") {
			found.Active = c.p.Flag("active")
		}
		setText(&found.LookupKey, c.p, "lookup_key")
		setText(&found.Nickname, c.p, "nickname")
		if behavior := c.p.Text("tax_behavior"); behavior != "" {
			found.TaxBehavior = behavior
		}
		found.Metadata = mergedMetadata(found.Metadata, c.p)
	})
	c.showPrice(*found)
	return found, nil
}

// showPrice shows a price as it is now in the subscriptions that have it. Lines of invoices keep it as it was sold.
func (w *world) showPrice(p price) {
	for _, s := range w.Subscriptions.where(func(*subscription) bool { return true }) {
		for n, item := range s.Items.Data {
			if item.Price.ID == p.ID {
				shown := *item
				shown.Price = &p
				s.Items.Data = slices.Clone(s.Items.Data) // an event may hold the old list
				s.Items.Data[n] = &shown
			}
		}
	}
}

func getPrice(c *call) (any, error) {
	if found := c.Prices.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("price", c.id, "id")
}

func listPrices(c *call) (any, error) {
	p, keys := c.p, setOf(c.p.Texts("lookup_keys"))
	r := p.Sub("recurring")
	return list(c, &c.Prices, "price", func(each *price) bool {
		return (!p.Has("active") || each.Active == p.Flag("active")) &&
			(!p.Has("currency") || each.Currency == p.Text("currency")) &&
			(!p.Has("product") || each.Product == p.Text("product")) &&
			(!p.Has("type") || each.Type == p.Text("type")) &&
			(len(keys) == 0 || keys[string(each.LookupKey)]) &&
			(!r.Has("interval") || each.Recurring != nil && each.Recurring.Interval == r.Text("interval"))
	})
}
