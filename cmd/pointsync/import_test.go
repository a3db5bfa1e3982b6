package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestImportCommand proves what an operator relies on who takes over subscribers of another system, on PostgreSQL. A
// run without --yes names what it would do and changes nothing. A run that is killed while Stripe is asked for the
// first account is finished by the next one. What was paid before is not granted, an opening balance is granted once,
// and the comparison with Stripe finds no difference. The exit codes are those of the documentation.
func TestImportCommand(t *testing.T) {
	t.Parallel()
	sandbox := newSandbox(t)
	stripe, asked, _ := holdBack(t, sandbox, func(r *http.Request) bool {
		return r.URL.Path == "/v1/invoices" && r.URL.Query().Get("customer") != ""
	})
	databaseURL := storetest.URL(t, store.Postgres)
	held, p := served(t, stripe, databaseURL), served(t, sandbox, databaseURL)
	p.run(0, "stripe", "setup")
	p.run(0, "migrate")
	db := storetest.OpenURL(t, databaseURL, nil)
	price, customer := oldSubscriber(t, sandbox)
	adopt := []string{"stripe", "adopt", price, "basic_monthly"}
	for _, c := range []struct{ more, says string }{
		{"", "Nothing was changed; add --yes"}, {"--yes", "changed: basic_monthly: price " + price},
		{"--yes", "one of basic_monthly already"},
	} {
		if said := p.run(0, append(adopt, strings.Fields(c.more)...)...); !strings.Contains(said, c.says) {
			t.Errorf("%v %s says %q", adopt, c.more, said)
		}
	}
	if said := p.run(
		1, "stripe", "adopt", price, "pro_monthly",
	); !strings.Contains(said, "it is one of basic_monthly") {
		t.Errorf("adopting it again for another plan says %q", said)
	}
	file := filepath.Join(t.TempDir(), "balances.csv")
	if err := os.WriteFile(file, []byte("customer,points,expires_at\n"+customer+",70,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"import", "--cut-over", time.Now().UTC().Add(time.Minute).Format(time.RFC3339), "--balances", file}
	if said := p.run(0, args...); !strings.Contains(said, "1 made") || !strings.Contains(said, "add --yes") {
		t.Errorf("a dry run says %q", said)
	}
	if n := storetest.Count(t, db, `SELECT count(*) FROM accounts`); n != 0 {
		t.Errorf("a dry run made %d accounts", n)
	}
	args = append(args, "--yes")
	killed := held.command(args...)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	storetest.Next(t, asked)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	if n := storetest.Count(t, db, `SELECT count(*) FROM accounts WHERE ticket_applied = 0`); n != 1 {
		t.Errorf("%d accounts wait for their first sync, want the one of the run that was killed", n)
	}
	for range 2 {
		out, err := p.command(append(args, "--json")...).Output()
		var r importReport
		if err := errors.Join(err, json.Unmarshal(out, &r)); err != nil || !r.Complete || r.DryRun || r.Known != 1 ||
			r.Granted != 0 {
			t.Errorf("a run says %s: %v", out, err)
		}
	}
	if said := p.run(0, "explain", "u-1"); !strings.Contains(said, "70 points available") ||
		!strings.Contains(said, "basic_monthly is active") || !strings.Contains(said, "imported: what") {
		t.Errorf("the account is %q", said)
	}
	p.run(0, "audit")
	if said := p.run(0, "stripe", "reconcile", "--dry-run"); !strings.Contains(said, "1 accounts compared, 0 differ") {
		t.Errorf("the comparison says %q", said)
	}
	clash(t, sandbox, price)
	if said := p.run(1, args...); !strings.Contains(said, "same-external-id") {
		t.Errorf("of a twin: %q", said)
	}
	p.run(2, "import", "--cut-over", "2001-01-01T00:00:00Z")
	if said := served(t, newSandbox(t), databaseURL).run(2, args...); !strings.Contains(said, "belongs to the Stripe") {
		t.Errorf("of another Stripe: %q", said)
	}
}

// oldSubscriber makes the price of another system, and a customer who pays it.
func oldSubscriber(t *testing.T, stripe string) (price, customer string) {
	t.Helper()
	d := client(t, "", stripe)
	err := d.guard(func() {
		product := d.stripe(200, http.MethodPost, "/v1/products", url.Values{"name": {"Old"}}).text("id")
		price = d.stripe(200, http.MethodPost, "/v1/prices", url.Values{"product": {product}, "currency": {"eur"},
			"unit_amount": {"700"}, "recurring[interval]": {"month"}}).text("id")
	})
	if err != nil {
		t.Fatal(err)
	}
	return price, subscribedAt(t, stripe, price, "ada@example.com", "u-1")
}

// clash makes two more customers, who have one external id.
func clash(t *testing.T, stripe, price string) {
	t.Helper()
	for n := range 2 {
		subscribedAt(t, stripe, price, fmt.Sprintf("bob%d@example.com", n), "u-2")
	}
}

func subscribedAt(t *testing.T, stripe, price, email, externalID string) (customer string) {
	t.Helper()
	d := client(t, "", stripe)
	err := d.guard(func() {
		customer = d.stripe(200, http.MethodPost, "/v1/customers", url.Values{
			"email": {email}, "metadata[external_id]": {externalID},
		}).text("id")
		card := d.stripe(
			200, http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", url.Values{"customer": {customer}},
		).text("id")
		d.stripe(200, http.MethodPost, "/v1/subscriptions", url.Values{
			"customer": {customer}, "items[0][price]": {price}, "default_payment_method": {card},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return customer
}

// TestBalances proves which files of opening balances are refused, with the line that is wrong.
func TestBalances(t *testing.T) {
	t.Parallel()
	const head = "customer,points,expires_at\n"
	for text, want := range map[string]string{
		"":                                    "line 1",
		"customer,points\n":                   "line 1",
		head + "cus_1,1,\ncus_1,2,\n":         "line 3: cus_1 is named twice",
		head + "../x,1,\n":                    "line 2: \"../x\" is no id",
		head + "cus_1,-1,\n":                  "line 2: points must be",
		head + "cus_1,1.5,\n":                 "line 2: points must be",
		head + "cus_1,9223372036854775807,\n": "line 2: points must be",
		head + "cus_1,1,tomorrow\n":           "line 2: expires_at must be",
		head + "cus_1,1\n":                    "wrong number of fields",
	} {
		if _, err := parseBalances(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	got, err := parseBalances(strings.NewReader(head + "cus_1,5,2030-01-02T03:04:05+01:00\ncus_2,0,\n"))
	if err != nil || len(got) != 2 || got["cus_1"].Points != 5 || got["cus_1"].ExpiresAt.Hour() != 2 {
		t.Errorf("a good file gives %+v, %v", got, err)
	}
}
