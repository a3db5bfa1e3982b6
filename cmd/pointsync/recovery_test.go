package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// agreement is the promise of docs/simulation.md: the database agrees with Stripe this soon after the last fault.
const agreement = time.Minute

// TestAgreementAfterKill proves what happens after a server is killed in the middle of a sync, while Stripe hangs. The
// next server finds everything by itself within a minute of its start, round after round. No request, no webhook and no
// command helps.
func TestAgreementAfterKill(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		stripe, addr, databaseURL := newSandbox(t), storetest.FreeAddr(t), storetest.URL(t, dialect)
		p := served(t, stripe, databaseURL).with("POINTSYNC_ADDR=" + addr)
		secret := shownSecret.FindStringSubmatch(
			p.run(0, "stripe", "setup", "--webhook-url", "http://"+addr+"/webhook"),
		)
		if secret == nil {
			t.Fatal("setup shows no secret")
		}
		p = p.with("STRIPE_WEBHOOK_SECRET=" + secret[1])
		db := storetest.OpenURL(t, databaseURL, nil)
		d := client(t, "http://"+addr, stripe)
		server := p.serve()
		if err := d.guard(d.begin); err != nil {
			t.Fatal(err)
		}
		for round := 1; round <= 2; round++ {
			if err := d.guard(func() { d.payWhileStripeHangs("pack_100") }); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a sync has begun and hangs", func() bool { return d.struck() > 0 })
			_ = server.cmd.Process.Kill()
			_ = server.cmd.Wait()
			if err := d.guard(func() { d.stripe(200, http.MethodDelete, "/_sandbox/faults", nil) }); err != nil {
				t.Fatal(err)
			}
			server = p.serve()
			began := time.Now()
			for agreed := false; !agreed; {
				pending, err := db.Events(context.Background(), billing.InboxPending, "", 1)
				if err != nil {
					t.Fatal(err)
				}
				a, err := db.AccountByEmail(context.Background(), "ada@example.com")
				if err != nil {
					t.Fatal(err)
				}
				if agreed = len(pending) == 0 && int(a.Available) == 100*round; !agreed &&
					time.Since(began) > agreement {
					t.Fatalf(
						"round %d: not after %s: %d points, pending %+v\n%s", round, agreement, a.Available,
						pending, server.said,
					)
				}
				<-time.After(50 * time.Millisecond)
			}
			t.Logf(
				"round %d: the database agreed with Stripe %s after the start", round,
				time.Since(began).Round(time.Millisecond),
			)
		}
		server.terminate()
	})
}

// payWhileStripeHangs pays for a pack. A later request for subscriptions, which every sync makes, gets no reply.
func (d *demo) payWhileStripeHangs(item string) {
	made := d.call(
		201, http.MethodPost, "/checkout", map[string]any{"item": item}, "Idempotency-Key",
		billing.NewRequestID(time.Now()),
	)
	d.send(
		200,
		d.request(
			http.MethodPost, d.sandbox+"/_sandbox/faults",
			map[string]any{"kind": "api_timeout", "endpoint": "GET /v1/subscriptions", "next": 100},
		),
		"faults",
	)
	d.stripe(200, http.MethodPost, "/v1/payment_pages/"+made.text("session_id")+"/confirm", url.Values{
		"payment_method": {"pm_card_visa"}, "expected_amount": {strconv.Itoa(made.number("order.amount"))},
	})
}

// struck returns how many calls hang.
func (d *demo) struck() (n int) {
	_ = d.guard(func() {
		for _, f := range d.stripe(200, http.MethodGet, "/_sandbox/faults", nil)["data"].([]any) {
			n += answer(f.(map[string]any)).number("struck")
		}
	})
	return n
}
