package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store/storetest"
)

func catalogPath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDemo proves that the whole story succeeds, from registering to cancelling.
func TestDemo(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	d := client(t, s.url, s.sandboxURL)
	d.stopJobs = s.app.jobs.Stop
	if err := d.play(); err != nil {
		t.Fatal(err)
	}
}

// TestDemoNotices proves that the story fails when the server misbehaves.
func TestDemoNotices(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	d := client(t, s.url+"/nowhere", s.sandboxURL)
	if err := d.play(); err == nil {
		t.Error("the play went well against an address that answers 404")
	}
}

// TestDevKeepsState proves that dev's accounts, points and Stripe objects survive a restart, including tokens.
func TestDevKeepsState(t *testing.T) {
	t.Parallel()
	dir, addr := t.TempDir(), storetest.FreeAddr(t)
	s := dev(t, dir, addr)
	d := client(t, s.url, s.sandboxURL)
	if err := d.guard(func() { d.begin(); d.buyPack() }); err != nil {
		t.Fatal(err)
	}
	s.stop()
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}

	s = dev(t, dir, addr)
	again := client(t, s.url, s.sandboxURL)
	again.token = d.token
	err := again.guard(func() {
		again.expect(
			again.call(200, http.MethodGet, "/points", nil).number("available") == 70, "the points are still there",
		)
		again.call(
			200, http.MethodPost, "/auth/login",
			map[string]any{"email": "ada@example.com", "password": "correct horse battery"},
		)
		customers := again.stripe(200, http.MethodGet, "/v1/customers", nil)
		again.expect(len(customers["data"].([]any)) == 1, "Stripe still knows the customer")
		again.subscribe()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dev starts both servers for one test.
func dev(t *testing.T, dir, addr string) *devServer {
	t.Helper()
	s, err := startDev(context.Background(), devCmd{
		Addr: addr, SandboxAddr: "127.0.0.1:0", DataDir: dir, Catalog: catalogPath(t),
	},
		slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(); _ = s.wait() })
	return s
}

// TestDevShowsMails proves that dev shows each mail, as a page that needs no script and as JSON, with a link that leads
// to the demo shop.
func TestDevShowsMails(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	d := client(t, s.url, s.sandboxURL)
	if err := d.guard(func() { d.begin() }); err != nil {
		t.Fatal(err)
	}
	get := func(path string) (string, http.Header) {
		resp, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, resp.Status, err)
		}
		return string(b), resp.Header
	}
	link := s.url + "/#verify_email=psm_acc_"
	storetest.WaitFor(t, "the mail is there", func() bool {
		list, _ := get("/mails.json")
		return strings.Contains(list, `"to":"ada@example.com"`) && strings.Contains(list, link)
	})
	page, header := get("/mails")
	if !strings.Contains(page, `<a href="`+link) || !strings.Contains(page, "To ada@example.com") {
		t.Errorf("the page is\n%s", page)
	}
	policy := header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") ||
		strings.Contains(page, "<script") || strings.Contains(page, "style=") {
		t.Errorf("the policy is %s", policy)
	}
}
