package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

var shownSecret = regexp.MustCompile(`STRIPE_WEBHOOK_SECRET=(whsec_\S+)`)

// TestServeTwoReplicas proves that an operator can go from an empty PostgreSQL to two servers behind one address as
// documented. It runs every command of the documentation. A purchase begins on one replica and is spent on the other,
// and both use one key at once. A stream on one replica reports what the other spends. Both end in an orderly way, and
// so does the stream.
func TestServeTwoReplicas(t *testing.T) {
	t.Parallel()
	stripe, addr := newSandbox(t), storetest.FreeAddr(t)
	p := program{t: t}.with("DATABASE_URL="+
		storetest.Empty(t, store.Postgres), "STRIPE_SECRET_KEY=sk_test_123", "STRIPE_API_BASE="+stripe,
		"POINTSYNC_CATALOG="+catalogPath(t), "POINTSYNC_SIGNING_KEYS="+token.GenerateKey("a"),
		"POINTSYNC_ALLOWED_ORIGINS=https://app.example.com",
		"STRIPE_WEBHOOK_SECRET=whsec_notyetknownq7Lx2VbT9mKdR4w", "POINTSYNC_CLOCK_URL="+stripe+"/_sandbox/clock")

	if said := p.run(1, "serve"); !strings.Contains(said, "pointsync migrate") {
		t.Errorf("serve before migrate says %q", said)
	}
	if said := p.run(1, "migrate", "--status"); strings.Count(said, "pending\n") != 3 ||
		!strings.Contains(said, "3 migrations are pending") {
		t.Errorf("migrate --status of an empty database says %q", said)
	}
	p.run(0, "migrate")
	if said := p.run(0, "migrate", "--status"); strings.Contains(said, "pending") || strings.Count(said, "\n") != 4 {
		t.Errorf("migrate --status afterwards says %q", said)
	}
	if said := p.run(1, "stripe", "check"); !strings.Contains(said, "WRONG") ||
		!strings.Contains(said, "stripe setup") {
		t.Errorf("stripe check before setup says %q", said)
	}
	webhook := "http://" + addr + "/webhook"
	secret := shownSecret.FindStringSubmatch(p.run(0, "stripe", "setup", "--webhook-url", webhook))
	if secret == nil {
		t.Fatal("setup shows no secret")
	}
	if said := p.run(
		0, "stripe", "setup", "--webhook-url", webhook,
	); strings.Contains(said, "changed:") || shownSecret.MatchString(said) {
		t.Errorf("a second setup says %q", said)
	}
	if said := p.run(0, "stripe", "check", "--webhook-url", webhook); strings.Contains(said, "WRONG") {
		t.Errorf("stripe check after setup says %q", said)
	}

	p = p.with("STRIPE_WEBHOOK_SECRET=" + secret[1])
	one, two := p.with("POINTSYNC_ADDR="+addr).serve(), p.with("POINTSYNC_ADDR=127.0.0.1:0").serve()
	p.run(0, "healthcheck", "--url", two.url+"/readyz")
	p.with("POINTSYNC_ADDR="+addr).run(0, "healthcheck")
	d := client(t, one.url, stripe)
	if err := playTwoReplicas(d, two.url); err != nil {
		t.Fatal(err)
	}
	d.api = one.url
	hears := wantStream(t, d, two.url)
	wantEventsProcessed(t, p)
	if said := p.run(0, "stripe", "reconcile"); !strings.Contains(said, "1 accounts compared, 0 differ") {
		t.Errorf("reconcile says %q", said)
	}
	one.terminate()
	two.terminate()
	hears(`"reason":"server_ending"`)
	for _, r := range []*replica{one, two} {
		if said := r.said.String(); !strings.Contains(said, `"msg":"stopping","why":"terminated signal received"`) ||
			!strings.Contains(said, `"msg":"stopped`) {
			t.Errorf("the log does not say why it ended: %s", said)
		}
		if strings.Contains(r.said.String(), secret[1]) || strings.Contains(r.said.String(), "sk_test_123") {
			t.Error("a secret is in the log")
		}
	}
}

