package stripegw_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const (
	openInvoice = `{"id":"in_1","status":"open","billing_reason":"subscription_update","hosted_invoice_url":"https://pay"}`
	debited     = `{"id":"in_1","status":"open","billing_reason":"subscription_update","hosted_invoice_url":"https://pay","payment_intent":{"id":"pi_1","status":"processing"}}`
	sent        = `{"id":"in_1","status":"open","billing_reason":"subscription_update","hosted_invoice_url":"https://pay","collection_method":"send_invoice"}`
)

var (
	unpaid    = billing.OwedInvoice{ID: "in_1", URL: "https://pay", Status: billing.ChangeUnpaid}
	underWay  = billing.OwedInvoice{ID: "in_1", URL: "https://pay", Status: billing.ChangeProcessing}
	invoiced  = billing.OwedInvoice{ID: "in_1", URL: "https://pay", Status: billing.ChangeInvoiced}
	noInvoice = billing.OwedInvoice{}
)

// Proves what each way of changing an item requests, and which invoice it returns: one that waits for its payment, and
// no other.
func TestChangeItem(t *testing.T) {
	t.Parallel()
	n := stripegw.NewItem{Subscription: "sub_1", Item: "si_1", Price: "price_2", Quantity: 5, Key: "key"}
	dated := n
	dated.ProrationDate = 160
	const item = "items[0][id]=si_1&items[0][price]=price_2&items[0][quantity]=5"
	const charged = "POST /v1/subscriptions/sub_1 expand[0]=latest_invoice.payment_intent&" + item +
		"&payment_behavior=pending_if_incomplete&proration_behavior=always_invoice"
	const billed = "POST /v1/subscriptions/sub_1 expand[0]=latest_invoice.payment_intent&" + item +
		"&payment_behavior=allow_incomplete&proration_behavior=always_invoice"
	charge, invoice := (*stripegw.Gateway).ChargeItem, (*stripegw.Gateway).InvoiceItem
	swap := func(g *stripegw.Gateway, ctx context.Context, n stripegw.NewItem) (billing.OwedInvoice, error) {
		return noInvoice, g.SwapItem(ctx, n)
	}
	for name, c := range map[string]struct {
		change func(*stripegw.Gateway, context.Context, stripegw.NewItem) (billing.OwedInvoice, error)
		n      stripegw.NewItem
		answer string
		asked  string
		owed   billing.OwedInvoice
		refuse billing.Code
	}{
		"Charged": {
			charge, n, `{"id":"sub_1","latest_invoice":` + openInvoice + `}`, charged + " key", noInvoice, "",
		},
		"ChargedFrom": {charge, dated, `{"id":"sub_1"}`, charged + "&proration_date=160 key", noInvoice, ""},
		"Waits": {
			charge, n, `{"id":"sub_1","pending_update":{"expires_at":9},"latest_invoice":` + openInvoice + `}`,
			charged + " key", unpaid, "",
		},
		"WaitsForNothing": {
			charge, n, `{"id":"sub_1","pending_update":{"expires_at":9}}`, charged + " key", noInvoice, "",
		},
		"Declined":  {charge, n, "402 card_declined", charged + " key", noInvoice, billing.EPaymentRequired},
		"Forbidden": {charge, n, "403 ", charged + " key", noInvoice, billing.EStripeRefused},
		"Billed": {
			invoice, n, `{"id":"sub_1","latest_invoice":` + openInvoice + `}`, billed + " key", unpaid, "",
		},
		"BilledFrom": {
			invoice, dated, `{"id":"sub_1","latest_invoice":` + sent + `}`, billed + "&proration_date=160 key",
			invoiced, "",
		},
		"BilledByDebit": {
			invoice, n, `{"id":"sub_1","latest_invoice":` + debited + `}`, billed + " key", underWay, "",
		},
		"BilledLater": {
			invoice, n,
			`{"id":"sub_1","latest_invoice":{"id":"in_1","status":"draft","billing_reason":"subscription_update"}}`,
			billed + " key", billing.OwedInvoice{ID: "in_1", Status: billing.ChangeUnpaid}, "",
		},
		"BilledAndPaid": {
			invoice, n,
			`{"id":"sub_1","latest_invoice":{"id":"in_1","status":"paid","billing_reason":"subscription_update"}}`,
			billed + " key", noInvoice, "",
		},
		"NothingDue": {
			invoice, n,
			`{"id":"sub_1","latest_invoice":{"id":"in_0","status":"open","billing_reason":"subscription_cycle"}}`,
			billed + " key", noInvoice, "",
		},
		"NoInvoice":      {invoice, n, `{"id":"sub_1"}`, billed + " key", noInvoice, ""},
		"BilledDeclined": {invoice, n, "402 ", billed + " key", noInvoice, billing.EPaymentRequired},
		"BilledAway":     {invoice, n, "503 ", billed + " key", noInvoice, billing.EStripeUnavailable},
		"Swapped": {
			swap, dated, `{"id":"sub_1"}`, "POST /v1/subscriptions/sub_1 " + item + "&proration_behavior=none key",
			noInvoice, "",
		},
		"SwapForbidden": {
			swap, n, "403 ", "POST /v1/subscriptions/sub_1 " + item + "&proration_behavior=none key", noInvoice,
			billing.EStripeRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{"POST /v1/subscriptions/sub_1": c.answer})
			owed, err := c.change(g, t.Context(), c.n)
			if billing.CodeOf(err) != c.refuse {
				t.Errorf("%v, want %q", err, c.refuse)
			}
			same(t, "owed", owed, c.owed)
			same(t, "asked", s.calls(), []string{c.asked})
		})
	}
}

