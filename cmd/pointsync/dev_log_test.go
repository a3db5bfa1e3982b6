package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// devSaying starts dev as the command line does, and returns what it prints.
func devSaying(t *testing.T, d devCmd) (*devServer, *safeBuffer) {
	t.Helper()
	said := &safeBuffer{}
	d.Addr, d.SandboxAddr, d.Catalog, d.console = "127.0.0.1:0", "127.0.0.1:0", catalogPath(t), said
	s, err := startDev(context.Background(), d, newDevLog(said, io.Discard, d.Quiet))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(); _ = s.wait() })
	return s, said
}

// get sends a GET and returns the status.
func get(t *testing.T, address string, header ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestDevPrintsRequests proves that dev prints a line about each request of the API, with the problem and the account,
// and none about pages, files and health checks. No token, password, email, query or id reaches a line. It also proves
// that the steps of the start are printed.
func TestDevPrintsRequests(t *testing.T) {
	t.Parallel()
	s, said := devSaying(t, devCmd{DataDir: t.TempDir()})
	d := client(t, s.url, s.sandboxURL)
	var account string
	if err := d.guard(func() {
		d.begin()
		account = d.claims().text("sub")
		d.call(402, http.MethodPost, "/points/spend", map[string]any{"amount": 1000})
		d.call(404, http.MethodGet, "/checkout/ord_01jd0000000000000000000000?secret=inquery", nil)
		d.call(404, http.MethodGet, "/point/spend/ada@example.com/Xk39aa?secret=inquery", nil)
	}); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{
		"/", "/shop/shop.js", "/docs", "/openapi.yaml", "/healthz", "/readyz", "/metrics", "/favicon.ico",
		"/problems/conflict", "/guides/tokens.md", "/llms.txt",
	} {
		get(t, s.url+page)
	}
	s.stop()
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	text := said.String()
	for _, line := range []string{
		`starting: the database`,
		`(?m)^[0-9:]{8}  POST   /auth/register +201 [0-9]+ ms$`,
		`(?m)^[0-9:]{8}  GET    /catalog +200 [0-9]+ ms$`,
		`(?m)^[0-9:]{8}  POST   /points/spend +402 insufficient-points ` + account + ` [0-9]+ ms$`,
		`(?m)^[0-9:]{8}  GET    /checkout/:order_id +404 not-found ` + account + ` [0-9]+ ms$`,
		`(?m)^[0-9:]{8}  GET    /point/spend/…/… +404 not-found [0-9]+ ms$`,
	} {
		if !regexp.MustCompile(line).MatchString(text) {
			t.Errorf("no line is like %s", line)
		}
	}
	requests := regexp.MustCompile(`(?m)^[0-9:]{8}  .*$`).FindAllString(text, -1)
	for _, r := range requests {
		for _, never := range []string{
			"secret", "inquery", "ada@", "ord_", "Xk39", "eyJ",
			"/docs", "/shop", "healthz", "readyz", "metrics", "favicon", "GET    / ", "/problems", "/guides", "llms",
		} {
			if strings.Contains(r, never) {
				t.Errorf("the line %q holds %q", r, never)
			}
		}
	}
	if t.Failed() {
		t.Logf("it said\n%s", text)
	}
}

// TestDevQuiet proves that dev --quiet prints no line about a request.
func TestDevQuiet(t *testing.T) {
	t.Parallel()
	s, said := devSaying(t, devCmd{DataDir: t.TempDir(), Quiet: true})
	get(t, s.url+"/catalog")
	get(t, s.url+"/nowhere")
	s.stop()
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	if text := said.String(); strings.Contains(text, " GET ") {
		t.Errorf("it said\n%s", text)
	}
}
