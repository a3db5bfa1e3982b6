package stripegw_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const goodPrice = `{"id":"price_1","active":true,"lookup_key":"pointsync_a","unit_amount":900,"currency":"usd","product":"pointsync_a","recurring":{"interval":"month","interval_count":1},"metadata":{"pointsync_item":"a","pointsync_points":"1"}}`

func goodEndpoint() string { return endpoint("we_1", hook, pinned, "enabled", stripegw.EventTypes...) }

// goodPriceBut returns goodPrice with one thing different.
func goodPriceBut(old, new string) string { return strings.Replace(goodPrice, old, new, 1) }

// In each of checkCases, one thing is not ready.
var checkCases = map[string]struct {
	price, endpoints string
	ahead            time.Duration
	status           int
	wrong            string // what the one wrong finding says, "" for none
}{
	"AllGood":          {goodPrice, goodEndpoint(), 0, 200, ""},
	"KeyRefused":       {goodPrice, goodEndpoint(), 0, 401, "does not accept the key"},
	"ClockAhead":       {goodPrice, goodEndpoint(), 2 * time.Minute, 200, "the clock differs"},
	"ClockBehind":      {goodPrice, goodEndpoint(), -20 * time.Second, 200, "the clock differs"},
	"NoPrice":          {"", goodEndpoint(), 0, 200, "lookup key pointsync_a"},
	"OtherAmount":      {goodPriceBut("900", "901"), goodEndpoint(), 0, 200, "the amount is 901, not 900"},
	"OtherCurrency":    {goodPriceBut("usd", "eur"), goodEndpoint(), 0, 200, "the currency is eur"},
	"OtherInterval":    {goodPriceBut("month", "year"), goodEndpoint(), 0, 200, "every year, not every month"},
	"EveryThreeMonths": {goodPriceBut(":1}", ":3}"), goodEndpoint(), 0, 200, "every 3 months"},
	"PaidOnce": {
		goodPriceBut(`{"interval":"month","interval_count":1}`, "null"), goodEndpoint(), 0, 200, "paid once",
	},
	"OtherProduct": {
		goodPriceBut(`"product":"pointsync_a"`, `"product":"prod_1"`), goodEndpoint(), 0, 200, "another product",
	},
	"Metered":      {goodPriceBut(":1}", `:1,"usage_type":"metered"}`), goodEndpoint(), 0, 200, "metered"},
	"NoEndpoint":   {goodPrice, "", 0, 200, "no webhook endpoint"},
	"TwoEndpoints": {goodPrice, goodEndpoint() + "," + goodEndpoint(), 0, 200, "2 webhook endpoints"},
	"Disabled":     {goodPrice, endpoint("we_1", hook, pinned, "disabled", "*"), 0, 200, "is disabled"},
	"OtherVersion": {goodPrice, endpoint("we_1", hook, `"2020-08-27"`, "enabled", "*"), 0, 200, "2020-08-27"},
	"EventsMissing": {
		goodPrice, endpoint("we_1", hook, pinned, "enabled", stripegw.EventTypes[1:]...), 0, 200,
		stripegw.EventTypes[0],
	},
}

// Check finds each thing that is not ready, says how to correct it, and changes nothing.
func TestCheck(t *testing.T) {
	t.Parallel()
	c := &catalog.Catalog{
		Plans: []billing.Plan{{ID: "a", Name: "A", Amount: 900, Currency: "usd", Interval: "month", Points: 1}},
	}
	for name, test := range checkCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", now.Format(http.TimeFormat))
				switch {
				case r.Method != "GET":
					t.Errorf("%s %s changes something", r.Method, r.URL)
				case r.URL.Path == "/v1/account" && test.status == 200:
					answer(w, 200, `{"id":"acct_1","object":"account"}`)
				case r.URL.Path == "/v1/account":
					refuse(w, test.status, "invalid_request_error", "", "", "no")
				case r.URL.Path == "/v1/products/pointsync_a":
					answer(w, 200, `{"id":"pointsync_a","object":"product","active":true}`)
				case r.URL.Path == "/v1/prices":
					answer(w, 200, list(false, test.price))
				default:
					answer(w, 200, list(false, test.endpoints))
				}
			})
			found, err := g.Check(t.Context(), c, hook, now.Add(test.ahead))
			if err != nil {
				t.Fatal(err)
			}
			bad := slices.DeleteFunc(slices.Clone(found), func(f stripegw.Finding) bool { return f.OK })
			switch {
			case test.wrong == "" && len(bad) == 0 && len(found) == 5:
			case test.wrong != "" && len(bad) == 1 && strings.Contains(bad[0].What, test.wrong) && bad[0].Fix != "":
			default:
				t.Errorf("got %+v", found)
			}
		})
	}
	t.Run("StripeAway", func(t *testing.T) {
		t.Parallel()
		g := newGateway(t, func(w http.ResponseWriter, r *http.Request) { refuse(w, 500, "api_error", "", "", "") },
			func(o *stripegw.Options) { o.MaxRetries = -1 })
		if _, err := g.Check(t.Context(), c, hook, time.Now()); billing.CodeOf(err) != billing.EStripeUnavailable {
			t.Errorf("got %v", err)
		}
	})
}

// TestCheckNarrowKey proves that what a restricted key may not read is one finding, which says what permission is
// missing. Check still looks at the rest: of five findings (the account, the mode, the clock, the price, the endpoint)
// one is wrong.
func TestCheckNarrowKey(t *testing.T) {
	t.Parallel()
	c := &catalog.Catalog{
		Plans: []billing.Plan{{ID: "a", Name: "A", Amount: 900, Currency: "usd", Interval: "month", Points: 1}},
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for forbidden, says := range map[string]string{
		"/v1/account": "may not read its account", "/v1/products": "may not read products and prices",
		"/v1/prices":            "may not read products and prices",
		"/v1/webhook_endpoints": "may not read webhook endpoints",
	} {
		g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", now.Format(http.TimeFormat))
			switch {
			case strings.HasPrefix(r.URL.Path, forbidden):
				refuse(
					w, 403, "invalid_request_error", "", "", "The provided key does not have the required permissions.",
				)
			case r.URL.Path == "/v1/account":
				answer(w, 200, `{"id":"acct_1","object":"account"}`)
			case r.URL.Path == "/v1/products/pointsync_a":
				answer(w, 200, `{"id":"pointsync_a","object":"product","active":true}`)
			case r.URL.Path == "/v1/prices":
				answer(w, 200, list(false, goodPrice))
			default:
				answer(w, 200, list(false, goodEndpoint()))
			}
		})
		found, err := g.Check(t.Context(), c, hook, now)
		bad := slices.DeleteFunc(slices.Clone(found), func(f stripegw.Finding) bool { return f.OK })
		if err != nil || len(found) != 5 || len(bad) != 1 || !strings.Contains(bad[0].What, says) || !strings.Contains(
			bad[0].Fix, "permission to read",
		) {
			t.Errorf("without %s: %+v, %v", forbidden, found, err)
		}
	}
}

// A key's mode is read from its prefix, for restricted keys too.
func TestIsLiveKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"sk_live_1": true, "rk_live_1": true, "sk_test_1": false, "rk_test_1": false, "": false, "pk_live_1": false,
	} {
		if stripegw.IsLiveKey(key) != want {
			t.Errorf("%q is not %v", key, want)
		}
	}
}