// Proves what is requested for each end of a subscription, and that an empty text is sent as such.
func TestEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*stripegw.Gateway, context.Context, billing.SubscriptionID, string) error
		form string
	}{
		"CancelAtPeriodEnd": {(*stripegw.Gateway).CancelAtPeriodEnd, "cancel_at_period_end=true"},
		"Keep":              {(*stripegw.Gateway).KeepSubscription, "cancel_at_period_end=false"},
		"KeepPastDate":      {(*stripegw.Gateway).KeepPastDate, "cancel_at="},
		"CollectAgain":      {(*stripegw.Gateway).CollectAgain, "pause_collection="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{"POST /v1/subscriptions/sub_1": `{"id":"sub_1"}`})
			if err := c.set(g, t.Context(), "sub_1", "key"); err != nil {
				t.Error(err)
			}
			same(t, "asked", s.calls(), []string{"POST /v1/subscriptions/sub_1 " + c.form + " key"})
			s.answers["POST /v1/subscriptions/sub_1"] = "403 "
			if err := c.set(g, t.Context(), "sub_1", "key"); billing.CodeOf(err) != billing.EStripeRefused {
				t.Error(err)
			}
		})
	}
}

// Proves that a subscription that is already gone counts as cancelled, and that no other refusal does.
func TestCancelNow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cancel, look string
		want         billing.Code
	}{
		"OK":              {`{"id":"sub_1"}`, "403 ", ""},
		"WasCanceled":     {"404 resource_missing", `{"id":"sub_1","status":"canceled"}`, ""},
		"NeverBegan":      {"404 resource_missing", `{"id":"sub_1","status":"incomplete_expired"}`, ""},
		"StillLives":      {"404 resource_missing", `{"id":"sub_1","status":"active"}`, billing.EStripeRefused},
		"CannotBeLooked":  {"404 resource_missing", "403 ", billing.EStripeRefused},
		"NeverWas":        {"404 resource_missing", "404 resource_missing", billing.EStripeRefused},
		"Forbidden":       {"403 ", `{"id":"sub_1","status":"canceled"}`, billing.EStripeRefused},
		"StripeIsAway":    {"503 ", `{"id":"sub_1","status":"canceled"}`, billing.EStripeUnavailable},
		"AnotherIsBusyIt": {"409 ", `{"id":"sub_1","status":"active"}`, billing.EStripeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(
				t, map[string]string{"DELETE /v1/subscriptions/sub_1": c.cancel, "GET /v1/subscriptions/sub_1": c.look},
			)
			if err := g.CancelNow(t.Context(), "sub_1", "key"); billing.CodeOf(err) != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
			if calls := s.calls(); calls[0] != "DELETE /v1/subscriptions/sub_1 key" {
				t.Errorf("asked %q", calls)
			}
		})
	}
}

// Proves that a paused subscription that begins again returns its invoice while it is unpaid, in the states paused and
// past due. An active one owes nothing.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		owed   billing.OwedInvoice
		want   billing.Code
	}{
		"Paid":     {`{"id":"sub_1","status":"active","latest_invoice":` + openInvoice + `}`, noInvoice, ""},
		"Unpaid":   {`{"id":"sub_1","status":"paused","latest_invoice":` + openInvoice + `}`, unpaid, ""},
		"PastDue":  {`{"id":"sub_1","status":"past_due","latest_invoice":` + debited + `}`, underWay, ""},
		"Declined": {"402 card_declined", noInvoice, billing.EPaymentRequired},
		"Refused":  {"400 ", noInvoice, billing.EStripeRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{"POST /v1/subscriptions/sub_1/resume": c.answer})
			owed, err := g.RestartSubscription(t.Context(), "sub_1", "key")
			if billing.CodeOf(err) != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
			same(t, "owed", owed, c.owed)
			same(
				t, "asked", s.calls(),
				[]string{
					"POST /v1/subscriptions/sub_1/resume billing_cycle_anchor=now&expand[0]=latest_invoice.payment_intent key",
				},
			)
		})
	}
}

