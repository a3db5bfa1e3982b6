package api_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// lines keeps what a log writes.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

// of returns the lines with a message.
func (l *lines) of(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.all.String()) {
		var fields map[string]any
		must(t, json.Unmarshal([]byte(line), &fields))
		if fields["msg"] == message {
			found = append(found, fields)
		}
	}
	return found
}

// pageEvents returns the level and the fields of each security event that docs/operations/logs.md lists.
func pageEvents(t *testing.T) map[string][2]string {
	t.Helper()
	page, err := os.ReadFile("../docs/operations/logs.md")
	must(t, err)
	_, events, _ := strings.Cut(string(page), "## Security events")
	listed := map[string][2]string{}
	rows := regexp.MustCompile("(?m)^\\| (`.+`) \\| (WARN|INFO) \\| (.+) \\| .+ \\|$")
	for _, row := range rows.FindAllStringSubmatch(events, -1) {
		for _, name := range quoted.FindAllStringSubmatch(row[1], -1) {
			listed[name[1]] = [2]string{row[2], row[3]}
		}
	}
	return listed
}

// TestSecurityEvents proves that each security event of docs/operations/logs.md is logged once it has happened, at its
// level and with its fields, and that there is no other. Each refused request is logged with its problem, and refused
// logins with their address. No line has an email.
func TestSecurityEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	out := &lines{}
	log := slog.New(slog.NewJSONHandler(out, nil))
	w.db.LogSecurity(log)
	w.throttled = true
	server := httptest.NewServer(w.wireWith(nil, log))
	t.Cleanup(server.Close)
	old := w.url
	w.url = server.URL
	admin, c := w.admin(t), w.user(t)
	other := c.other()
	w.misuses(t, c, other)
	admin.guards(t, c)
	w.ring(t, http.StatusBadRequest, event("evt_1", "cus_x"), "whsec_of_somebody_else", w.Now())
	w.url = old

	listed, seen := pageEvents(t), map[string]bool{}
	for _, line := range out.of(t, billing.SecurityLogged) {
		name, _ := line["event"].(string)
		want, ok := listed[name]
		if !ok || line["level"] != want[0] {
			t.Errorf("the page has no such event: %v", line)
		}
		for _, field := range quoted.FindAllStringSubmatch(want[1], -1) {
			if line[field[1]] == nil && name != string(billing.SecurityRoleChanged) {
				t.Errorf("%s lacks %s: %v", name, field[1], line)
			}
		}
		seen[name] = true
	}
	for name := range listed {
		if !seen[name] {
			t.Errorf("%s was not logged", name)
		}
	}
	refused := 0
	for _, line := range out.of(t, "request") {
		status, _ := line["status"].(float64)
		route, _ := line["route"].(string)
		if status < 400 {
			continue
		}
		refused++
		if line["problem"] == nil || strings.HasPrefix(route, "/auth/") && line["address"] != "127.0.0.1" {
			t.Errorf("a refusal: %v", line)
		}
	}
	if said := out.all.String(); refused == 0 || strings.Contains(said, "@example.com") {
		t.Errorf("%d refusals, and an email: %v", refused, strings.Contains(said, "@example.com"))
	}
}

// misuses does what is a warning, and changes the password.
func (w *world) misuses(t *testing.T, c, other *client) {
	t.Helper()
	used := c.refresh
	for range 2 {
		c.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": c.refresh})
	}
	c.call(http.StatusUnauthorized, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": used})
	login := map[string]any{"email": other.email, "password": password}
	other.call(http.StatusOK, http.MethodPost, "/auth/login", login)
	changed := map[string]any{"current_password": password, "password": "another horse battery"}
	other.call(http.StatusNoContent, http.MethodPost, "/auth/password", changed)
	stranger := &client{t: t, w: w}
	statuses := []int{}
	for !slices.Contains(statuses, http.StatusTooManyRequests) && len(statuses) < 20 {
		wrong := map[string]any{"email": "eve@example.com", "password": "not the password"}
		a, err := stranger.do(http.MethodPost, "/auth/login", wrong)
		must(t, err)
		statuses = append(statuses, a.status)
	}
}

// guards does to another's account all that an admin can, and to keys and endpoints.
func (c *client) guards(t *testing.T, whom *client) {
	t.Helper()
	id := whom.claims().text("sub")
	path := "/admin/accounts/" + id + "/"
	storetest.Exec(t, c.w.db, "UPDATE accounts SET parked_at = created_at, parked_reason = 'much' WHERE id = '"+id+"'")
	for n, step := range []struct {
		status int
		path   string
		body   map[string]any
	}{
		{http.StatusCreated, "grants", map[string]any{"amount": 50, "reason": "sorry"}},
		{http.StatusCreated, "corrections", map[string]any{"amount": 20, "reason": "too many"}},
		{http.StatusOK, "unpark", map[string]any{"reason": "looked at"}},
		{http.StatusOK, "end-sessions", map[string]any{"reason": "a lost phone"}},
		{http.StatusOK, "disable", map[string]any{"reason": "fraud"}},
		{http.StatusOK, "enable", map[string]any{"reason": "no fraud"}},
		{http.StatusOK, "delete", map[string]any{"reason": "asked for it"}},
	} {
		c.call(step.status, http.MethodPost, path+step.path, step.body, "Idempotency-Key", "k"+strconv.Itoa(n))
	}
	hook := map[string]any{"url": "https://example.com/hook", "types": []string{"points.spent"}}
	made := c.call(http.StatusCreated, http.MethodPost, "/admin/webhooks", hook)
	at := "/admin/webhooks/" + made.text("webhook.id")
	c.call(http.StatusOK, http.MethodPut, at, hook)
	c.call(http.StatusOK, http.MethodPost, at+"/roll", nil)
	c.call(http.StatusAccepted, http.MethodPost, at+"/test", nil)
	storetest.Exec(t, c.w.db, "UPDATE deliveries SET status = 'missed', type = 'points.spent'")
	c.call(http.StatusAccepted, http.MethodPost, at+"/resend", map[string]any{"statuses": []string{"missed"}})
	c.call(http.StatusNoContent, http.MethodDelete, at, nil)
	key := c.call(http.StatusCreated, http.MethodPost, "/admin/keys", map[string]any{
		"name": "till", "scopes": []string{string(billing.Scopes[0])},
	})
	c.call(http.StatusOK, http.MethodPost, "/admin/keys/"+key.text("key.id")+"/revoke", nil)
	(&client{t: t, w: c.w, token: key.text("secret")}).call(
		http.StatusUnauthorized, http.MethodGet, "/accounts/"+id+"/points", nil,
	)
}
