package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/api"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// told is one event of a stream. A comment has only its text.
type told struct {
	name, id, comment string
	answer
}

// follower reads a stream of a client.
type follower struct {
	c     *client
	told  chan told // closed when the stream has ended
	leave func()
}

// follow opens a stream at a server.
func (c *client) follow(t *testing.T, server, query string, header ...string) *follower {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/session/stream"+query, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("the stream answers %d %s", resp.StatusCode, kind)
	}
	f := &follower{
		c: &client{t: t, w: c.w, email: c.email}, told: make(chan told, 100), leave: func() { resp.Body.Close() },
	}
	t.Cleanup(f.leave)
	go func() {
		defer close(f.told)
		lines := bufio.NewScanner(resp.Body)
		for e := (told{}); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case name == "" && value != "":
				f.told <- told{comment: value}
			case name == "event":
				e.name = value
			case name == "id":
				e.id = value
			case name == "data":
				e.raw = []byte(value)
				_ = json.Unmarshal(e.raw, &e.json)
			case name == "" && e.name != "":
				f.told <- e
				e = told{}
			}
		}
	}()
	return f
}

// next waits for the next event that is not a comment, and keeps its token.
func (f *follower) next() told {
	f.c.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e, open := <-f.told:
			if !open {
				f.c.t.Fatal("the stream ended")
			}
			if e.comment == "" {
				must(f.c.t, heldTimes("", e.json))
				f.c.keep(e.answer)
				return e
			}
		case <-deadline:
			f.c.t.Fatal("nothing is told")
		}
	}
}

// until waits until this number of points is available.
func (f *follower) until(available int) told {
	f.c.t.Helper()
	for {
		e := f.next()
		f.c.expect(
			e.name == "session" && e.id == strconv.Itoa(f.c.claims().number("ver")),
			"a session with its version: %s %s", e.id, e.raw,
		)
		if e.number("points.available") == available {
			f.c.expect(f.c.claims().number("points") == available, "the token says so too")
			return e
		}
	}
}

// wantEnd waits for the end, and checks its reason.
func (f *follower) wantEnd(reason string) {
	f.c.t.Helper()
	e := f.next()
	for e.name == "session" {
		e = f.next()
	}
	f.c.expect(e.name == "end" && e.text("reason") == reason, "it ends with %s: %s %s", reason, e.name, e.raw)
	if _, open := <-f.told; open {
		f.c.t.Fatal("something is told after the end")
	}
}

// followsItsSession proves that a stream on which nothing happens sends the session once and ends on time.
func (c *client) followsItsSession() {
	c.t.Helper()
	said := string(c.call(http.StatusOK, http.MethodGet, "/session/stream?seconds=1", nil).raw)
	c.expect(
		strings.Count(said, "event: session\n") == 1 && strings.HasSuffix(
			said, "event: end\ndata: {\"reason\":\"time_over\"}\n\n",
		),
		"once, and the end: %s", said,
	)
	known := string(
		c.call(
			http.StatusOK, http.MethodGet, "/session/stream?seconds=1", nil, "Last-Event-ID",
			strconv.Itoa(c.claims().number("ver")),
		).raw,
	)
	c.expect(!strings.Contains(known, "event: session"), "what is known is not told again: %s", known)
	older := string(c.call(http.StatusOK, http.MethodGet, "/session/stream?seconds=1", nil, "Last-Event-ID", "0").raw)
	c.expect(strings.Contains(older, "event: session"), "who knows an older version is told: %s", older)
}

func badStreams() (list []refusal) {
	for query, pointer := range map[string]string{
		"seconds=0": "seconds", "seconds=601": "seconds", "seconds=-1": "seconds", "seconds=x": "seconds",
		"seconds=": "seconds", "seconds=1.5": "seconds",
	} {
		list = append(
			list,
			refusal{
				"stream " + query, http.MethodGet, "/session/stream?" + query, nil, nil, 400, "validation", pointer,
			},
		)
	}
	for _, id := range []string{"", "x", "-1", "1.5", "1e3", strings.Repeat("9", 19)} {
		list = append(
			list,
			refusal{
				"stream after " + id, http.MethodGet, "/session/stream?seconds=1", nil, []string{"Last-Event-ID", id},
				400, "validation", "Last-Event-ID",
			},
		)
	}
	return append(list,
		refusal{
			"stream of nobody", http.MethodGet, "/session/stream?seconds=1", nil, []string{"Authorization", "-"}, 401,
			"unauthorized", "",
		},
		refusal{"stream with a body", http.MethodGet, "/session/stream?seconds=1", `[]`, nil, 400, "validation", ""},
		refusal{
			"stream by a method it does not take", http.MethodPost, "/session/stream", `{}`, nil, 405,
			"method-not-allowed", "",
		})
}

