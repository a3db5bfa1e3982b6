package main

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/token"
)

// TestAnotherStripeAccount proves that a database which belongs to one Stripe account is refused, by name, to a server and to `stripe check` with the
// key of another, that `stripe unlink` says what it would do before it does it, and that the database then belongs to the other. Two sandboxes
// are two accounts; one that is started again from its state is the same.
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
	p := program{t: t}.with("DATABASE_URL=sqlite://"+filepath.Join(t.TempDir(), "pointsync.db"), "STRIPE_SECRET_KEY=sk_test_123",
		"POINTSYNC_CATALOG="+catalogPath(t), "POINTSYNC_SIGNING_KEYS="+token.GenerateKey("a"), "POINTSYNC_ALLOWED_ORIGINS=https://app.example.com",
		"STRIPE_WEBHOOK_SECRET=whsec_notyetknownq7Lx2VbT9mKdR4w", "POINTSYNC_ADDR=127.0.0.1:0")
	at := func(stripe string) program { return p.with("STRIPE_API_BASE=" + stripe) }
	p.run(0, "migrate")
	at(first).run(0, "stripe", "setup")
	at(first).serve().terminate()
	stop()
	again, stop := start()
	defer stop()
	at(again).serve().terminate()
	if said := at(again).run(0, "stripe", "check"); !strings.Contains(said, "ok     the database belongs to this account: acct_1") {
		t.Errorf("stripe check says %q", said)
	}

	other := newSandbox(t)
	at(other).run(0, "stripe", "setup")
	if said := at(other).run(1, "serve"); !strings.Contains(said, "belongs to the Stripe account acct_1") || !strings.Contains(said, "stripe unlink") {
		t.Errorf("serve with another account's key says %q", said)
	}
	if said := at(other).run(1, "stripe", "check"); !strings.Contains(said, "WRONG  the database belongs to the Stripe account acct_1") {
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
