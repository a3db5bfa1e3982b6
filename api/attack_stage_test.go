package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/pointsync/pointsync/api"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const (
	stageReadTimeout = 3 * time.Second // the real server has one too, of 15 s
	stagePatience    = 30 * time.Second
)

// stage is where the attacks happen: a server with the limits of the real one, a victim, an attacker, an admin and a
// service.
type stage struct {
	w       *world
	address string // of the server
	words   map[string]string
	private map[string]string // what no response to an attack may contain, by what it is
	faults  *syncBuffer       // what the server logs as its own faults
}

// newStage returns a stage on which nothing moves by itself.
func newStage(t *testing.T, w *world) *stage {
	t.Helper()
	s := &stage{w: w, words: map[string]string{}, private: map[string]string{}, faults: &syncBuffer{}}
	s.serve(t)
	victim, attacker := w.user(t), w.user(t)
	bought := victim.buy("pack_100")
	held := victim.hold(http.StatusCreated, 10)
	for word, value := range map[string]string{
		"VICTIM": victim.claims().text("sub"), "ORDER": bought.text("order.id"), "HOLD": held.text("hold.id"),
		"ENTRY":        answer{json: victim.entries()[0].(map[string]any)}.text("id"),
		"VICTIM_EMAIL": victim.email, "VICTIM_REFRESH": victim.refresh, "VICTIM_LOGIN": victim.claims().text("sid"),
	} {
		s.words[word], s.private["the victim's "+strings.ToLower(word)] = value, value
	}
	service := w.service(t, "spend", "hold", "grant", "read")
	service.call(
		http.StatusCreated, http.MethodPost, attacker.account()+"/grants",
		map[string]any{"amount": 100, "reference": "given"}, "Idempotency-Key", "given",
	)
	attacker.call(http.StatusOK, http.MethodGet, "/session", nil)
	spent := attacker.spend(http.StatusOK, 1, "Idempotency-Key", "used")
	attacker.call(http.StatusOK, http.MethodGet, "/points", nil) // the spend is now settled; a look changes nothing more
	boss := w.admin(t)
	hook := boss.call(
		http.StatusCreated, http.MethodPost, "/admin/webhooks", map[string]any{"url": "https://example.com/hook"},
	)
	key := boss.call(http.StatusCreated, http.MethodPost, "/admin/keys", map[string]any{
		"name": "another", "scopes": []string{"read"},
	})
	maps.Copy(s.words, map[string]string{
		"ACCOUNT": attacker.claims().text("sub"), "EMAIL": attacker.email, "REFRESH": attacker.refresh,
		"USER": attacker.token, "ADMIN": boss.token, "WORKER": service.token, "READER": key.text("secret"),
		"READER_ID": key.text("key.id"), "HOOK": hook.text("webhook.id"), "HOST": s.address,
		"RECEIPT": spent.text("receipt"),
	})
	s.private["a secret of an endpoint"], s.private["a key"] = hook.text("secret"), key.text("secret")
	w.ring(t, http.StatusOK, event("evt_known", "cus_of_somebody"), w.secret, w.Now())
	w.Flush()
	storetest.WaitFor(t, "no event waits", func() bool {
		return storetest.Count(t, w.db, "SELECT count(*) FROM inbox_events WHERE status = 'pending'") == 0
	})
	return s
}

// serve starts a server on a port, as the program does: with its limits, and with endpoints on public addresses only.
func (s *stage) serve(t *testing.T) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(s.faults, &slog.HandlerOptions{Level: slog.LevelError}))
	s.w.public, s.w.keyRate = true, 100_000
	server := api.NewHTTPServer(s.w.wireWith(nil, log), log)
	server.ReadTimeout = stageReadTimeout
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { must(t, server.Close()) })
	s.address = l.Addr().String()
	s.w.url = "http://" + s.address
}

func (c *client) entries() []any {
	c.t.Helper()
	return c.call(http.StatusOK, http.MethodGet, "/points/entries", nil).list("entries")
}

var stageWord = regexp.MustCompile(`\$[A-Z_]+`)

// say replaces the words in a text. The signatures of Stripe's webhooks depend on the request's body.
func (s *stage) say(t *testing.T, text, body string) string {
	t.Helper()
	return stageWord.ReplaceAllStringFunc(text, func(word string) string {
		if value, ok := s.words[word[1:]]; ok {
			return value
		}
		if signed, ok := signatures[word[1:]]; ok {
			return signed(s.w, s.say(t, body, ""))
		}
		t.Errorf("the stage knows no %s", word)
		return word
	})
}

// bytesOf returns an attack as it goes over the wire.
func (s *stage) bytesOf(t *testing.T, a attack) string {
	t.Helper()
	header, body := s.say(t, a.header, a.body), s.say(t, a.body, "")
	line := s.say(t, a.line, "")
	if strings.Count(line, " ") == 1 {
		line += " HTTP/1.1"
	}
	add := func(name, value string) {
		if !strings.Contains("\n"+strings.ToLower(header), "\n"+strings.ToLower(name)+":") {
			header = name + ": " + value + "\r\n" + header
		}
	}
	if a.as != anonymous {
		add("Authorization", "Bearer "+s.say(t, a.as, ""))
	}
	if body != "" {
		add("Content-Type", "application/json")
		if !strings.Contains(header, "Transfer-Encoding") {
			add("Content-Length", fmt.Sprint(len(body)))
		}
	}
	add("Connection", "close")
	add("Host", s.address)
	return line + "\r\n" + header + "\r\n" + body
}

