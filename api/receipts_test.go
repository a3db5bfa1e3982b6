package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// TestReceiptsOverHTTP proves that each spend brings a receipt, of a user and of a service. A repeat brings another
// receipt of the same spend, as long as receipts of it are valid. After that only the spend itself can be read, by its
// user and by services, and by no one else.
func TestReceiptsOverHTTP(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, other := w.user(t), w.user(t)
		worker, path := c.given(t, 100), c.account()
		const picture = `{"action":"picture","quantity":2}`
		spend := func() answer {
			return c.call(http.StatusOK, http.MethodPost, "/points/spend", picture, "Idempotency-Key", "k")
		}
		first := spend()
		w.Advance(time.Minute)
		again := spend()
		for _, a := range []answer{first, again} {
			claims := (&client{t: t, token: a.text("receipt")}).claims()
			c.expect(claims.text("spend") == first.text("spend.id") && claims.text("action") == "picture" &&
				claims.number("quantity") == 2 && claims.number("points") == 60 &&
				"/accounts/"+claims.text("sub") == path,
				"the receipt: %v", claims.json)
		}
		c.expect(first.text("receipt") != again.text("receipt"), "the second receipt is new")
		thief := other.other()
		thief.token = first.text("receipt")
		thief.call(http.StatusUnauthorized, http.MethodGet, "/points", nil)

		byService := worker.call(
			http.StatusCreated, http.MethodPost, path+"/spends", `{"amount":1}`, "Idempotency-Key", "s",
		)
		c.expect(byService.text("receipt") != "" && byService.at("spend.action") == nil, "%s", byService.raw)
		for range 2 {
			w.Advance(token.ReceiptTTL / 2)
			c.call(http.StatusOK, http.MethodGet, "/session", nil)
			other.call(http.StatusOK, http.MethodGet, "/session", nil)
		}
		c.expect(spend().at("receipt") == nil, "an old spend has no new receipt")

		id := first.text("spend.id")
		for _, a := range []answer{
			c.call(http.StatusOK, http.MethodGet, "/points/spends/"+id, nil),
			worker.call(http.StatusOK, http.MethodGet, path+"/spends/"+id, nil),
		} {
			c.expect(a.number("amount") == 60 && a.text("action") == "picture" && a.text("id") == id, "%s", a.raw)
		}
		other.call(http.StatusNotFound, http.MethodGet, "/points/spends/"+id, nil)
		worker.call(http.StatusNotFound, http.MethodGet, other.account()+"/spends/"+id, nil)
		c.call(http.StatusNotFound, http.MethodGet, "/points/spends/ent_01jd0000000000000000000000", nil)
		entries := c.call(http.StatusOK, http.MethodGet, "/points/entries", nil).list("entries")
		grant := answer{json: entries[len(entries)-1].(map[string]any)}.text("id")
		c.call(http.StatusNotFound, http.MethodGet, "/points/spends/"+grant, nil)
	})
}

// runReceipts calls the snippets as another service would. It prints a line for each token: whether it passes as a
// receipt, and whether as an access token.
const runReceipts = `package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/pointsync/pointsync/verify"
)

func main() {
	keys := &verify.Keys{API: os.Args[1]}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		said := "refused"
		if claims, err := verify.Receipt(in.Text(), keys, "pointsync", "pointsync/receipts"); err == nil {
			said = fmt.Sprintf("%v,%v,%v,%v,%v",
				claims["sub"], claims["spend"], claims["quantity"], claims["action"], claims["points"])
		}
		_, err := verify.Claims(in.Text(), keys, "pointsync", "pointsync")
		fmt.Println(said, err == nil)
	}
}
`

// Proves that a second program, made of the Go snippets of docs/prices.md and docs/tokens.md exactly as written there,
// accepts our receipts and nothing else as a receipt, and no receipt as an access token.
func TestGoReceiptSnippet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	make := func(keys token.Keys, audience string, age time.Duration) string {
		i := token.NewIssuer(keys, "pointsync", "pointsync", func() time.Time { return time.Now().Add(-age) })
		raw, err := token.NewReceipts(i, audience).Of(billing.Entry{
			ID: "ent_1", AccountID: "acc_1", Kind: billing.EntrySpend, Amount: -60, Action: "picture", Quantity: 2,
			CreatedAt: time.Now().Add(-age),
		})
		must(t, err)
		return raw
	}
	foreign, err := token.ParseKeys(token.GenerateKey("test"))
	must(t, err)
	access, _, err := token.NewIssuer(w.keys, "pointsync", "pointsync", time.Now).Mint(
		billing.Account{ID: "acc_1"}, "ses_1",
	)
	must(t, err)
	confused, _, err := token.NewIssuer(w.keys, "pointsync", "pointsync/receipts", time.Now).Mint(
		billing.Account{ID: "acc_1"}, "ses_1",
	)
	must(t, err)
	fresh := make(w.keys, "pointsync/receipts", 0)
	cases := []verified{
		{"fresh", fresh, "acc_1,ent_1,2,picture,60 false"},
		{"14 minutes old", make(w.keys, "pointsync/receipts", 14*time.Minute), "acc_1,ent_1,2,picture,60 false"},
		{"expired", make(w.keys, "pointsync/receipts", 16*time.Minute), "refused false"},
		{"for another service", make(w.keys, "films", 0), "refused false"},
		{"for the readers of access tokens", make(w.keys, "pointsync", 0), "refused false"},
		{"of another key under our name", make(foreign, "pointsync/receipts", 0), "refused false"},
		{"changed", fresh[:len(fresh)-4] + "AAAA", "refused false"},
		{"an access token", access, "refused true"},
		{"an access token for the readers of receipts", confused, "refused false"},
	}
	runVerify(t, w, cases, map[string]string{
		"main.go": runReceipts, "verify/verify.go": snippet(t, "tokens.md", "go"),
		"verify/receipt.go": snippet(t, "prices.md", "go"),
	})
}
