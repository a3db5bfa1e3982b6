package simtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// line returns one line of an invoice: of basic (9.00 for 500), of pro (19.00 for 1200), of yearly (96.00 for 12 times
// 500), or the operator's if item is none of them.
func line(id, item string, amount int64, proration bool, from, to string) object {
	price := map[string]map[string]any{
		"basic": {
			"unit_amount": 900.0, "metadata": map[string]any{"pointsync_item": "basic", "pointsync_points": "500"},
		},
		"pro": {
			"unit_amount": 1900.0,
			"metadata": map[string]any{
				"pointsync_item": "pro", "pointsync_points": "1200", "pointsync_rollover": "300",
			},
		},
		"yearly": {
			"unit_amount": 9600.0,
			"metadata": map[string]any{
				"pointsync_item": "yearly", "pointsync_points": "500", "pointsync_grant_interval": "month",
			},
			"recurring": map[string]any{"interval": "year", "interval_count": 1.0},
		},
	}[item]
	if price != nil && price["recurring"] == nil {
		price["recurring"] = map[string]any{"interval": "month", "interval_count": 1.0}
	}
	return object{
		"id": id, "amount": float64(amount), "proration": proration, "quantity": 1.0, "price": price,
		"period": map[string]any{"start": float64(day2030(from).Unix()), "end": float64(day2030(to).Unix())},
	}
}

// day2030 returns a day of the year 2030, written "03-15".
func day2030(text string) time.Time {
	t, _ := time.Parse("2006-01-02", "2030-"+text)
	return t
}

func invoiceOf(id, reason string, total, paid, before, after int64, lines ...object) object {
	items := make([]any, len(lines))
	for n, l := range lines {
		items[n] = map[string]any(l)
	}
	return object{
		"id": id, "billing_reason": reason, "status": "paid", "subscription": "sub", "total": float64(total),
		"amount_paid":      float64(paid),
		"starting_balance": float64(before), "ending_balance": float64(after), "lines": map[string]any{"data": items},
		"status_transitions": map[string]any{},
	}
}

