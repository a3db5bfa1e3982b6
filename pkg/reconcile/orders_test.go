package reconcile_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// full makes the tests use the numbers of docs/proofs.md, which takes many minutes.
var full = flag.Bool("full", false, "run the counts in full, as make counts does")

const (
	shortOrders = 200 / slowdown
	fullOrders  = 20_000
)

// recording is one customer's life at Stripe: its state after each thing that happened, and what the database knew
// about the customer before the first.
type recording struct {
	name     string
	account  billing.Account
	orders   []billing.Order
	pictures []billing.Snapshot
	end      string // the rows that it must lead to
}

// Proves that the result is the same, whichever syncs of a life complete, and in whichever order. Each sync of a
// recorded life has its ticket and its picture. The picture of a later sync is as new as the earlier one's or newer.
// The pictures then arrive in a random order, a third of them twice. The expected result comes from a single sync with
// the last picture: every row of the account, its orders and its lots.
func TestAnyOrderOfPictures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.SQLite)
	lives := []*recording{
		w.recordSubscriber("Recovered", true), w.recordSubscriber("Canceled", false), w.recordShopper(),
	}
	for _, l := range lives {
		account := w.liveAgain(l, []int{len(l.pictures) - 1})
		if l.end = w.rows(account); strings.Count(l.end, "\n") < 4 {
			t.Fatalf("%s ends in few rows:\n%s", l.name, l.end)
		}
		must(t, ledger.Audit(t.Context(), w.db, account.ID))
	}
	seed, orders := rand.Uint64(), shortOrders
	if *full {
		orders = fullOrders
	}
	random, seen := rand.New(rand.NewPCG(seed, 0)), map[string]bool{}
	for n := range orders {
		l := lives[n%len(lives)]
		order := random.Perm(len(l.pictures))
		order = append(order, order[:len(order)/3]...)
		seen[fmt.Sprint(l.name, order)] = true
		account := w.liveAgain(l, order)
		if got := w.rows(account); got != l.end {
			t.Fatalf(
				"seed %d, %s, pictures in the order %v end in\n%s\nand in order in\n%s", seed, l.name, order, got,
				l.end,
			)
		}
		must(t, ledger.Audit(t.Context(), w.db, account.ID))
	}
	t.Logf(
		"%d orders of the pictures of %d lives, %d of them different: one end for each life", orders, len(lives),
		len(seen),
	)
}

// liveAgain makes a new account have the life. All syncs begin in turn, and their pictures arrive in the given order.
func (w *world) liveAgain(l *recording, order []int) billing.Account {
	w.t.Helper()
	ctx, a := w.t.Context(), l.account
	w.lived++
	behind := fmt.Sprint("__", w.lived)
	a.ID, a.Email = billing.NewAccountID(w.db.Now()), fmt.Sprint("person", w.lived, "@example.com")
	a.CustomerID += billing.CustomerID(behind)
	must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertAccount(ctx, a); err != nil {
			return err
		}
		for _, o := range l.orders {
			o.ID, o.AccountID = billing.NewOrderID(w.db.Now()), a.ID
			o.CheckoutID += billing.CheckoutID(behind)
			if err := tx.InsertOrder(ctx, o); err != nil {
				return err
			}
		}
		return nil
	}))
	tickets := make([]billing.Ticket, len(l.pictures))
	for n := range tickets {
		var err error
		tickets[n], err = w.syncer.Begin(ctx, a.ID)
		must(w.t, err)
	}
	for _, n := range order {
		_, err := w.syncer.Finish(ctx, tickets[n], renamed(l.pictures[n], behind))
		must(w.t, err)
	}
	return w.account(a.ID)
}

// renamed returns a picture with the facts of another person. Whatever must be globally unique gets that person's mark.
func renamed(s billing.Snapshot, behind string) billing.Snapshot {
	s.CustomerID += billing.CustomerID(behind)
	s.Invoices, s.Checkouts, s.Charges = slices.Clone(s.Invoices), slices.Clone(s.Checkouts), slices.Clone(s.Charges)
	for n := range s.Invoices {
		s.Invoices[n].ID += billing.InvoiceID(behind)
	}
	for n := range s.Checkouts {
		s.Checkouts[n].ID += billing.CheckoutID(behind)
	}
	for n, c := range s.Charges {
		if c.InvoiceID != "" {
			s.Charges[n].InvoiceID += billing.InvoiceID(behind)
		}
	}
	return s
}

// recorder takes pictures of a life while it happens.
type recorder struct {
	w *world
	l *recording
}