// send sends one attack. It returns the request as the server understood it, or nil if it is none.
func (s *stage) send(t *testing.T, a attack) (sent *http.Request, got answer, err error) {
	t.Helper()
	raw := s.bytesOf(t, a)
	if sent, err = http.ReadRequest(bufio.NewReader(strings.NewReader(raw))); err != nil {
		sent = nil
	}
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, got, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(stagePatience)); err != nil {
		return nil, got, err
	}
	_, _ = io.WriteString(conn, raw) // a server that has refused already reads no more
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, sent)
	if err != nil {
		return nil, got, fmt.Errorf("no response to %.80q: %w", raw, err)
	}
	if resp.StatusCode == http.StatusContinue {
		if resp, err = http.ReadResponse(in, sent); err != nil {
			return nil, got, err
		}
	}
	defer resp.Body.Close()
	got = answer{status: resp.StatusCode, header: resp.Header}
	if got.raw, err = io.ReadAll(resp.Body); err != nil {
		return nil, got, err
	}
	if len(got.raw) > 0 && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(got.raw, &got.json); err != nil {
			return nil, got, err
		}
	}
	return sent, got, onlyOne(conn, in)
}

// onlyOne requires that nothing follows a response: bytes of a request that look like a second one must not be served.
func onlyOne(conn net.Conn, in io.Reader) error {
	_ = conn.(*net.TCPConn).CloseWrite() // fails if the server has closed the connection
	rest, err := io.ReadAll(io.LimitReader(in, 1000))
	if err != nil && !errors.Is(err, io.EOF) {
		rest = bytes.TrimSpace(rest) // a reset: the server did not read all that was sent
	}
	if len(rest) > 0 {
		return fmt.Errorf("a second response came: %.200q", rest)
	}
	return nil
}

// quiet are tables that change without an effect of a request: by clocks and jobs, or to count requests for a limit.
var quiet = regexp.MustCompile(`^(river_.*|goose_.*|sqlite_.*|audit_runs|event_walks|request_budgets|attempts)$`)

// rows returns the content of every table that no job changes by itself, without the times at which keys were used.
func (s *stage) rows(t *testing.T) map[string]string {
	t.Helper()
	names := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if s.w.db.Dialect() == store.Postgres {
		names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	}
	content := map[string]string{}
	for table := range strings.FieldsSeq(storetest.Dump(t, s.w.db, names)) {
		if quiet.MatchString(table) {
			continue
		}
		columns := "*"
		if table == "service_keys" {
			columns = "id, name, scopes, created_by, expires_at, revoked_at"
		}
		lines := strings.Split(storetest.Dump(t, s.w.db, "SELECT "+columns+" FROM "+table), "\n")
		slices.Sort(lines)
		content[table] = strings.Join(lines, "\n")
	}
	if len(content) < 20 {
		t.Errorf("only %d tables are looked at", len(content))
	}
	return content
}

// fill fills a path with ids of the victim's, and of things that exist, so that only the caller is wrong.
func (s *stage) fill(t *testing.T, path string) string {
	t.Helper()
	filled := strings.NewReplacer(
		"{account_id}", "$VICTIM", "{order_id}", "$ORDER", "{hold_id}", "$HOLD", "{webhook_id}", "$HOOK",
		"{event_id}", "msg_01jd0000000000000000000000", "{key_id}", "$READER_ID", "{spend_id}", "$ENTRY",
		"{session_id}", "$VICTIM_LOGIN", "{code}", "conflict", "{page}", "tokens.md",
		"{stripe_event_id}", "evt_known",
	).Replace(path)
	if strings.Contains(filled, "{") {
		t.Errorf("%s: the stage has nothing of the victim's for it", path)
	}
	return filled
}

// exampleOf returns the contract's example of a body.
func exampleOf(t *testing.T, media *openapi3.MediaType) string {
	t.Helper()
	value := media.Example
	for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
		value = media.Examples[name].Value.Value
	}
	if value == nil {
		value = map[string]any{}
	}
	body, err := json.Marshal(value)
	must(t, err)
	return string(body)
}

// signatures are headers of Stripe's, by what is wrong with them.
var signatures = map[string]func(w *world, body string) string{
	"SIGNED":       func(w *world, body string) string { return sign(body, w.secret, w.Now()) },
	"SIGNED_OLD":   func(w *world, body string) string { return sign(body, w.secret, w.Now().Add(-10*time.Minute)) },
	"SIGNED_LATER": func(w *world, body string) string { return sign(body, w.secret, w.Now().Add(10*time.Minute)) },
	"SIGNED_BY_ANOTHER": func(w *world, body string) string {
		return sign(body, "whsec_of_somebody_else", w.Now())
	},
	"SIGNED_BY_NOTHING": func(w *world, body string) string { return sign(body, "", w.Now()) },
	"SIGNED_ELSE":       func(w *world, body string) string { return sign(body+" ", w.secret, w.Now()) },
	"SIGNED_TWO_TIMES": func(w *world, body string) string {
		old := sign(body, w.secret, w.Now().Add(-time.Hour))
		return old + "," + sign(body, "whsec_of_somebody_else", w.Now())
	},
	"SIGNED_OLD_SCHEME": func(w *world, body string) string {
		return strings.Replace(sign(body, w.secret, w.Now()), "v1=", "v0=", 1)
	},
	"SIGNED_WITHOUT_TIME": func(w *world, body string) string {
		_, mac, _ := strings.Cut(sign(body, w.secret, w.Now()), ",")
		return mac
	},
	"SIGNED_BY_TOKEN": func(w *world, body string) string { return sign(body, w.signing, w.Now()) },
}
