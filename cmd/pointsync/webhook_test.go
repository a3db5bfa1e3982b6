package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestWebhooksCommands proves that the command line makes, lists, rolls and removes endpoints. It shows a secret only
// when it makes one, and refuses what the API refuses.
func TestWebhooksCommands(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		p := program{t: t}.with("DATABASE_URL=" + storetest.URL(t, dialect))
		said := p.run(0, "webhooks", "add", "https://example.com/hooks", "--types", "points.low,order.fulfilled")
		found := regexp.MustCompile(
			`^webhook  (whk_\w{26})\nsecret   (whsec_[\w+/]{43}=)\n$`,
		).FindStringSubmatch(said)
		if found == nil {
			t.Fatalf("add says %q", said)
		}
		id, secret := found[1], found[2]
		if said = p.run(0, "webhooks", "list"); !strings.Contains(said, id) || !strings.Contains(
			said, "order.fulfilled,points.low",
		) || strings.Contains(said, "whsec_") {
			t.Errorf("list says %q", said)
		}
		if said = p.run(
			0, "webhooks", "roll", id,
		); !strings.Contains(said, "whsec_") || strings.Contains(said, secret) {
			t.Errorf("roll says %q", said)
		}
		said = p.run(0, "webhooks", "resend", id, "--from", "2026-01-01T00:00:00Z", "--types", "points.low", "--json")
		if said != "{\n  \"resent\": 0,\n  \"webhook\": \""+id+"\"\n}\n" {
			t.Errorf("resend says %q", said)
		}
		p.run(1, "webhooks", "resend", id, "--status", "pending")
		p.run(1, "webhooks", "resend", "whk_01jd0000000000000000000000")
		p.run(1, "webhooks", "add", "http://127.0.0.1:9/")
		p.with("POINTSYNC_ALLOW_LOCAL_WEBHOOKS=true").run(0, "webhooks", "add", "http://127.0.0.1:9/")
		p.run(1, "webhooks", "add", "https://example.com", "--types", "points.lost")
		p.run(0, "webhooks", "remove", id)
		p.run(1, "webhooks", "remove", id)
		p.run(1, "webhooks", "roll", id)
		p.run(1, "webhooks", "history", "--limit", "0")
		told := p.run(0, "webhooks", "history", "--limit", "3")
		if deeds := regexp.MustCompile(
			`(?m)the command line +(\w+) +`+id,
		).FindAllStringSubmatch(told, -1); len(deeds) != 2 || deeds[0][1] != "remove" || deeds[1][1] != "roll" {
			t.Errorf("history says %q", told)
		}
	})
}

// TestOutgoingKilled proves what happens if a server is killed after an endpoint got an event, and before it could
// record that. The next server delivers that event again under the same id.
func TestOutgoingKilled(t *testing.T) {
	t.Parallel()
	database := storetest.URL(t, store.Postgres)
	var requests atomic.Int64
	victim := make(chan *replica, 1)
	came := make(chan string, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			if err := (<-victim).cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		came <- r.Header.Get("webhook-id")
	}))
	t.Cleanup(endpoint.Close)
	p := served(t, newSandbox(t), database).with("POINTSYNC_ALLOW_LOCAL_WEBHOOKS=true")
	p.run(0, "stripe", "setup")
	p.run(0, "webhooks", "add", endpoint.URL)
	db := storetest.OpenURL(t, database, nil)
	outbox.Attach(db, 0)
	id := storetest.NewAccount(t, db).ID
	ctx := context.Background()
	err := db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		_, _, err = ledger.Grant(ctx, tx, a, billing.Grant{Key: "k", Source: "test", Amount: 1})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	victim <- p.serve()
	next := func() string {
		t.Helper()
		select {
		case id := <-came:
			return id
		case <-time.After(2 * patience):
			t.Fatal("nothing came")
		}
		return ""
	}
	first := next()
	// As if three quarters of a minute had passed.
	if _, err := db.SQL().Exec("UPDATE webhooks SET busy_until = created_at"); err != nil {
		t.Fatal(err)
	}
	p.serve()
	if second := next(); second != first {
		t.Errorf("%s and then %s", first, second)
	}
	eventually(t, "the delivery is noted", func() bool {
		o, err := db.Outgoing(ctx)
		return err == nil && o.Delivered == 1 && o.Pending == 0
	})
}