// Proves how an invoice is returned, with Stripe's status of it.
func TestOwed(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]billing.OwedInvoice{openInvoice: unpaid, debited: underWay, sent: invoiced} {
		g, s := newScript(t, map[string]string{"GET /v1/invoices/in_1": answer})
		owed, status, err := g.Owed(t.Context(), "in_1")
		if err != nil || status != "open" {
			t.Errorf("%q, %v", status, err)
		}
		same(t, "owed", owed, want)
		same(t, "asked", s.calls(), []string{"GET /v1/invoices/in_1 expand[0]=payment_intent"})
	}
	g, _ := newScript(t, map[string]string{"GET /v1/invoices/in_1": "403 "})
	if owed, status, err := g.Owed(t.Context(), "in_1"); billing.CodeOf(err) != billing.EStripeRefused ||
		status != "" || owed != noInvoice {
		t.Errorf("%+v, %q, %v", owed, status, err)
	}
}

// Proves that voiding an invoice again succeeds, that a paid one is a conflict, and that any other refusal stays a
// refusal.
func TestVoidInvoice(t *testing.T) {
	t.Parallel()
	due, none := billing.VoidedInvoice{ID: "in_1", Amount: 900, Currency: "usd"}, billing.VoidedInvoice{}
	for name, c := range map[string]struct {
		void, look string
		want       billing.Code
		voided     billing.VoidedInvoice
	}{
		"OK":             {`{"id":"in_1","amount_due":900,"currency":"usd"}`, "403 ", "", due},
		"WasVoid":        {"400 ", `{"id":"in_1","status":"void","amount_due":900,"currency":"usd"}`, "", due},
		"WasPaid":        {"400 ", `{"id":"in_1","status":"paid"}`, billing.EConflict, none},
		"IsOpen":         {"400 ", openInvoice, billing.EStripeRefused, none},
		"CannotBeLooked": {"400 ", "403 ", billing.EStripeRefused, none},
		"Forbidden":      {"403 ", `{"id":"in_1","status":"paid"}`, billing.EStripeRefused, none},
		"StripeIsAway":   {"503 ", `{"id":"in_1","status":"void"}`, billing.EStripeUnavailable, none},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(
				t, map[string]string{"POST /v1/invoices/in_1/void": c.void, "GET /v1/invoices/in_1": c.look},
			)
			v, err := g.VoidInvoice(t.Context(), "in_1", "key")
			if billing.CodeOf(err) != c.want || v != c.voided {
				t.Errorf("%+v, %v, want %+v, %q", v, err, c.voided, c.want)
			}
			if calls := s.calls(); calls[0] != "POST /v1/invoices/in_1/void key" {
				t.Errorf("asked %q", calls)
			}
		})
	}
}

// Proves that a subscription's open invoices are listed with what is due on them, except an invoice whose payment is
// under way.
func TestOpenInvoices(t *testing.T) {
	t.Parallel()
	const (
		look = "GET /v1/invoices"
		// 100 were paid by the customer's credit
		open = `{"id":"in_1","status":"open","amount_due":900,"total":1000,"currency":"usd"}`
		card = `{"id":"in_2","status":"open","amount_due":50,"currency":"eur","payment_intent":{"id":"pi_2","status":"requires_payment_method"}}`
		bank = `{"id":"in_3","status":"open","amount_due":70,"currency":"eur","payment_intent":{"id":"pi_3","status":"processing"}}`
	)
	g, s := newScript(t, map[string]string{look: list(false, open, bank, card)})
	got, err := g.OpenInvoices(t.Context(), "sub_1")
	same(
		t, "listed", got,
		[]billing.VoidedInvoice{{ID: "in_1", Amount: 900, Currency: "usd"}, {ID: "in_2", Amount: 50, Currency: "eur"}},
	)
	same(
		t, "asked", s.calls(),
		[]string{look + " expand[0]=data.payment_intent&limit=100&status=open&subscription=sub_1"},
	)
	if err != nil {
		t.Error(err)
	}
	for answer, want := range map[string]billing.Code{
		"403 ": billing.EStripeRefused, "503 ": billing.EStripeUnavailable,
	} {
		g, _ := newScript(t, map[string]string{look: answer})
		if got, err := g.OpenInvoices(t.Context(), "sub_1"); billing.CodeOf(err) != want || got != nil {
			t.Errorf("%s: %v, %v", answer, got, err)
		}
	}
}