// playTwoReplicas buys on one replica and spends on the other.
func playTwoReplicas(d *demo, other string) error {
	first := d.api
	return d.guard(func() {
		d.begin()
		d.buyPack() // 70 points are left
		d.api = other
		d.call(200, http.MethodPost, "/points/spend", map[string]any{"amount": 20})
		var wait sync.WaitGroup
		answers := make([]answer, 20)
		errs := make([]error, len(answers))
		for i := range answers {
			c := *d
			if i%2 == 0 {
				c.api = first
			}
			wait.Go(func() {
				errs[i] = c.guard(func() {
					answers[i] = c.call(
						200, http.MethodPost, "/points/spend", map[string]any{"amount": 5}, "Idempotency-Key", "both",
					)
				})
			})
		}
		wait.Wait()
		for i, a := range answers {
			d.expect(errs[i] == nil, "answer %d: %v", i, errs[i])
			d.expect(a.text("spend.id") == answers[0].text("spend.id"), "the same spend on both replicas")
		}
		d.expect(d.call(200, http.MethodGet, "/points", nil).number("available") == 45, "one debit")
	})
}

// wantEventsProcessed waits until the webhook's events are processed, and shows and replays one.
func wantEventsProcessed(t *testing.T, p program) {
	t.Helper()
	row := regexp.MustCompile(`(evt_\w+)\s+checkout\.session\.completed\s+acc_\w+\s+processed`)
	var id string
	eventually(t, "checkout.session.completed is processed", func() bool {
		found := row.FindStringSubmatch(p.run(0, "events", "list"))
		if found != nil {
			id = found[1]
		}
		return found != nil
	})
	if said := p.run(0, "events", "show", id); !strings.Contains(
		said, "checkout.session.completed",
	) || !strings.Contains(said, "processed") {
		t.Errorf("events show says %q", said)
	}
	p.run(0, "events", "replay", id)
	eventually(
		t, "the replayed event is processed",
		func() bool { return strings.Contains(p.run(0, "events", "list", "--status", "processed"), id) },
	)
	if said := p.run(1, "events", "show", "evt_none"); !strings.Contains(said, "evt_none") {
		t.Errorf("events show of an unknown one says %q", said)
	}
}

