package simtest

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// due is what one lot should be: how much was granted, and how much of that went back.
type due struct {
	granted, back int64
	slack         int64      // points that rounding may take
	until         *time.Time // a subscription's points last at least so long, while nothing ended them
	most          bool       // granted is the most that it may be: what exactly is not computed here
	perhaps       bool       // it may not have been granted at all
}

// lotsDue computes, from Stripe's lists alone, which lots the customer should have been granted: the model that
// knows nothing of how the product does it.
func (s atStripe) lotsDue(items *catalog.Catalog, now time.Time) map[string]due {
	lots := map[string]due{}
	s.addAutomatic(lots, items)
	for id, points := range s.packs {
		lots["stripe:checkout:"+id] = due{granted: points}
	}
	for _, invoice := range s.invoices {
		if invoice.text("status") == "paid" && invoice.text("subscription") != "" {
			s.addInvoice(lots, invoice, items, now)
		}
	}
	for key, lot := range lots {
		back, amount := s.moneyBack(key)
		if amount > 0 && !lot.most {
			lot.back = lot.granted * back / amount
			lots[key] = lot
		}
	}
	return lots
}

// addInvoice adds what a paid invoice granted: the sum over its lines, so much of it as was paid in money. What a change down gives
// back pays for no points when it is used up: a customer who goes up again on it has paid nothing.
func (s atStripe) addInvoice(lots map[string]due, invoice object, items *catalog.Catalog, now time.Time) {
	sum, lines, total := new(big.Rat), int64(0), int64(0)
	key, begins, monthly := "stripe:invoice:"+invoice.text("id")+":proration", beginsAnew(invoice), false
	var from, until *time.Time
	for _, line := range sortedLines(invoice) {
		total += line.number("amount")
		plan, known := items.Plan(itemOf(line))
		if !known {
			continue
		}
		monthly = monthly || plan.GrantInterval != "" && line.number("amount") > 0
		begin, end := time.Unix(line.number("period.start"), 0).UTC(), time.Unix(line.number("period.end"), 0).UTC()
		if plan.GrantInterval != "" {
			plan.Points *= 12
		}
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
		from, until = &begin, &end
	}
	if paid := invoice.number("amount_paid"); paid < total {
		sum.Mul(sum, big.NewRat(paid, total))
		lines++
	}
	if whole := new(big.Int).Quo(sum.Num(), sum.Denom()).Int64(); whole > 0 {
		lots[key] = due{granted: whole, slack: lines, until: until}
		if monthly {
			s.addMonths(lots, key, invoice, from, now)
		}
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
		if key == "stripe:payment_intent:"+c.text("payment_intent") && c.flag("paid") {
			return s.backOf(c), c.number("amount")
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
	if why := s.compareLots(lots, w, now); why != "" {
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
	if why := s.compareAutomatic(orders, u.monthlyLimit(), now); why != "" {
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

func (s atStripe) compareLots(lots []billing.Lot, w *world, now time.Time) string {
	wanted := s.lotsDue(w.catalog, now)
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
		case off > want.slack && !want.most || -off > want.slack:
			return fmt.Sprintf("%s should have granted %d points and granted %d", lot.GrantKey, want.granted, lot.Granted)
		case !want.most && (min(want.back, int64(lot.Granted-lot.Expired))-int64(lot.ClawedBack) > want.slack || int64(lot.ClawedBack)-want.back > want.slack): // what expired unused owes nobody
			return fmt.Sprintf("of %s %d points should be clawed back and %d are", lot.GrantKey, want.back, lot.ClawedBack)
		}
		if why := checkExpiry(lot, want, ended, carried[lot.Source]); why != "" {
			return why
		}
	}
	for key, want := range wanted {
		if want.perhaps {
			continue
		}
		return fmt.Sprintf("%s should have granted %d points and granted none", key, want.granted)
	}
	return ""
}