// Proves that of a customer's open invoices those are listed that a subscription made and that have a line of ours,
// even if it is on a later page of the lines. A customer whose lists Stripe refuses has none.
func TestOpenInvoicesOf(t *testing.T) {
	t.Parallel()
	const (
		look    = "GET /v1/invoices"
		ours    = `{"id":"il_1","price":{"metadata":{"pointsync_item":"basic"}}}`
		theirs  = `{"id":"il_2","price":{"id":"price_x"}}`
		invoice = `{"id":"%s","amount_due":900,"currency":"usd","subscription":%s,"lines":{"has_more":%v,"data":[%s]}}`
	)
	g, s := newScript(t, map[string]string{
		look: list(
			false, fmt.Sprintf(invoice, "in_1", `"sub_1"`, false, theirs+","+ours),
			fmt.Sprintf(invoice, "in_2", `"sub_2"`, true, theirs),
			fmt.Sprintf(invoice, "in_3", `"sub_3"`, false, theirs),
			fmt.Sprintf(invoice, "in_4", "null", false, ours),
		),
		look + "/in_2/lines": list(false, theirs, ours),
	})
	got, err := g.OpenInvoicesOf(t.Context(), "cus_1")
	if err != nil {
		t.Fatal(err)
	}
	due := billing.VoidedInvoice{Amount: 900, Currency: "usd"}
	first, second := due, due
	first.ID, second.ID = "in_1", "in_2"
	same(t, "listed", got, []billing.VoidedInvoice{first, second})
	same(t, "asked", s.calls()[0], look+" customer=cus_1&expand[0]=data.payment_intent&limit=100&status=open")
	for answer, want := range map[string]billing.Code{
		"404 resource_missing": "", "403 ": billing.EStripeRefused, "503 ": billing.EStripeUnavailable,
	} {
		g, _ := newScript(t, map[string]string{look: answer})
		if got, err := g.OpenInvoicesOf(t.Context(), "cus_1"); billing.CodeOf(err) != want || got != nil {
			t.Errorf("%s: %v, %v", answer, got, err)
		}
	}
}

// Proves that a request without an id or a key is not sent: without one it would be about everything, or happen twice.
func TestChangesNeedIDs(t *testing.T) {
	t.Parallel()
	whole := stripegw.NewItem{Subscription: "sub_1", Item: "si_1", Price: "price_2", Quantity: 5, Key: "key"}
	for name, without := range map[string]func(n *stripegw.NewItem){
		"Subscription": func(n *stripegw.NewItem) { n.Subscription = "" },
		"Item":         func(n *stripegw.NewItem) { n.Item = "" },
		"Price":        func(n *stripegw.NewItem) { n.Price = "" },
		"Key":          func(n *stripegw.NewItem) { n.Key = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, nil)
			n := whole
			without(&n)
			_, charged := g.ChargeItem(t.Context(), n)
			_, billed := g.InvoiceItem(t.Context(), n)
			for _, err := range []error{
				charged, billed, g.SwapItem(t.Context(), n), g.ScheduleItem(t.Context(), n, "", 1),
			} {
				if billing.CodeOf(err) != billing.EInternal {
					t.Errorf("%v", err)
				}
			}
			if name != "Key" {
				if _, err := g.PreviewCharge(t.Context(), n); billing.CodeOf(err) != billing.EInternal {
					t.Errorf("preview: %v", err)
				}
			}
			same(t, "asked", s.calls(), []string(nil))
		})
	}
	g, s := newScript(t, nil)
	_, _, owed := g.Owed(t.Context(), "")
	_, restarted := g.RestartSubscription(t.Context(), "", "key")
	_, shown := g.Subscription(t.Context(), "")
	for n, err := range []error{
		owed, restarted, shown, g.ReleaseSchedule(t.Context(), "", "key"), g.CancelNow(t.Context(), "", "key"),
		g.CancelAtPeriodEnd(t.Context(), "", "key"),
		errorOf(g.VoidInvoice(t.Context(), "", "key")), errorOf(g.OpenInvoices(t.Context(), "")),
	} {
		if billing.CodeOf(err) != billing.EInternal {
			t.Errorf("%d: %v", n, err)
		}
	}
	same(t, "asked", s.calls(), []string(nil))
}
