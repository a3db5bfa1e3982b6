package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// crossing is an operation that a page on another origin calls.
type crossing struct {
	id, method, path string
	sent, shown      []string // our headers, of the request and of its responses
}

// crossings returns all operations of the contract except Stripe's webhook, each with a matching address.
func crossings(t *testing.T) (all []crossing) {
	t.Helper()
	s, err := openSpec()
	must(t, err)
	for path, item := range s.doc.Paths.Map() {
		if path == "/webhook" {
			continue
		}
		for method, op := range item.Operations() {
			c := crossing{
				id:     op.OperationID,
				method: method,
				path:   addressFor(t, path),
				sent:   []string{"X-Request-Id"},
				shown:  []string{"X-Request-Id"},
			}
			if op.Security == nil || len(*op.Security) > 0 {
				c.sent = append(c.sent, "Authorization")
			}
			if op.RequestBody != nil {
				c.sent = append(c.sent, "Content-Type")
			}
			for _, p := range op.Parameters {
				if p.Value.In == "header" {
					c.sent = append(c.sent, p.Value.Name)
				}
			}
			for _, r := range op.Responses.Map() {
				for name := range r.Value.Headers {
					c.shown = append(c.shown, name)
				}
			}
			all = append(all, c)
		}
	}
	if len(all) < 30 {
		t.Fatalf("the contract has more than %d operations", len(all))
	}
	return all
}

// addressFor fills the parameters of a path with ids that do not exist.
func addressFor(t *testing.T, path string) string {
	t.Helper()
	const nothing = "_01jd0000000000000000000000"
	filled := strings.NewReplacer(
		"{order_id}", "ord"+nothing, "{hold_id}", "hld"+nothing, "{spend_id}", "ent"+nothing,
		"{account_id}", "acc"+nothing, "{session_id}", "ses"+nothing, "{webhook_id}", "whk"+nothing,
		"{event_id}", "msg"+nothing, "{stripe_event_id}", "evt_nothing",
		"{key_id}", "key"+nothing, "{code}", "nothing", "{page}", "nothing.md",
	).Replace(path)
	if strings.Contains(filled, "{") {
		t.Errorf("%s: no id is known for a parameter of it", path)
	}
	return filled
}

// foreign are origins that were never allowed. Those most similar to the allowed https://shop.example come first.
var foreign = []string{
	"http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example",
	"https://evil-shop.example", "https://shop.exampl", "null", "*",
}

// TestPreflights proves that a page on an allowed origin may call every operation, with every header that the contract
// declares for it. A page on any other origin may call none.
func TestPreflights(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		for _, c := range crossings(t) {
			a := w.preflight(t, c, shopURL)
			if a.Get("Access-Control-Allow-Origin") != shopURL || !lists(
				a, "Access-Control-Allow-Methods", c.method,
			) || a.Get("Access-Control-Max-Age") == "" {
				t.Errorf("%s: a browser does not %s: %v", c.id, c.method, a)
			}
			for _, name := range c.sent {
				if !lists(a, "Access-Control-Allow-Headers", name) {
					t.Errorf("%s: a browser does not send %s: %v", c.id, name, a)
				}
			}
			for _, origin := range foreign {
				if a := w.preflight(t, c, origin); a.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s: the origin %s is let in: %v", c.id, origin, a)
				}
			}
		}
	})
}

func (w *world) preflight(t *testing.T, c crossing, origin string) http.Header {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, w.url+c.path, nil)
	must(t, err)
	req.Header.Set("Origin", origin)
	req.Header.Set("Access-Control-Request-Method", c.method)
	req.Header.Set("Access-Control-Request-Headers", strings.ToLower(strings.Join(c.sent, ",")))
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent || !lists(resp.Header, "Vary", "Origin") {
		t.Errorf(
			"%s %s from %s: the preflight is answered %d, %v", c.method, c.path, origin, resp.StatusCode, resp.Header,
		)
	}
	return resp.Header
}

