package simtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// disagreement describes how the database differs from Stripe's lists of a user. It returns "" if they agree.
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
	if why := s.compareCustomer(a.CustomerID, u.gone); why != "" {
		return why, nil
	}
	lots, err := w.db.LotsByGrant(ctx, a.ID, "stripe")
	if err != nil {
		return "", err
	}
	if why := s.compareLots(lots, now); why != "" {
		return why, nil
	}
	entries, err := w.entries(u)
	if err != nil {
		return "", err
	}
	if why := s.compareExpiries(lots, entries, now); why != "" {
		return why, nil
	}
	if why := compareClawbacks(lots, entries); why != "" {
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

// compareCustomer compares the account's customer with those that Stripe has for its email. Stripe may have one that
// the account does not know yet, if the server was killed after it had made one: in place of none, or of one that was
// deleted at Stripe. The next order finds it.
func (s atStripe) compareCustomer(has billing.CustomerID, gone []string) string {
	switch {
	case len(s.customers) > 1:
		return fmt.Sprintf("Stripe has %d customers for one account", len(s.customers))
	case len(s.customers) == 0 || has == "" || slices.Contains(gone, string(has)):
		return ""
	case s.customers[0].text("id") != string(has):
		return fmt.Sprintf("the account's customer is %s and Stripe's %s", has, s.customers[0].text("id"))
	}
	return ""
}

// disagreementWithin describes how holds and admins' gifts, which Stripe does not know, differ from the account's
// entries, after the account was settled at that time.
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

// compareLots compares the actual lots with those that Stripe's lists require, to the point.
func (s atStripe) compareLots(lots []billing.Lot, now time.Time) string {
	wanted := s.lotsDue(now)
	missing, spread := maps.Clone(wanted), map[string]int64{}
	for _, lot := range lots {
		want, ok := wanted[lot.GrantKey]
		delete(missing, lot.GrantKey)
		spread[want.of] += int64(lot.Granted)
		granted, back := int64(lot.Granted), int64(lot.ClawedBack)
		switch {
		case !ok:
			return fmt.Sprintf("%d points were granted for %s, which Stripe does not call paid", granted, lot.GrantKey)
		case want.source != "" && lot.Source != want.source:
			return fmt.Sprintf("the points of %s belong to %s and should to %s", lot.GrantKey, lot.Source, want.source)
		case want.most && spread[want.of] > want.granted:
			return fmt.Sprintf(
				"the months of %s should come to %d points at the most and come to %d", want.of, want.granted,
				spread[want.of],
			)
		case granted != want.granted && !want.most:
			return fmt.Sprintf("%s should have granted %d points and granted %d", lot.GrantKey, want.granted, granted)
		case !want.most && (back > want.back || back < min(want.back, granted-int64(lot.Expired))):
			// No lot owes points that expired before; compareClawbacks looks at when they did.
			return fmt.Sprintf("of %s %d points should be clawed back and %d are", lot.GrantKey, want.back, back)
		}
	}
	for key, want := range missing {
		if !want.perhaps {
			return fmt.Sprintf("%s should have granted %d points and granted none", key, want.granted)
		}
	}
	return s.compareEnds(lots, wanted, now)
}

// compareOrders compares the orders with their sessions. An order whose session Stripe does not know sells nothing.
func (s atStripe) compareOrders(orders []billing.Order) string {
	sessions := map[string]object{}
	for _, session := range s.sessions {
		sessions[session.text("id")] = session
	}
	for _, o := range orders {
		if o.Automatic {
			continue
		}
		session, known := sessions[string(o.CheckoutID)]
		delete(sessions, string(o.CheckoutID))
		fits := true
		switch {
		case !known:
			fits = o.CheckoutID == "" && (o.Status == billing.OrderPending || o.Status == billing.OrderExpired)
		case session.text("status") == "expired":
			fits = o.Status == billing.OrderExpired
		case paidSession(session):
			fits = o.Status == billing.OrderFulfilled || o.Status == billing.OrderRefunded
		case session.text("status") == "complete":
			fits = slices.Contains(s.afterDebit(session, o.CreatedAt), o.Status)
		default:
			fits = o.Status == billing.OrderPending
		}
		if !fits {
			return fmt.Sprintf(
				"the order %s is %s and its session %s is %s, %s", o.ID, o.Status, o.CheckoutID, session.text("status"),
				session.text("payment_status"),
			)
		}
	}
	for id, session := range sessions {
		if paidSession(session) {
			return fmt.Sprintf("no order knows the session %s, which was paid", id)
		}
	}
	return ""
}

// afterDebit returns what an order, made at a given time, whose page is complete and not paid may be. It waits for the
// bank until the bank has refused. Then the invoice can be paid in another way, for 30 days. A few days after that, it
// depends on when a sync looked.
func (s atStripe) afterDebit(session object, made time.Time) []billing.OrderStatus {
	id := session.text("payment_intent")
	for _, invoice := range s.invoices {
		if invoice.text("id") != session.text("invoice") || id != "" {
			continue
		}
		if invoice.text("status") == "paid" {
			switch days := at(invoice.number("status_transitions.paid_at")).Sub(made).Hours() / 24; {
			case days < 28:
				return []billing.OrderStatus{billing.OrderFulfilled}
			case days < 36:
				return []billing.OrderStatus{billing.OrderFulfilled, billing.OrderFailed}
			}
		}
		id = invoice.text("payment_intent")
	}
	for _, intent := range s.intents {
		if intent.text("id") == id && intent.text("status") == "processing" {
			return []billing.OrderStatus{billing.OrderPending}
		}
	}
	return []billing.OrderStatus{billing.OrderFailed}
}
