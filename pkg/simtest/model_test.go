package simtest

import (
	"context"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// atStripe is all that Stripe has of one customer.
type atStripe struct {
	customers, subscriptions, invoices, sessions, charges []object
	packs                                                 map[string]int64 // points that a paid session sold, by its id
	taken                                                 map[string]int64 // money that disputes took and have not given back, by charge
}

// readStripe reads everything of a user from Stripe's lists.
func (w *world) readStripe(u *user) (s atStripe, err error) {
	if s.customers, err = w.all("/v1/customers", url.Values{"email": {u.email}}); err != nil || len(s.customers) == 0 {
		return s, err
	}
	of := url.Values{"customer": {s.customers[0].text("id")}}
	if s.subscriptions, err = w.all("/v1/subscriptions", url.Values{"customer": of["customer"], "status": {"all"}}); err != nil {
		return s, err
	}
	if s.invoices, err = w.all("/v1/invoices", of); err != nil {
		return s, err
	}
	if s.sessions, err = w.all("/v1/checkout/sessions", of); err != nil {
		return s, err
	}
	if s.charges, err = w.all("/v1/charges", of); err != nil {
		return s, err
	}
	if s.taken, err = w.takenByDisputes(s.charges); err != nil {
		return s, err
	}
	s.packs = map[string]int64{}
	for _, session := range s.sessions {
		if session.text("mode") != "payment" || !paidSession(session) {
			continue
		}
		lines, err := w.all("/v1/checkout/sessions/"+session.text("id")+"/line_items", nil)
		if err != nil {
			return s, err
		}
		for _, line := range lines {
			pack, _ := w.catalog.Pack(itemOf(line))
			s.packs[session.text("id")] += int64(pack.Points) * line.number("quantity")
		}
	}
	return s, nil
}

// takenByDisputes answers what payers' banks have taken of charges. An inquiry takes nothing, and what was won came back.
func (w *world) takenByDisputes(charges []object) (map[string]int64, error) {
	taken := map[string]int64{}
	for _, c := range charges {
		if !c.flag("disputed") {
			continue
		}
		disputes, err := w.all("/v1/disputes", url.Values{"charge": {c.text("id")}})
		if err != nil {
			return nil, err
		}
		for _, d := range disputes {
			if status := d.text("status"); status == "needs_response" || status == "under_review" || status == "lost" {
				taken[c.text("id")] += d.number("amount")
			}
		}
	}
	return taken, nil
}

func paidSession(session object) bool {
	status := session.text("payment_status")
	return session.text("status") == "complete" && (status == "paid" || status == "no_payment_required")
}

// itemOf names what a line sells. The names of the catalogue's items stand in the metadata of their prices.
func itemOf(line object) string { return line.text("price.metadata." + billing.MetadataItem) }

// due is what one lot should be: how much was granted, and how much of that went back.
type due struct {
	granted, back int64
	slack         int64      // points that rounding may take
	until         *time.Time // a subscription's points last at least so long, while nothing ended them
}

// lotsDue computes, from Stripe's lists alone, which lots the customer should have been granted: the model that
// knows nothing of how the product does it.
func (s atStripe) lotsDue(items *catalog.Catalog) map[string]due {
	lots := map[string]due{}
	for id, points := range s.packs {
		lots["stripe:checkout:"+id] = due{granted: points}
	}
	for _, invoice := range s.invoices {
		if invoice.text("status") == "paid" && invoice.text("subscription") != "" {
			addInvoice(lots, invoice, items)
		}
	}
	for key, lot := range lots {
		back, amount := s.moneyBack(key)
		if amount > 0 {
			lot.back = lot.granted * back / amount
			lots[key] = lot
		}
	}
	return lots
}

// addInvoice adds what a paid invoice granted: the sum over its lines, so much of it as was paid in money. What a change down gives
// back pays for no points when it is used up: a customer who goes up again on it has paid nothing.
func addInvoice(lots map[string]due, invoice object, items *catalog.Catalog) {
	sum, lines, total := new(big.Rat), int64(0), int64(0)
	key, begins := "stripe:invoice:"+invoice.text("id")+":proration", beginsAnew(invoice)
	var until *time.Time
	for _, line := range sortedLines(invoice) {
		total += line.number("amount")
		plan, known := items.Plan(itemOf(line))
		if !known {
			continue
		}
		end := time.Unix(line.number("period.end"), 0).UTC()
		own := "stripe:invoice:" + invoice.text("id") + ":" + line.text("id")
		switch {
		case line.flag("proration"):
			sum.Add(sum, big.NewRat(int64(plan.Points)*line.number("amount"), plan.Amount))
			lines++
			continue
		case line.number("amount") > 0:
			sum.Add(sum, big.NewRat(int64(plan.Points)*line.number("quantity"), 1))
		case invoice.text("billing_reason") == "subscription_create" && plan.TrialPoints > 0:
			lots[own] = due{granted: int64(plan.TrialPoints), until: &end}
			continue
		default:
			continue
		}
		if until == nil && !begins {
			key = own
		}
		until = &end
	}
	if paid := invoice.number("amount_paid"); paid < total {
		sum.Mul(sum, big.NewRat(paid, total))
		lines++
	}
	if whole := new(big.Int).Quo(sum.Num(), sum.Denom()).Int64(); whole > 0 {
		lots[key] = due{granted: whole, slack: lines, until: until}
	}
}

func sortedLines(invoice object) []object {
	return slices.SortedFunc(slices.Values(invoice.list("lines.data")), func(a, b object) int { return strings.Compare(a.text("id"), b.text("id")) })
}

// beginsAnew tells whether a change of plan began a period of another length at once, which its invoice bills in full, and credited
// what was left of the old one. Where nothing was credited the new period is one like any other.
func beginsAnew(invoice object) bool {
	has := func(wanted func(line object) bool) bool {
		return slices.ContainsFunc(invoice.list("lines.data"), wanted)
	}
	return invoice.text("billing_reason") == "subscription_update" &&
		has(func(line object) bool { return line.flag("proration") && line.number("amount") <= 0 }) &&
		has(func(line object) bool { return !line.flag("proration") && line.number("amount") > 0 })
}

// moneyBack answers how much of the money that a lot was granted for went back, by refunds and disputes, and how much it was.
func (s atStripe) moneyBack(key string) (back, amount int64) {
	for _, session := range s.sessions {
		if key == "stripe:checkout:"+session.text("id") {
			for _, c := range s.charges {
				if c.text("payment_intent") != "" && c.text("payment_intent") == session.text("payment_intent") && c.flag("paid") {
					return s.backOf(c), c.number("amount")
				}
			}
		}
	}
	for _, c := range s.charges {
		if invoice := c.text("invoice"); invoice != "" && c.flag("paid") && len(key) > len("stripe:invoice:")+len(invoice) &&
			key[:len("stripe:invoice:")+len(invoice)] == "stripe:invoice:"+invoice {
			return s.backOf(c), c.number("amount")
		}
	}
	return 0, 0
}

func (s atStripe) backOf(charge object) int64 {
	return min(charge.number("amount_refunded")+s.taken[charge.text("id")], charge.number("amount"))
}

// disagreement says how the database differs from what Stripe's lists say of a user, "" when it does not.
func (w *world) disagreement(ctx context.Context, u *user) (string, error) {
	s, err := w.readStripe(u)
	if err != nil {
		return "", err
	}
	now := w.db.Now()
	a, _, err := ledger.Show(ctx, w.db, billing.AccountID(u.account))
	if err != nil {
		return "", err
	}
	switch {
	case len(s.customers) > 1:
		return fmt.Sprintf("Stripe has %d customers for one account", len(s.customers)), nil
	case len(s.customers) == 1 && a.CustomerID != "" && s.customers[0].text("id") != string(a.CustomerID):
		return fmt.Sprintf("the account's customer is %s and Stripe's %s", a.CustomerID, s.customers[0].text("id")), nil
	}
	lots, err := w.db.LotsByGrant(ctx, a.ID, "stripe")
	if err != nil {
		return "", err
	}
	if why := s.compareLots(lots, w); why != "" {
		return why, nil
	}
	if why := s.compareSubscription(a); why != "" {
		return why, nil
	}
	orders, err := w.db.Orders(ctx, a.ID, "", 1000)
	if err != nil {
		return "", err
	}
	if why := s.compareOrders(orders); why != "" {
		return why, nil
	}
	return w.disagreementWithin(ctx, u, now)
}

// disagreementWithin says how what Stripe does not know, holds and admins' gifts, differs from the account's entries, after an account
// was settled at that time.
func (w *world) disagreementWithin(ctx context.Context, u *user, now time.Time) (string, error) {
	const most = 10_000
	a, err := w.db.Account(ctx, billing.AccountID(u.account))
	if err != nil {
		return "", err
	}
	holds, err := w.db.Holds(ctx, a.ID, "", most)
	if err != nil {
		return "", err
	}
	gifts, err := w.db.LotsByGrant(ctx, a.ID, "admin:"+string(a.ID))
	if err != nil {
		return "", err
	}
	entries, err := w.entries(u)
	if err != nil {
		return "", err
	}
	if why := compareHolds(a, holds, entries, now); why != "" {
		return why, nil
	}
	return compareGifts(gifts, entries), nil
}

func (s atStripe) compareLots(lots []billing.Lot, w *world) string {
	wanted := s.lotsDue(w.catalog)
	ended, carried := s.ends(), s.carried(w.catalog)
	for _, lot := range lots {
		want, ok := wanted[lot.GrantKey]
		delete(wanted, lot.GrantKey)
		off := want.granted - int64(lot.Granted)
		switch {
		case !ok && lot.Granted == 0: // a period that a credit paid for: unused points may go over into it
			continue
		case !ok:
			return fmt.Sprintf("%d points were granted for %s, which Stripe does not call paid", lot.Granted, lot.GrantKey)
		case off > want.slack || -off > want.slack:
			return fmt.Sprintf("%s should have granted %d points and granted %d", lot.GrantKey, want.granted, lot.Granted)
		case min(want.back, int64(lot.Granted-lot.Expired))-int64(lot.ClawedBack) > want.slack || int64(lot.ClawedBack)-want.back > want.slack: // what expired unused owes nobody
			return fmt.Sprintf("of %s %d points should be clawed back and %d are", lot.GrantKey, want.back, lot.ClawedBack)
		}
		if why := checkExpiry(lot, want, ended, carried[lot.Source]); why != "" {
			return why
		}
	}
	for key, want := range wanted {
		return fmt.Sprintf("%s should have granted %d points and granted none", key, want.granted)
	}
	return ""
}