// TestModelCounts compares the model with the numbers in the examples of docs/grants.md.
func TestModelCounts(t *testing.T) {
	t.Parallel()
	basic, pro := line(
		"il_1", "basic", 900, false, "04-01", "05-01",
	), line("il_2", "pro", 1900, false, "04-01", "05-01")
	unused, rest := line(
		"il_3", "basic", -450, true, "04-16", "05-01",
	), line("il_4", "pro", 950, true, "04-16", "05-01")
	credit := line("il_6", "pro", -950, true, "03-16", "04-01")
	cent, cents := line("il_3", "basic", -1, true, "04-16", "05-01"), line("il_4", "pro", 3, true, "04-16", "05-01")
	gift := func(n int64) object { return line("il_5", "", -n, false, "04-01", "04-01") }
	for name, c := range map[string]struct {
		invoice object
		want    string
	}{
		"Renewal": {invoiceOf("in", "subscription_cycle", 900, 900, 0, 0, basic), "in:il_1 500"},
		"ChangeUp": {
			invoiceOf("in", "subscription_update", 500, 500, 0, 0, unused, rest), "in:proration 350",
		},
		"HalfByBalance": {
			invoiceOf("in", "subscription_update", 500, 250, -250, 0, unused, rest), "in:proration 175",
		},
		"AThirdByBalance":  {invoiceOf("in", "subscription_cycle", 900, 600, -300, 0, basic), "in:il_1 333"},
		"Owed":             {invoiceOf("in", "subscription_cycle", 45, 0, 0, 45, basic), "in:il_1 500"},
		"OwedBesideCredit": {invoiceOf("in", "subscription_cycle", 45, 0, -20, 25, basic), "in:il_1 277"},
		"OwedBefore":       {invoiceOf("in", "subscription_cycle", 45, 75, 30, 0, basic), "in:il_1 500"},
		"Goodwill": {
			invoiceOf("in", "subscription_cycle", 600, 600, 0, 0, basic, gift(300)), "in:il_1 500",
		},
		"WholeGoodwill": {invoiceOf("in", "subscription_cycle", 0, 0, 0, 0, basic, gift(900)), "in:il_1 500"},
		"WholeCoupon":   {invoiceOf("in", "subscription_cycle", 0, 0, 0, 0, basic), "in:il_1 500"},
		"CreditOfPro":   {invoiceOf("in", "subscription_cycle", -50, 0, 0, -50, basic, credit), "in:il_1 0"},
		"AllByBalance":  {invoiceOf("in", "subscription_cycle", 900, 0, -900, 0, basic), "in:il_1 0"},
		"WaitedForTheRenewal": {
			invoiceOf("in", "subscription_cycle", 2400, 2400, 0, 0, pro, unused, rest), "in:il_2 1550",
		},
		"ChangeUpForNothing":   {invoiceOf("in", "subscription_update", 0, 0, 0, 0, unused, rest), "in:proration 0"},
		"RoundsEachLineToZero": {invoiceOf("in", "subscription_update", 2, 2, 0, 0, cent, cents), "in:proration 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := atStripe{invoices: []object{c.invoice}}.paidInvoices()
			if got := fmt.Sprintf(
				"%s %d", b[0].key[len("stripe:invoice:"):], b[0].points,
			); len(b) != 1 || got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestModelMonths compares the model with docs/grants.md for years whose points come month by month: a credit of the
// invoice is taken from the first months, and the share that the balance paid from each month.
func TestModelMonths(t *testing.T) {
	t.Parallel()
	year := line("il_1", "yearly", 9600, false, "04-16", "12-31")
	unused := line("il_2", "basic", -1260, true, "04-16", "05-01") // 700 points
	for name, c := range map[string]struct {
		invoice object
		want    string
	}{
		"Whole":  {invoiceOf("in", "subscription_create", 9600, 9600, 0, 0, year), "500 500 500"},
		"Credit": {invoiceOf("in", "subscription_update", 8340, 8340, 0, 0, year, unused), "0 300 500"},
		"Third":  {invoiceOf("in", "subscription_create", 9600, 3200, -6400, 0, year), "166 166 166"},
		"Both":   {invoiceOf("in", "subscription_update", 8340, 2780, -5560, 0, year, unused), "0 100 166"},
	} {
		b := atStripe{invoices: []object{c.invoice}}.paidInvoices()[0]
		if got := fmt.Sprint(b.ofMonth(0), b.ofMonth(1), b.ofMonth(2)); got != c.want {
			t.Errorf("%s: the first months bring %s, want %s", name, got, c.want)
		}
	}
}

// TestModelOwes compares the model with docs/grants.md for changes of plan that leave a debt: a debt buys points once.
func TestModelOwes(t *testing.T) {
	t.Parallel()
	up := func(id string, total, paid, before, after int64) object {
		credit, rest := line(
			"il_3", "basic", total-95, true, "04-30", "05-01",
		), line("il_4", "pro", 95, true, "04-30", "05-01")
		return invoiceOf(id, "subscription_update", total, paid, before, after, credit, rest)
	}
	unused, rest := line("il_3", "pro", -95, true, "04-30", "05-01"), line("il_4", "basic", 50, true, "04-30", "05-01")
	down := invoiceOf("b", "subscription_update", -45, 0, 45, 0, unused, rest)
	var got []string
	lives := []object{
		up("a", 45, 0, 0, 45), down, up("c", 45, 0, 0, 45), up("d", 60, 105, 45, 0), up("e", 45, 0, 0, 45),
	}
	for _, b := range (atStripe{invoices: lives}).paidInvoices() {
		got = append(got, fmt.Sprintf("%s %d", b.key[len("stripe:invoice:"):], b.points))
	}
	// 95/1900 of pro's 1200 are 60 points, and 50/900 of basic's 500 are 27: 33 for 0.45. The downgrade buys none, and
	// the next upgrade owes no more than was owed before. 60 − 35/900 × 500 = 41 are paid. After a payment, 0.45 of
	// debt are new: 33.
	if want := "[a:proration 33 b:proration 0 c:proration 0 d:proration 41 e:proration 33]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// TestModelEnds compares the model with the expiries in the examples of docs/grants.md and docs/states.md.
func TestModelEnds(t *testing.T) {
	t.Parallel()
	march := paidPeriod{from: day2030("03-01"), to: day2030("04-01")}
	trial := paidPeriod{from: day2030("03-01"), to: day2030("03-15")}
	april := paidPeriod{from: day2030("04-01"), to: day2030("05-01")}
	open := object{"id": "in", "subscription": "sub", "status": "open", "payment_intent": "pi"}
	for name, c := range map[string]struct {
		status, begin, end string
		newest             paidPeriod
		bought             string // when the period began for which the points were bought
		intent             string
		more               object // of the subscription
		want               string
	}{
		"Paid":           {"active", "03-01", "04-01", march, "03-01", "", nil, "04-01 02:00"},
		"StretchedTrial": {"trialing", "03-01", "03-22", trial, "03-01", "", nil, "03-22 02:00"},
		"TrialWasStretched": {
			"past_due", "03-22", "04-22", trial, "03-01", "", object{"trial_end": float64(day2030("03-22").Unix())},
			"03-25 00:00",
		},
		"DraftHour":         {"active", "04-01", "05-01", march, "03-01", "", nil, "04-01 02:00"},
		"ChangeInDraftHour": {"active", "04-01", "05-01", march, "04-01", "", nil, "05-01 02:00"},
		"FailedRenewal":     {"past_due", "04-01", "05-01", march, "03-01", "", nil, "04-04 00:00"},
		"ChangeStays":       {"past_due", "04-01", "05-01", march, "04-01", "", nil, "05-01 02:00"},
		"UnderWay":          {"active", "04-01", "05-01", march, "03-01", "processing", nil, "05-01 02:00"},
		"Unpaid":            {"unpaid", "04-01", "05-01", march, "03-01", "", nil, "04-01 02:00"},
		"OperatorsEnd": {
			"active", "04-01", "05-01", april, "04-01", "", object{"cancel_at": float64(day2030("04-11").Unix())},
			"04-11 00:00",
		},
		"CancelledForTheEnd": {"active", "04-01", "05-01", april, "04-01", "",
			object{"cancel_at_period_end": true, "cancel_at": float64(day2030("05-01").Unix())}, "05-01 00:00"},
		"ChangeNotPaid": {"past_due", "04-01", "05-01", april, "04-01", "", nil, "05-04 00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub := object{
				"id": "sub", "status": c.status,
				"current_period_start": float64(day2030(c.begin).Unix()),
				"current_period_end":   float64(day2030(c.end).Unix()),
			}
			for name, v := range c.more {
				sub[name] = v
			}
			s := atStripe{invoices: []object{open}, intents: []object{{"id": "pi", "status": c.intent}}}
			got, known := s.lotEnds(sub, c.newest, day2030(c.bought))
			if !known || got.Format("01-02 15:04") != c.want {
				t.Errorf("got %s, want %s", got.Format("01-02 15:04"), c.want)
			}
		})
	}
}

// TestModelWindow compares the model with docs/states.md for a past_due subscription. A payment under way counts if it
// is the owed period's, and not if it is that of a change in a period that is paid. A year that was paid before does
// not count, because the month of April replaced it.
func TestModelWindow(t *testing.T) {
	t.Parallel()
	month := line("il_1", "basic", 900, false, "04-01", "05-01")
	april := invoiceOf("in_1", "subscription_cycle", 900, 900, 0, 0, month)
	waits := object{"id": "in_2", "subscription": "sub", "status": "open", "payment_intent": "pi"}
	yearly := line("il_3", "yearly", 9600, false, "02-01", "12-31")
	year := invoiceOf("in_3", "subscription_create", 9600, 9600, 0, 0, yearly)
	for name, c := range map[string]struct{ begin, end, until, intent string }{
		"Change":              {"04-01", "05-01", "05-04", "processing"},
		"Renewal":             {"05-01", "06-01", "06-01", "processing"},
		"MonthInsteadOfAYear": {"05-01", "06-01", "05-04", "requires_payment_method"},
	} {
		sub := object{
			"id": "sub", "status": "past_due", "current_period_start": float64(day2030(c.begin).Unix()),
			"current_period_end": float64(day2030(c.end).Unix()),
		}
		s := atStripe{
			invoices: []object{april, year, waits}, intents: []object{{"id": "pi", "status": c.intent}},
		}
		has := &billing.Window{From: day2030(c.begin), Until: day2030(c.until)}
		if why := s.checkWindow(sub, has); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
}

// TestModelCustomer compares the model's rule about customers with what may be seen after a server was killed.
func TestModelCustomer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		atStripe []string // the customers that Stripe has
		account  billing.CustomerID
		gone     []string
		broken   bool
	}{
		"Same":               {[]string{"cus_1"}, "cus_1", nil, false},
		"Another":            {[]string{"cus_2"}, "cus_1", nil, true},
		"Two":                {[]string{"cus_1", "cus_2"}, "cus_1", nil, true},
		"FirstNotKnownYet":   {[]string{"cus_1"}, "", nil, false},
		"AnotherNotKnownYet": {[]string{"cus_2"}, "cus_1", []string{"cus_1"}, false},
		"Deleted":            {nil, "cus_1", []string{"cus_1"}, false},
	} {
		var s atStripe
		for _, id := range c.atStripe {
			s.customers = append(s.customers, object{"id": id})
		}
		if why := s.compareCustomer(c.account, c.gone); (why != "") != c.broken {
			t.Errorf("%s: %q", name, why)
		}
	}
}