// TestSessionStream proves that an open stream reports what another server of the same database changed: a purchase
// that only its webhook reports, a spend, points that return by themselves. Also proves that a client that reconnects
// gets only what it does not know yet.
func TestSessionStream(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		other := w.server(t, nil)
		f := c.follow(t, other, "")
		f.until(0)
		session := c.call(http.StatusOK, http.MethodGet, "/session", nil)
		c.expect(
			f.c.claims().text("sid") == c.claims().text("sid") && f.c.claims().text("sub") == session.text("user.id"),
			"by the same login",
		)

		c.pay(c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"}))
		w.Flush()
		f.until(100)
		c.spend(http.StatusOK, 10)
		last := f.until(90)
		f.leave()

		again := c.follow(t, other, "", "Last-Event-ID", last.id)
		c.spend(http.StatusOK, 1)
		first := again.next()
		c.expect(first.number("points.available") == 89, "nothing is told twice: %s", first.raw)
		c.call(http.StatusCreated, http.MethodPost, "/points/holds", map[string]any{"amount": 9, "ttl_seconds": 60})
		held := again.until(80)
		c.expect(held.number("points.held") == 9, "held: %s", held.raw)
		w.Advance(time.Minute)
		back := again.until(89)
		c.expect(back.number("points.held") == 0, "the hold's time is over: %s", back.raw)
	})
}

// TestStreamOfEndedLogin proves that a stream ends with its login, but not with another login of the same account. The
// access token, which cannot be revoked, opens no further stream.
func TestStreamOfEndedLogin(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		device := c.other()
		device.call(
			http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"email": c.email, "password": password},
		)
		stays, ends := c.follow(t, w.url, ""), device.follow(t, w.server(t, nil), "")
		stays.until(0)
		ends.until(0)
		c.call(http.StatusNoContent, http.MethodPost, "/auth/logout", map[string]any{"refresh_token": device.refresh})
		ends.wantEnd("login_ended")
		device.call(http.StatusUnauthorized, http.MethodGet, "/session/stream?seconds=1", nil)
		c.buy("pack_100")
		stays.until(100)
	})
}

// TestStreamLimits proves that a sixth stream of an account takes the place of its oldest, which is told so. The login
// goes on, another account's streams do too, and the metrics count those that are open.
func TestStreamLimits(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, other := w.user(t), w.user(t).follow(t, w.url, "")
		other.until(0)
		var open []*follower
		for range 5 {
			f := c.follow(t, w.url, "")
			f.until(0)
			open = append(open, f)
		}
		sixth := c.follow(t, w.url, "")
		open[0].wantEnd("replaced")
		metrics := string(c.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
		c.expect(strings.Contains(metrics, "\npointsync_session_streams 6\n"), "the metrics count them")
		c.buy("pack_100")
		for _, f := range append(open[1:], sixth) {
			f.until(100)
		}
		c.call(http.StatusOK, http.MethodGet, "/session", nil)
		select {
		case e := <-other.told:
			t.Errorf("another account's stream is told something: %s %s", e.name, e.raw)
		default:
		}
	})
}

// TestStreamsEndWithServer proves that a server that is about to stop ends its streams at once and begins none. A
// client that then goes to another server misses nothing.
func TestStreamsEndWithServer(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, leaving := w.user(t), make(chan struct{})
		server := httptest.NewServer(w.wire(leaving))
		f := c.follow(t, server.URL, "")
		last := f.next()
		begin := time.Now()
		close(leaving)
		f.wantEnd("server_ending")
		ending := &client{t: t, w: &world{url: server.URL}, token: c.token}
		a := ending.call(http.StatusServiceUnavailable, http.MethodGet, "/session/stream?seconds=1", nil)
		c.expect(a.header.Get("Retry-After") != "", "come again: %s", a.raw)
		server.Close() // waits for all requests
		c.expect(time.Since(begin) < 10*time.Second, "at once")
		c.buy("pack_100")
		c.follow(t, w.url, "", "Last-Event-ID", last.id).until(100)
	})
}

// TestStreamOutlivesLimits proves that the limits for requests, which are short here, do not cut a stream. A quiet
// stream shows that it is alive, and ends at its time limit.
func TestStreamOutlivesLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	c := w.user(t)
	server := api.NewHTTPServer(w.wire(nil), slog.New(slog.DiscardHandler))
	server.ReadTimeout, server.WriteTimeout = 2*time.Second, 2*time.Second
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	f := c.follow(t, fmt.Sprintf("http://%s", l.Addr()), "?seconds=17")
	f.until(0)
	beats := 0
	for e := range f.told {
		if e.comment != "" {
			beats++
		} else {
			c.expect(e.name == "end" && e.text("reason") == "time_over", "it ends with its time: %s", e.raw)
			c.expect(beats == 1, "%d signs of life in 17 seconds", beats)
			return
		}
	}
	t.Fatal("the stream was cut")
}
