package stripegw_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// shelf is the part of Stripe that a catalogue needs: products by id, and prices with lookup keys that move. Fail makes
// one write fail once: the one whose path and first parameter it names.
type shelf struct {
	products map[string]map[string]any
	prices   []map[string]any
	fail     string
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	id, isOne := strings.CutPrefix(r.URL.Path, "/v1/products/")
	priceID, isPrice := strings.CutPrefix(r.URL.Path, "/v1/prices/")
	switch {
	case s.fail != "" && r.Method == "POST" && strings.HasPrefix(r.URL.Path+" "+r.PostForm.Encode(), s.fail):
		s.fail = ""
		refuse(w, 500, "api_error", "", "", "")
	case r.Method == "GET" && isOne && s.products[id] == nil:
		refuse(w, 404, "invalid_request_error", "resource_missing", "id", "No such product")
	case r.Method == "GET" && isOne:
		write(w, s.products[id])
	case r.Method == "POST" && isOne:
		write(w, fill(s.products[id], r))
	case r.URL.Path == "/v1/products":
		p := fill(map[string]any{"active": true}, r)
		s.products[p["id"].(string)] = p
		write(w, p)
	case isPrice:
		i := slices.IndexFunc(s.prices, func(p map[string]any) bool { return p["id"] == priceID })
		write(w, fill(s.prices[i], r))
	case r.Method == "GET":
		write(w, map[string]any{"data": slices.DeleteFunc(slices.Clone(s.prices), func(p map[string]any) bool {
			key, product := r.Form.Get("lookup_keys[0]"), r.Form.Get("product")
			return p["active"] != true || (key != "" && p["lookup_key"] != key) ||
				(product != "" && p["product"] != product)
		})})
	default:
		for _, p := range s.prices { // transfer_lookup_key
			if p["lookup_key"] == r.Form.Get("lookup_key") {
				p["lookup_key"] = nil
			}
		}
		p := fill(map[string]any{"id": fmt.Sprintf("price_%d", len(s.prices)+1), "active": true}, r)
		s.prices = append(s.prices, p)
		write(w, p)
	}
}

func write(w http.ResponseWriter, object any) {
	body, _ := json.Marshal(object)
	answer(w, 200, string(body))
}

// fill sets on an object what a form contains.
func fill(object map[string]any, r *http.Request) map[string]any {
	for name, values := range r.PostForm {
		value := any(values[0])
		if n, err := strconv.Atoi(values[0]); err == nil {
			value = n
		} else if b, err := strconv.ParseBool(values[0]); err == nil {
			value = b
		}
		key, isMetadata := strings.CutPrefix(name, "metadata[")
		switch {
		case name == "recurring[interval]":
			object["recurring"] = map[string]any{"interval": value, "interval_count": 1}
		case isMetadata:
			metadata, ok := object["metadata"].(map[string]any)
			if !ok {
				metadata = map[string]any{}
				object["metadata"] = metadata
			}
			metadata[strings.TrimSuffix(key, "]")] = values[0]
		default:
			object[name] = value
		}
	}
	return object
}

// active returns the shelf's prices that sell: id, lookup key and amount of each.
func (s *shelf) active() string {
	var all []string
	for _, p := range s.prices {
		if p["active"] == true {
			all = append(all, fmt.Sprint(p["id"], " ", p["lookup_key"], " ", p["unit_amount"]))
		}
	}
	return strings.Join(all, ", ")
}

func ensure(t *testing.T, g *stripegw.Gateway, amount int64, name string, want ...string) {
	t.Helper()
	c := &catalog.Catalog{
		Plans: []billing.Plan{
			{ID: "a", Name: name, Description: "D", Amount: amount, Currency: "usd", Interval: "month", Points: 1},
		},
	}
	changes, err := g.EnsureCatalog(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	matches := slices.EqualFunc(
		changes, want, func(c stripegw.Change, part string) bool { return strings.Contains(string(c), part) },
	)
	if !matches {
		t.Errorf("changes %q, want %q", changes, want)
	}
}

// A second run changes nothing. A new amount gets a new price that takes over the lookup key. An earlier price made by
// hand stays, and what ran before is not undone.
func TestEnsureCatalog(t *testing.T) {
	t.Parallel()
	s := &shelf{products: map[string]map[string]any{}}
	g := newGateway(t, s.ServeHTTP)
	ensure(t, g, 900, "A", "product pointsync_a created", "price price_1 created, 900 usd every month")
	ensure(t, g, 900, "A")
	if id, err := g.Price(t.Context(), "a"); id != "price_1" || err != nil {
		t.Errorf("got %q, %v", id, err)
	}
	ensure(t, g, 900, "B", "product pointsync_a updated")
	ensure(t, g, 1000, "B", "price price_2 created", "price price_1 archived")
	if id, err := g.Price(t.Context(), "a"); id != "price_2" || err != nil {
		t.Errorf("the old price was remembered: %q, %v", id, err)
	}
	s.prices = append(
		s.prices, map[string]any{"id": "price_by_hand", "active": true, "product": "pointsync_a", "unit_amount": 1},
	)
	s.products["pointsync_a"]["active"] = false
	s.prices[1]["metadata"] = nil
	ensure(t, g, 1000, "B", "product pointsync_a updated", "price price_2 marked")
	ensure(t, g, 1000, "B")
	if got := s.active(); got != "price_2 pointsync_a 1000, price_by_hand <nil> 1" {
		t.Errorf("active: %s", got)
	}
}

// The next run finishes a run that stopped halfway, wherever it stopped.
func TestEnsureCatalogGoesOn(t *testing.T) {
	t.Parallel()
	for _, fail := range []string{"/v1/products ", "/v1/prices ", "/v1/prices/price_1 active=false"} {
		t.Run(fail, func(t *testing.T) {
			t.Parallel()
			s := &shelf{products: map[string]map[string]any{}}
			g := newGateway(t, s.ServeHTTP)
			c := &catalog.Catalog{
				Packs: []billing.Pack{{ID: "a", Name: "A", Amount: 900, Currency: "usd", Points: 1, MaxQuantity: 1}},
			}
			s.fail = fail
			_, first := g.EnsureCatalog(t.Context(), c)
			c.Packs[0].Amount = 1000
			_, second := g.EnsureCatalog(t.Context(), c)
			if (first == nil) == (second == nil) || s.fail != "" {
				t.Fatalf("want one failure, got %v and %v", first, second)
			}
			if err := first; err != nil && billing.CodeOf(err) != billing.EStripeUnavailable {
				t.Errorf("got %v", err)
			}
			if _, err := g.EnsureCatalog(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got := s.active(); !strings.HasSuffix(got, " pointsync_a 1000") || strings.Contains(got, ",") {
				t.Errorf("active: %s", got)
			}
		})
	}
}
