package api_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// replica is a server whose process can be replaced.
type replica struct {
	url     string
	handler atomic.Pointer[http.Handler]
}

func (w *world) replica() *replica {
	r := &replica{}
	server := httptest.NewServer(
		http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) { (*r.handler.Load()).ServeHTTP(out, in) }),
	)
	w.t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// restart replaces a replica with one that has the given keys.
func (w *world) restart(r *replica, keys string) {
	w.t.Helper()
	var err error
	w.keys, err = token.ParseKeys(keys)
	must(w.t, err)
	handler := w.wire(nil)
	r.handler.Store(&handler)
}

// rotation restarts two replicas one by one, for each of the given settings, and counts the requests that are refused
// with 401. A client goes from replica to replica and replaces its token by each new one. wait is how long to wait
// before a setting is used.
func rotation(t *testing.T, w *world, settings []string, wait time.Duration) (asked, refused int) {
	t.Helper()
	replicas := []*replica{w.replica(), w.replica()}
	for _, r := range replicas {
		w.restart(r, settings[0])
	}
	w.url = replicas[0].url
	c := w.user(t)
	walk := func() {
		for range 2 {
			for _, r := range replicas {
				w.url = r.url
				a, err := c.do(http.MethodGet, "/session", nil)
				must(t, err)
				asked++
				if a.status == http.StatusUnauthorized {
					refused++
				}
				if a.status == http.StatusOK {
					for _, r := range replicas { // another service may read the keys from any replica
						w.url = r.url
						c.verifiesItsToken()
					}
				}
			}
		}
	}
	walk()
	for _, keys := range settings[1:] {
		w.Advance(wait)
		c.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": c.refresh})
		for _, r := range replicas {
			w.restart(r, keys)
			walk()
		}
	}
	return asked, refused
}

// Proves that rotating the signing keys as docs/going-live.md says refuses no one. Two replicas restart one by one. No
// request to them fails, and no read of the published keys does. The settings come from the page itself.
func TestRotationAsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/going-live.md")
	must(t, err)
	_, section, _ := strings.Cut(string(page), "## Rotating signing keys")
	section, _, _ = strings.Cut(section, "\n## ")
	keys := map[string]string{}
	key := func(kid string) string {
		if keys[kid] == "" {
			keys[kid] = token.GenerateKey(kid)
		}
		return keys[kid]
	}
	settings := []string{key("2026a")}
	for _, m := range regexp.MustCompile(`POINTSYNC_SIGNING_KEYS="([^"]+)"`).FindAllStringSubmatch(section, -1) {
		s := regexp.MustCompile(
			`\$\(pointsync keygen (\w+)\)|(\w+):…`,
		).ReplaceAllStringFunc(m[1], func(s string) string {
			return key(regexp.MustCompile(`20\w+`).FindString(s))
		})
		settings = append(settings, s)
	}
	if len(settings) != 4 {
		t.Fatalf("the page has %d steps, want 3", len(settings)-1)
	}
	a, b, c := key("2026a"), key("2026b"), key("2026c")
	for name, settings := range map[string][]string{
		"AsDocumented": settings,
		"TurnedBack":   {a, a + "," + b, b + "," + a, a + "," + b, a}, // the new key was withdrawn
		// A key that was published and never signed.
		"TwoAtOnce": {a, a + "," + b + "," + c, c + "," + b + "," + a, c},
		// The next rotation begins before this one ends.
		"Overlapping": {a, a + "," + b, b + "," + a + "," + c, c + "," + b, c},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.URL(t, store.SQLite))
			if asked, refused := rotation(
				t, w, settings, token.TTL+time.Minute,
			); refused != 0 || asked < 4*len(settings) {
				t.Errorf("%d of %d requests were refused", refused, asked)
			}
		})
	}
}

// Proves that TestRotationAsDocumented would see a key that signs before every replica knows it.
func TestRotationTooSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	a, b := token.GenerateKey("2026a"), token.GenerateKey("2026b")
	replicas := []*replica{w.replica(), w.replica()}
	w.restart(replicas[0], b+","+a)
	w.restart(replicas[1], a)
	w.url = replicas[0].url
	c := w.user(t)
	w.url = replicas[1].url
	c.call(http.StatusUnauthorized, http.MethodGet, "/session", nil)
}
