package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
	"github.com/pointsync/pointsync/pkg/token"
)

// TestAnotherStripeAccount proves that a database belongs to one Stripe account. With the key of another account, a
// server and `stripe check` refuse it by name. `stripe unlink` says what it would do before it does it, and the
// database then belongs to the other account. Two sandboxes are two accounts. A sandbox that is restarted from its
// state is the same account.
func TestAnotherStripeAccount(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	start := func() (url string, stop func()) {
		world, err := sandbox.New(sandbox.Options{DataDir: state})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(world.Handler())
		return server.URL, func() { server.Close(); world.Close() }
	}
	first, stop := start()
	p := program{t: t}.with("DATABASE_URL=sqlite://"+filepath.Join(
		t.TempDir(), "pointsync.db",
	), "STRIPE_SECRET_KEY=sk_test_123",
		"POINTSYNC_CATALOG="+catalogPath(t), "POINTSYNC_SIGNING_KEYS="+token.GenerateKey("a"),
		"POINTSYNC_ALLOWED_ORIGINS=https://app.example.com",
		"STRIPE_WEBHOOK_SECRET=whsec_notyetknownq7Lx2VbT9mKdR4w", "POINTSYNC_ADDR=127.0.0.1:0")
	at := func(stripe string) program { return p.with("STRIPE_API_BASE=" + stripe) }
	p.run(0, "migrate")
	at(first).run(0, "stripe", "setup")
	at(first).serve().terminate()
	stop()
	again, stop := start()
	defer stop()
	at(again).serve().terminate()
	if said := at(again).run(0, "stripe", "check"); !strings.Contains(
		said, "ok     the database belongs to this account: acct_1",
	) {
		t.Errorf("stripe check says %q", said)
	}

	other := newSandbox(t)
	at(other).run(0, "stripe", "setup")
	if said := at(other).run(1, "serve"); !strings.Contains(
		said, "belongs to the Stripe account acct_1",
	) || !strings.Contains(said, "stripe unlink") {
		t.Errorf("serve with another account's key says %q", said)
	}
	if said := at(other).run(1, "stripe", "check"); !strings.Contains(
		said, "WRONG  the database belongs to the Stripe account acct_1",
	) {
		t.Errorf("stripe check with another account's key says %q", said)
	}
	if said := p.run(1, "stripe", "unlink"); !strings.Contains(said, "nothing was changed") {
		t.Errorf("stripe unlink says %q", said)
	}
	at(other).run(1, "serve")
	p.run(0, "stripe", "unlink", "--yes")
	at(other).serve().terminate()
	at(again).run(1, "serve")
}

// TestLinkLater proves what happens to a server if Stripe did not say at the start which account its key belongs to. It
// asks at each tick until Stripe replies. It continues if the account and mode are those of its database, and otherwise
// ends with the reason. The database is of acct_1, in test mode unless live is set.
func TestLinkLater(t *testing.T) {
	t.Parallel()
	const ours, others = `200 {"id":"acct_1","object":"account"}`, `200 {"id":"acct_2","object":"account"}`
	for name, c := range map[string]struct {
		live    bool     // the database's mode
		answers []string // of Stripe, the first one at the start
		ends    bool
	}{
		"Ours":                 {false, []string{"503", "503", ours}, false},
		"Another":              {false, []string{"503", "503", "500", others}, true},
		"KeyRefused":           {false, []string{"401", "401", others}, true},
		"OtherMode":            {true, []string{"503", ours}, true},
		"NarrowKey":            {false, []string{"503", "403"}, false},
		"NarrowKeyOfOtherMode": {true, []string{"503", "403"}, true},
		"AnswersAtOnce":        {false, []string{ours}, false},
		"NarrowFromHere":       {false, []string{"403"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				link := billing.StripeLink{AccountID: "acct_1", Livemode: c.live}
				if err := db.InTx(
					t.Context(), func(tx *store.Tx) error { return tx.SaveStripeLink(t.Context(), link) },
				); err != nil {
					t.Fatal(err)
				}
				a := &app{db: db, stripe: saying(t, c.answers...), log: slog.New(slog.DiscardHandler)}
				if err := a.link(t.Context()); err != nil {
					t.Fatal(err)
				}
				if later := len(c.answers) > 1; a.unlinked != later {
					t.Fatalf("it is asked again: %v", a.unlinked)
				}
				if !a.unlinked {
					return
				}
				ctx, end := context.WithCancelCause(t.Context())
				ticks, over := make(chan time.Time), make(chan struct{})
				go func() { a.linkAt(ctx, ticks, end); close(over) }()
				for range len(c.answers) - 1 {
					select {
					case ticks <- time.Time{}:
					case <-over:
						t.Fatal("it stopped to ask before Stripe had answered")
					}
				}
				<-over // the last reply decides
				if why := refusedLater(ctx); (why != nil) != c.ends ||
					c.ends && billing.CodeOf(why) != billing.EConflict {
					t.Errorf("the server ends with %v", why)
				}
			})
		})
	}
}

// TestLinkLaterEnds proves that a server that ends asks no more.
func TestLinkLaterEnds(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancelCause(t.Context())
	end(nil)
	(&app{}).linkAt(ctx, nil, end) // without the end it would wait forever
	if why := refusedLater(ctx); why != nil {
		t.Error(why)
	}
}

// saying returns a gateway to a Stripe that gives one reply after the other, each a status and a body, to requests for
// the account.
func saying(t *testing.T, answers ...string) *stripegw.Gateway {
	t.Helper()
	next := make(chan string, len(answers))
	for _, a := range answers {
		next <- a
	}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		select {
		case a := <-next:
			status, body, _ := strings.Cut(a, " ")
			if body == "" {
				body = `{"error":{"type":"api_error"}}`
			}
			out.WriteHeader(map[string]int{"200": 200, "401": 401, "403": 403, "500": 500, "503": 503}[status])
			_, _ = out.Write([]byte(body))
		default:
			t.Errorf("asked once more: %s", r.URL)
			out.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(server.Close)
	g, err := stripegw.New(
		stripegw.Options{Key: "rk_test_1", BaseURL: server.URL, HTTPClient: server.Client(), MaxRetries: -1},
	)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
