package api_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// paths returns the addresses of the contract that have a method, with a value in place of each parameter.
func paths(t *testing.T, method string, wants func(*openapi3.Operation) bool) (found []string) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../openapi.yaml")
	must(t, err)
	for path, item := range doc.Paths.Map() {
		if op := item.GetOperation(method); op != nil && wants(op) {
			for _, p := range []string{"{order_id}", "{account_id}", "{webhook_id}", "{event_id}", "{hold_id}"} {
				path = strings.ReplaceAll(path, p, "xyz_01jd0000000000000000000000")
			}
			found = append(found, path)
		}
	}
	slices.Sort(found)
	return found
}

// Proves that HEAD at every address that has GET gives its status and headers and no body, with or without a token. If
// there is no GET, HEAD is refused as GET is. So HEAD bypasses neither authentication nor the contract.
func TestHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	c := w.user(t)
	ask := func(method, path, token string) (int, http.Header, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, nil)
		must(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, resp.Header, string(body)
	}
	all := append(
		paths(t, http.MethodGet, func(*openapi3.Operation) bool { return true }), "/", "/nowhere", "/auth/login",
		"/points/spend", "/webhook",
	)
	if len(all) < 20 {
		t.Fatalf("only %d addresses", len(all))
	}
	for _, path := range all {
		for _, token := range []string{"", c.token} {
			asked := path
			if path == "/session/stream" {
				asked += "?seconds=1"
			}
			status, header, _ := ask(http.MethodGet, asked, token)
			gotStatus, gotHeader, body := ask(http.MethodHead, asked, token)
			if gotStatus != status || body != "" {
				t.Errorf("HEAD %s: %d with %d bytes, and GET is %d", path, gotStatus, len(body), status)
			}
			for _, name := range []string{
				"Content-Type", "Cache-Control", "WWW-Authenticate", "X-Content-Type-Options", "Allow",
			} {
				if gotHeader.Get(name) != header.Get(name) {
					t.Errorf("HEAD %s: %s is %q, and GET's is %q", path, name, gotHeader.Get(name), header.Get(name))
				}
			}
		}
	}
}

// Proves that {} is accepted as no body where no body is expected, and that any other body is refused there.
func TestEmptyObjectIsNoBody(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		user, worker := w.user(t), w.service(t, billing.Scopes...)
		w.Advance(11 * time.Minute) // a login so old deletes no account, or the second request would have no caller
		tried := 0
		for _, method := range []string{http.MethodPost, http.MethodDelete} {
			for _, path := range paths(t, method, func(op *openapi3.Operation) bool { return op.RequestBody == nil }) {
				c := whoMayCall(path, user, worker)
				tried++
				key := []string{"Idempotency-Key", "k" + method + path[len(path)-4:]}
				plain, err := c.do(method, path, nil, key...)
				must(t, err)
				for _, body := range []string{"{}", " {\r\n\t} \n"} {
					a, err := c.do(method, path, body, key...)
					must(t, err)
					if a.status != plain.status {
						t.Errorf("%s %s with %q: %d, and %d without a body", method, path, body, a.status, plain.status)
					}
				}
				if strings.HasPrefix(path, "/admin/") {
					continue // 404 whatever the request contains
				}
				for _, body := range []string{`{"a":1}`, "[]", "null", "{}{}", "{", "x"} {
					c.call(http.StatusBadRequest, method, path, body, key...)
				}
			}
		}
		user.expect(tried >= 6, "there are %d operations without a body", tried)
	})
}

// Proves that no body is accepted as {} if no member is required, and is refused if one is.
func TestNoBodyIsEmptyObject(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		c.buy("pack_100")
		for _, body := range []any{nil, "", "{}", " { } "} {
			portal := c.call(http.StatusCreated, http.MethodPost, "/portal", body)
			c.expect(portal.text("url") != "", "there is a portal: %s", portal.raw)
			hold := c.call(
				http.StatusCreated, http.MethodPost, "/points/holds", map[string]any{"amount": 3, "ttl_seconds": 60},
			)
			captured := c.call(http.StatusOK, http.MethodPost, "/points/holds/"+hold.text("hold.id")+"/capture", body)
			c.expect(captured.number("hold.captured") == 3, "all of it is captured: %s", captured.raw)
			c.call(http.StatusConflict, http.MethodPost, "/subscription/cancel", body) // there is no subscription
		}
		for _, path := range []string{
			"/points/spend", "/points/holds", "/checkout", "/subscription/change", "/auth/login",
		} {
			a, err := c.do(http.MethodPost, path, "")
			must(t, err)
			c.expect(a.status == http.StatusBadRequest, "%s needs a body: %s", path, a.raw)
		}
	})
}
