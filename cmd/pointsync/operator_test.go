package main

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// served returns a program with all that serve needs, on its database and the given Stripe.
func served(t *testing.T, stripe, databaseURL string) program {
	t.Helper()
	return program{t: t}.with("DATABASE_URL="+databaseURL, "STRIPE_SECRET_KEY=sk_test_123", "STRIPE_API_BASE="+
		stripe, "POINTSYNC_CATALOG="+catalogPath(t),
		"POINTSYNC_SIGNING_KEYS="+token.GenerateKey("a"), "POINTSYNC_ALLOWED_ORIGINS=https://app.example.com",
		"STRIPE_WEBHOOK_SECRET=whsec_q7Lx2VbT9mKdR4wZpHc8NfYs3JgAe5Uo",
		"POINTSYNC_ADDR=127.0.0.1:0")
}

// TestTermination proves what a server does when it is told to stop. It accepts no new request, lets a running one
// finish with a good response, and ends with exit code 0.
func TestTermination(t *testing.T) {
	t.Parallel()
	stripe, asked, release := holdPages(t, newSandbox(t))
	p := served(t, stripe, storetest.URL(t, store.Postgres))
	p.run(0, "stripe", "setup")
	r := p.serve()
	d := client(t, r.url, stripe)
	if err := d.guard(d.begin); err != nil {
		t.Fatal(err)
	}
	bought := make(chan error, 1)
	go func() {
		bought <- d.guard(func() { d.call(201, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"}) })
	}()
	select {
	case <-asked:
	case err := <-bought:
		t.Fatalf("Stripe was not asked: %v", err)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no new connection is taken", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(release)
	if err := <-bought; err != nil {
		t.Errorf("the request that was under way: %v", err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, r.said)
	}
}

// holdPages holds back the requests for payment pages.
func holdPages(t *testing.T, sandboxURL string) (gate string, asked <-chan struct{}, release chan struct{}) {
	t.Helper()
	return holdBack(t, sandboxURL, func(r *http.Request) bool {
		return r.Method == http.MethodPost && r.URL.Path == "/v1/checkout/sessions"
	})
}

// holdBack puts a gate before a sandbox that lets no request that matches through until release is closed. It sends a
// signal for each of them.
func holdBack(
	t *testing.T, sandboxURL string, match func(*http.Request) bool,
) (gate string, asked <-chan struct{}, release chan struct{}) {
	t.Helper()
	u, err := url.Parse(sandboxURL)
	if err != nil {
		t.Fatal(err)
	}
	signals, release := make(chan struct{}, 10), make(chan struct{})
	proxy := httputil.NewSingleHostReverseProxy(u)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if match(r) {
			signals <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		proxy.ServeHTTP(out, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, signals, release
}

// TestServeFollowsTheClock proves that with POINTSYNC_CLOCK_URL the server uses the sandbox's time. When that clock is
// moved, tokens expire and a subscription renews.
func TestServeFollowsTheClock(t *testing.T) {
	t.Parallel()
	stripe := newSandbox(t)
	p := served(t, stripe, storetest.URL(t, store.SQLite)).with("POINTSYNC_CLOCK_URL=" + stripe + "/_sandbox/clock")
	p.run(0, "stripe", "setup")
	d := client(t, p.serve().url, stripe)
	err := d.guard(func() {
		d.begin()
		d.buy("basic_monthly")
		until := d.claims().number("subscription.until")
		d.send(
			200, d.request(http.MethodPost, stripe+"/_sandbox/clock", map[string]any{"advance_seconds": 33 * 86_400}),
			"clock",
		)
		d.call(401, http.MethodGet, "/session", nil)
		d.call(200, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": d.refresh})
		issued := time.Unix(int64(d.claims().number("iat")), 0)
		d.expect(time.Until(issued) > 32*24*time.Hour, "the token is of the sandbox's time: %s", issued)
		spent := d.call(200, http.MethodPost, "/points/spend", map[string]any{"amount": 500})
		d.expect(
			spent.number("points.available") == 0, "the first period's points ran out and the second's were there: %v",
			spent,
		)
		d.expect(d.claims().number("subscription.until") > until, "the window is the second period's")
	})
	if err != nil {
		t.Fatal(err)
	}
	if said := p.run(
		0, "stripe", "reconcile", "ADA@example.com",
	); !strings.Contains(said, "1 accounts compared, 0 differ") {
		t.Errorf("reconcile says %q", said)
	}
	if said := p.run(2, "stripe", "reconcile", "nobody@example.com"); !strings.Contains(said, "nobody@example.com") {
		t.Errorf("reconcile of nobody says %q", said)
	}
}

// TestSandboxCommand proves that the sandbox runs alone, keeps its state in its folder, and stops cleanly on request.
func TestSandboxCommand(t *testing.T) {
	t.Parallel()
	p, dir := program{t: t}, t.TempDir()
	for round, want := range []int{0, 1} {
		address, terminate := runSandbox(t, p, dir)
		d := client(t, "", address)
		err := d.guard(func() {
			customers := d.stripe(200, http.MethodGet, "/v1/customers", nil)["data"].([]any)
			d.expect(len(customers) == want, "round %d: %d customers", round, len(customers))
			d.stripe(200, http.MethodPost, "/v1/customers", url.Values{"email": {"ada@example.com"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		terminate()
	}
}

// runSandbox starts `pointsync sandbox` and returns the address that it prints.
func runSandbox(t *testing.T, p program, dir string) (address string, terminate func()) {
	t.Helper()
	cmd := p.command("sandbox", "--addr", "127.0.0.1:0", "--data-dir", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`http://[0-9.:]+`).FindString(line), func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
}

// TestSmallCommands proves the output and exit codes of keygen and healthcheck, and that a wrong command line is
// reported.
func TestSmallCommands(t *testing.T) {
	t.Parallel()
	p := program{t: t}
	one, two := p.run(0, "keygen", "2026a"), p.run(0, "keygen", "2026a")
	if one == two || !strings.HasPrefix(one, "2026a:") {
		t.Errorf("keygen prints %q and %q", one, two)
	}
	for _, key := range []string{one, p.run(0, "keygen")} {
		if _, err := token.ParseKeys(strings.TrimSpace(key)); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	if said := p.run(1, "healthcheck", "--url", "http://127.0.0.1:1/readyz"); !strings.Contains(said, "127.0.0.1:1") {
		t.Errorf("healthcheck of nothing says %q", said)
	}
	if said := p.run(1, "healthcheck", "--url", newSandbox(t)+"/nothing"); !strings.Contains(said, "404") {
		t.Errorf("healthcheck of something else says %q", said)
	}
	p = p.with("DATABASE_URL=" + storetest.URL(t, store.SQLite))
	if said := p.run(1, "events", "list", "--limit", "0"); !strings.Contains(said, "--limit") {
		t.Errorf("events list --limit 0 says %q", said)
	}
	if said := p.run(0, "events", "list"); strings.Count(said, "\n") != 1 || !strings.Contains(said, "RECEIVED") {
		t.Errorf("events list of none says %q", said)
	}
	for _, args := range [][]string{{"frobnicate"}, {"serve", "--nothing"}, {"events", "list", "--status", "odd"}} {
		cmd := p.command(args...)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err == nil || len(out) > 0 || strings.Count(said.String(), "pointsync: error:") != 1 ||
			!strings.Contains(said.String(), "--help") {
			t.Errorf("%q ends with %v, prints %q and says %q", args, err, out, said.String())
		}
	}
}

// TestDevRefusals proves that if something prevents dev from running, it reports that in a sentence that names the
// flag.
func TestDevRefusals(t *testing.T) {
	t.Parallel()
	taken := strings.TrimPrefix(newSandbox(t), "http://")
	for flag, d := range map[string]devCmd{
		"--addr":         {Addr: taken, SandboxAddr: "127.0.0.1:0", DataDir: t.TempDir()},
		"--sandbox-addr": {Addr: "127.0.0.1:0", SandboxAddr: taken, DataDir: t.TempDir()},
		"--data-dir":     {Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: "/dev/null/x"},
	} {
		if _, err := startDev(
			context.Background(), d, slog.New(slog.DiscardHandler),
		); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