func (w *world) record(name string, items ...string) (recorder, billing.Account) {
	w.t.Helper()
	a := w.buyer()
	r := recorder{w, &recording{name: name, account: a}}
	for _, item := range items {
		r.l.orders = append(r.l.orders, w.order(a, item))
	}
	r.look()
	return r, a
}

func (r recorder) look() {
	r.w.t.Helper()
	want := stripegw.Want{Customer: r.l.account.CustomerID}
	for _, o := range r.l.orders {
		want.Checkouts = append(want.Checkouts, o.CheckoutID)
	}
	picture, err := r.w.Stripe.Fetch(r.w.t.Context(), want)
	must(r.w.t, err)
	r.l.pictures = append(r.l.pictures, picture)
}

// do makes something happen at Stripe, and takes a picture.
func (r recorder) do(method, path string, form url.Values) {
	r.w.t.Helper()
	r.w.Ask(method, path, form)
	r.look()
}

// recordSubscriber records a plan that renews once and then fails to renew. Then its card works again, or the plan is
// given up.
func (w *world) recordSubscriber(name string, recovers bool) *recording {
	w.t.Helper()
	r, _ := w.record(name, "basic_monthly")
	subscription := "/v1/subscriptions/" + w.pay(r.l.orders[0])["subscription"].(string)
	r.look()
	const month = 31*24*time.Hour + 2*time.Hour // plus the time in which Stripe drafts the invoice
	w.Advance(month)
	r.do(http.MethodPost, subscription, url.Values{"default_payment_method": {"pm_card_chargeCustomerFail"}})
	w.Advance(month)
	r.look()
	if recovers {
		w.Ask(http.MethodPost, subscription, url.Values{"default_payment_method": {"pm_card_visa"}})
		invoice := w.Ask(http.MethodGet, subscription, nil)["latest_invoice"].(string)
		r.do(http.MethodPost, "/v1/invoices/"+invoice+"/pay", nil)
		r.do(http.MethodPost, subscription, url.Values{"cancel_at_period_end": {"true"}})
		return r.l
	}
	r.do(http.MethodDelete, subscription, nil)
	return r.l
}

// recordShopper records three packs. Some money is refunded in two steps, and one payment is disputed and the dispute
// won.
func (w *world) recordShopper() *recording {
	w.t.Helper()
	r, _ := w.record("Shopper", "pack_100", "pack_1000", "pack_100")
	intents := make([]string, len(r.l.orders))
	for n, o := range r.l.orders {
		w.pay(o)
		intents[n] = w.Ask(
			http.MethodGet, "/v1/checkout/sessions/"+string(o.CheckoutID), nil,
		)["payment_intent"].(string)
		r.look()
	}
	r.do(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {intents[0]}, "amount": {"100"}})
	r.do(http.MethodPost, "/_sandbox/payments/"+intents[1]+"/dispute", nil)
	r.do(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {intents[0]}, "amount": {"300"}})
	dispute := w.Ask(
		http.MethodGet, "/v1/disputes", url.Values{"payment_intent": {intents[1]}},
	)["data"].([]any)[0].(map[string]any)["id"].(string)
	r.do(
		http.MethodPost, "/v1/disputes/"+dispute,
		url.Values{"evidence[uncategorized_text]": {"winning_evidence"}, "submit": {"true"}},
	)
	return r.l
}

// rows returns what the database contains about a person, as if they were the only one. It leaves out when a lot ended
// once the lot is empty. A picture of a failing renewal ends it a little earlier than the picture of the cancellation
// would, and both times are in the past.
func (w *world) rows(a billing.Account) string {
	w.t.Helper()
	var out strings.Builder
	for _, query := range []string{
		`SELECT customer_id, available, held, debt, sub_id, sub_plan, sub_status, sub_period_start, sub_period_end, sub_cancels, window_from, window_until,
			ticket_issued, ticket_applied FROM accounts WHERE id = ?`,
		`SELECT item, status, checkout_id, url, payment_intent_id, subscription_id, fulfilled_at IS NULL FROM orders WHERE account_id = ? ORDER BY checkout_id`,
		`SELECT grant_key, source, granted, remaining, clawed_back, CASE WHEN remaining > 0 THEN expires_at END FROM lots WHERE account_id = ? ORDER BY grant_key`,
	} {
		out.WriteString(storetest.Dump(w.t, w.db, query, a.ID))
	}
	return behindIDs.ReplaceAllString(out.String(), "")
}

// behindIDs matches what distinguishes people of one life: their marks, and our ids.
var behindIDs = regexp.MustCompile(`__[0-9]+|ord_[a-z0-9]+`)