// TestServeRefuses proves that a server does not start with a setting that is missing, empty, malformed or a
// placeholder. Its message names the setting.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	good := []string{
		"DATABASE_URL=sqlite://" + t.TempDir() + "/p.db", "STRIPE_SECRET_KEY=sk_test_123",
		"STRIPE_WEBHOOK_SECRET=whsec_q7Lx2VbT9mKdR4wZpHc8NfYs3JgAe5Uo", "POINTSYNC_CATALOG=" + catalogPath(t),
		"POINTSYNC_SIGNING_KEYS=" + token.GenerateKey("a"), "POINTSYNC_ALLOWED_ORIGINS=https://app.example.com",
	}
	for _, c := range []struct{ set, names string }{
		{"DATABASE_URL=", "DATABASE_URL"},
		{"DATABASE_URL=mysql://x", "DATABASE_URL"},
		{"STRIPE_SECRET_KEY=", "STRIPE_SECRET_KEY"},
		{"STRIPE_SECRET_KEY=pk_test_123", "STRIPE_SECRET_KEY"},
		{"STRIPE_SECRET_KEY=sk_test_...", "STRIPE_SECRET_KEY"},
		{"STRIPE_WEBHOOK_SECRET=whsec_q7Lx2VbT9mKdR4wZpHc8NfYs3JgAe5Uo,", "STRIPE_WEBHOOK_SECRET"},
		{"STRIPE_WEBHOOK_SECRET=whsec_xxxxxxxx", "STRIPE_WEBHOOK_SECRET"},
		{"POINTSYNC_CATALOG=/nowhere.yaml", "POINTSYNC_CATALOG"},
		{"POINTSYNC_ADDR=8080", "POINTSYNC_ADDR"},
		{"POINTSYNC_ALLOWED_ORIGINS=https://app.example.com/", "POINTSYNC_ALLOWED_ORIGINS"},
		{"POINTSYNC_SIGNING_KEYS=a:short", "POINTSYNC_SIGNING_KEYS"},
		{"POINTSYNC_PAST_DUE_GRACE=three days", "POINTSYNC_PAST_DUE_GRACE"},
		{"STRIPE_SECRET_KEY=sk_live_1234567890\nSTRIPE_API_BASE=http://127.0.0.1:1", "live key"},
		{"STRIPE_SECRET_KEY=sk_live_1234567890\nPOINTSYNC_CLOCK_URL=http://127.0.0.1:1/", "live key"},
		{"POINTSYNC_CLOCK_URL=http://127.0.0.1:1/", "POINTSYNC_CLOCK_URL"},
	} {
		t.Run(strings.ReplaceAll(c.set, "\n", " "), func(t *testing.T) {
			t.Parallel()
			p := program{t: t}.with(good...).with(strings.Split(c.set, "\n")...)
			if said := p.run(1, "serve"); !strings.Contains(said, c.names) {
				t.Errorf("it says %q and does not name %s", said, c.names)
			}
		})
	}
	t.Run("Unsafe", func(t *testing.T) {
		t.Parallel()
		p := program{t: t}.with(good...).with(
			fmt.Sprintf("DATABASE_URL=%s", withOption(storetest.Empty(t, store.Postgres), "synchronous_commit")),
		)
		if said := p.run(1, "migrate"); !strings.Contains(said, "synchronous_commit") || !strings.Contains(
			said, "POINTSYNC_ALLOW_UNSAFE_DATABASE",
		) {
			t.Errorf("it says %q", said)
		}
		p.with("POINTSYNC_ALLOW_UNSAFE_DATABASE=true").run(0, "migrate")
	})
}

// withOption sets an option of the PostgreSQL server to off for the connections of a URL.
func withOption(url, name string) string {
	sep := "?"
	if strings.Contains(url, "?") {
		sep = "&"
	}
	return url + sep + "options=-c%20" + name + "%3Doff"
}

// TestServeLeaves proves that a server that is asked to stop first reports that it is not ready. In the meantime it
// still serves, and each response closes its connection. Then it ends well.
func TestServeLeaves(t *testing.T) {
	t.Parallel()
	stripe, database := newSandbox(t), "sqlite://"+t.TempDir()+"/p.db"
	p := program{t: t}.with("DATABASE_URL="+database, "STRIPE_SECRET_KEY=sk_test_123", "STRIPE_API_BASE="+
		stripe, "POINTSYNC_CATALOG="+catalogPath(t),
		"POINTSYNC_SIGNING_KEYS="+token.GenerateKey("a"), "POINTSYNC_ALLOWED_ORIGINS=https://app.example.com",
		"STRIPE_WEBHOOK_SECRET=whsec_notyetknownq7Lx2VbT9mKdR4w",
		"POINTSYNC_ADDR=127.0.0.1:0", "POINTSYNC_SHUTDOWN_DELAY=5s")
	p.run(0, "migrate")
	r := p.serve()
	get := func(path string) *http.Response {
		resp, err := http.Get(r.url + path)
		if err != nil {
			t.Fatalf("%s: %v\n%s", path, err, r.said)
		}
		resp.Body.Close()
		return resp
	}
	if ready := get("/readyz"); ready.StatusCode != http.StatusOK || ready.Close {
		t.Errorf("before: %s, closes %v", ready.Status, ready.Close)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(
		t, "the server is not ready any more",
		func() bool { return get("/readyz").StatusCode == http.StatusServiceUnavailable },
	)
	if served := get("/catalog"); served.StatusCode != http.StatusOK || !served.Close {
		t.Errorf("after: %s, closes %v", served.Status, served.Close)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, r.said)
	}
}
