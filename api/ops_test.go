package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// isMissing reports whether there is nothing at an address. The contract, which a client checks, knows one address.
func isMissing(t *testing.T, method, url string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode == http.StatusNotFound &&
		resp.Header.Get("Content-Type") == "application/problem+json" &&
		strings.Contains(string(body), "nothing at this address")
}

// TestOpsApart proves what the two addresses serve if the operator's routes are apart. Each operation of the contract
// is at one of them, or at both if an admin needs it to log in. An admin logs in at the operator's address, and works
// there.
func TestOpsApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	w.opsApart, w.bare = true, true
	public := w.server(t, nil)
	at := httptest.NewServer(w.ops)
	t.Cleanup(at.Close)
	ops := &client{t: t, w: &world{t: t, url: at.URL}}

	both := map[string]bool{
		"login": true, "exchange": true, "refresh": true, "logout": true, "getSession": true, "listSessions": true,
		"endSession": true, "endOtherSessions": true, "getHealth": true, "getReadiness": true, "getOpenAPI": true,
		"getDocs": true, "nameSession": true,
	}
	for _, c := range crossings(t) {
		if c.id == "getProblem" || c.id == "getGuide" { // they are missing at any address, unless a page has the name
			continue
		}
		private := strings.HasPrefix(c.path, "/admin/") || c.path == "/metrics"
		if isMissing(t, c.method, public+c.path) != private {
			t.Errorf("%s at the public address", c.id)
		}
		if isMissing(t, c.method, at.URL+c.path) == (private || both[c.id]) {
			t.Errorf("%s at the operator's address", c.id)
		}
	}
	admin := w.admin(t)
	ops.call(http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"email": admin.email, "password": password})
	ops.call(http.StatusOK, http.MethodGet, "/admin/accounts?parked=true", nil)
	if isMissing(t, http.MethodGet, at.URL+"/problems/not-found") {
		t.Error("the page of a problem is missing at the operator's address")
	}
	for path, found := range map[string]bool{
		"/debug/pprof/": true, "/debug/pprof/goroutine?debug=1": true, "/debug/pprof/cmdline": true, "/": false,
		"/admin": true, "/console/console.js": true,
	} {
		if isMissing(t, http.MethodGet, public+path) != found {
			t.Errorf("%s at the public address", path)
		}
		if isMissing(t, http.MethodGet, at.URL+path) == found {
			t.Errorf("%s at the operator's address", path)
		}
	}

	w.opsApart = false
	alone := w.server(t, nil)
	if isMissing(t, http.MethodGet, alone+"/metrics") || !isMissing(t, http.MethodGet, alone+"/debug/pprof/") {
		t.Error("one address has the metrics, and no profiles")
	}
}