// TestHeaders proves of every operation that no cache keeps its response. A script of an allowed origin may read the
// response, with each header that the contract declares for it, and those that would announce its end. A script of
// another origin may not. (For successful responses the client proves this at each call.)
func TestHeaders(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		for _, c := range crossings(t) {
			a, err := (&client{t: t, w: w}).do(c.method, c.path, nil)
			must(t, err)
			for _, name := range append(c.shown, "Deprecation", "Link", "Sunset") {
				if !lists(a.header, "Access-Control-Expose-Headers", name) {
					t.Errorf("%s: a script cannot read %s: %v", c.id, name, a.header)
				}
			}
			for _, origin := range foreign {
				a, err := (&client{t: t, w: w}).do(c.method, c.path, nil, "Origin", "-", "Origin", origin)
				must(t, err)
				if a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get(
					"Access-Control-Expose-Headers",
				) != "" {
					t.Errorf("%s: a script of %s may read the answer: %v", c.id, origin, a.header)
				}
			}
		}
	})
}

// TestPageFiles proves that what the pages load is kept apart from pages of other origins, as the pages are: a browser
// embeds it in no page of another origin.
func TestPageFiles(t *testing.T) {
	t.Parallel()
	c := &client{t: t, w: newWorld(t, storetest.URL(t, store.SQLite))}
	file := regexp.MustCompile(`(?:src|href)="(/(?:shop|docs)/[^"]+)"`)
	loaded := 0
	for _, page := range []string{"/", "/docs"} {
		text := string(c.call(http.StatusOK, http.MethodGet, page, nil).raw)
		for _, m := range file.FindAllStringSubmatch(text, -1) {
			loaded++
			h := c.call(http.StatusOK, http.MethodGet, m[1], nil).header
			c.expect(isolated(h), "%s of %s: %v", m[1], page, h)
		}
	}
	c.expect(loaded >= 4, "the pages load %d files", loaded)
}

// heldHeaders checks the headers that every response has. The client's requests come from the allowed origin.
func heldHeaders(req *http.Request, h http.Header) error {
	kept := "no-store"
	if req.URL.Path == "/.well-known/jwks.json" && strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		kept = "public, max-age=300" // the public keys
	}
	switch {
	case h.Get("Cache-Control") != kept:
		return fmt.Errorf("a cache may keep it, or not: Cache-Control %q", h.Get("Cache-Control"))
	case strings.HasPrefix(h.Get("Content-Type"), "text/html") && !isolated(h):
		return fmt.Errorf("pages of other origins may hold on to the page: %v", h)
	case h.Get(
		"X-Content-Type-Options",
	) != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY":
		return fmt.Errorf("a browser may guess, tell or frame: %v", h)
	case !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'"),
		!strings.Contains(h.Get("Content-Security-Policy"), "base-uri 'none'"),
		!strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'"):
		return fmt.Errorf("the page may load anything: %q", h.Get("Content-Security-Policy"))
	case h.Get("X-Request-Id") == "":
		return errors.New("it has no X-Request-Id")
	case !lists(h, "Vary", "Origin"):
		return errors.New("a cache would show one origin's answer to another")
	}
	if allowed := h.Get("Access-Control-Allow-Origin"); req.Header.Get("Origin") == shopURL && allowed != shopURL {
		return fmt.Errorf("the allowed origin may not read it: %q", allowed)
	}
	return nil
}

// isolated reports whether a response is kept apart from pages of other origins.
func isolated(h http.Header) bool {
	return h.Get("Cross-Origin-Opener-Policy") == "same-origin" &&
		h.Get("Cross-Origin-Resource-Policy") == "same-origin"
}

// lists reports whether a header that is a list contains a value.
func lists(h http.Header, name, value string) bool {
	return slices.ContainsFunc(h.Values(name), func(line string) bool {
		return slices.ContainsFunc(
			strings.Split(line, ","), func(one string) bool { return strings.EqualFold(strings.TrimSpace(one), value) },
		)
	})
}
