package simtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// user is one customer with an app: a client that follows the rules for clients and records what it was told.
type user struct {
	w      *world
	number int
	email  string

	mu         sync.Mutex
	account    string    // account id, once registered
	customer   string    // Stripe customer, once known
	switchedOn time.Time // when the customer last asked for top-ups, on Stripe's clock
	gone       []string  // their customers that were deleted at Stripe
	token      string
	refresh    string
	old        []string // earlier tokens, the newest last
	claims     []claims // claims of tokens that were not compared with the database yet
	journal    []*intent
	orders     []order
	wishes     []*wish // the last few, about the subscription
}

const password = "correct horse battery"

// answer is the reply to a request.
type answer struct {
	status   int
	replayed bool
	json     map[string]any // nil if the body is not JSON
}

func (a answer) at(path string) any {
	var v any = a.json
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (a answer) text(path string) string  { s, _ := a.at(path).(string); return s }
func (a answer) number(path string) int64 { n, _ := a.at(path).(float64); return int64(n) }

func (a answer) String() string {
	if a.json == nil {
		return fmt.Sprint(a.status)
	}
	return fmt.Sprintf("%d %s", a.status, strings.TrimPrefix(a.text("type"), "/problems/"))
}

// request is one request, however often it is sent.
type request struct {
	method, path string
	body         any
	key          string
}

const (
	callPatience  = 5 * time.Second  // how long a client waits for one reply
	loginPatience = 60 * time.Second // the same where a password is hashed, which is expensive on a busy machine
)

func (r request) patience() time.Duration {
	if strings.HasPrefix(r.path, "/auth/") {
		return loginPatience
	}
	return callPatience
}

// send sends a request once with the given token, over the wire that may be cut.
func (u *user) send(r request, token string) (a answer, err error) {
	var body io.Reader = http.NoBody
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return a, err
		}
		body = strings.NewReader(string(b))
	}
	ctx, cancel := context.WithTimeout(u.w.ctx, max(r.patience(), u.w.answerWithin))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, "http://"+u.w.api.addr()+r.path, body)
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	resp, err := u.w.http.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, err
	}
	a = answer{status: resp.StatusCode, replayed: resp.Header.Get("Idempotent-Replayed") == "true"}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.json); err != nil {
			return a, fmt.Errorf("no JSON: %w", err)
		}
	}
	if a.status == http.StatusServiceUnavailable {
		u.w.away.Add(1)
		if resp.Header.Get("Retry-After") == "" || resp.Header.Get("Content-Type") != "application/problem+json" {
			u.w.violate(
				u, "%s %s answers 503 without saying when to come again, or as %q", r.method, r.path,
				resp.Header.Get("Content-Type"),
			)
		}
	}
	if a.status == http.StatusInternalServerError {
		u.w.violate(u, "%s %s answers %d: %.300s", r.method, r.path, a.status, bytes.TrimSpace(raw))
	}
	u.keep(a)
	return a, nil
}

// lost reports whether the outcome of a try is unknown: it may or may not have had its effect.
func lost(a answer, err error) bool { return err != nil || a.status >= http.StatusInternalServerError }

// insist repeats a request until it has a definite reply, or patience ends. unsure reports that the outcome of an
// earlier try is unknown. The first try uses the token first, or the current one if that is "".
func (u *user) insist(r request, first string, patience time.Duration) (a answer, unsure, ok bool) {
	deadline := time.Now().Add(patience)
	for try := 0; try == 0 || time.Now().Before(deadline); try++ {
		token := first
		if try > 0 || first == "" {
			token = u.current()
		}
		a, err := u.send(r, token)
		switch {
		case u.w.ctx.Err() != nil:
			return a, unsure, false
		case err == nil && a.status == http.StatusBadGateway && strings.HasPrefix(r.path, "/subscription/"):
			return a, unsure, true // Stripe refuses it, and would refuse it again
		case lost(a, err):
			unsure = true
			u.w.failed.Add(1)
			pause(u.w.ctx, try)
		case a.status == http.StatusUnauthorized:
			u.renew(token)
		default:
			return a, unsure, true
		}
	}
	return answer{}, unsure, false
}

// pause waits a moment, longer with each try.
func pause(ctx context.Context, try int) {
	timer := time.NewTimer(time.Duration(min(try+1, 12)) * 15 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (u *user) current() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.token
}

// stale returns an earlier token, mostly an older one.
func (u *user) stale(n int) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.old) == 0 {
		return u.token
	}
	return u.old[n%len(u.old)]
}

// maxOld is how many earlier tokens a client keeps using.
const maxOld = 12

// keep stores the newest token as the rule for clients says, and remembers the claims of each token.
func (u *user) keep(a answer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r := a.text("refresh_token"); r != "" {
		u.refresh = r
	}
	if id := a.text("user.id"); id != "" {
		u.account = id
	}
	raw := a.text("token")
	if raw == "" {
		return
	}
	if u.token != "" {
		u.old = append(u.old, u.token)
		u.old = u.old[max(0, len(u.old)-maxOld):]
	}
	u.token = raw
	said, err := readClaims(raw)
	switch points, shown := a.at("points.available").(float64); {
	case err != nil:
		u.w.violate(u, "a token that cannot be read: %v", err)
		return
	case shown && int64(points) != said.Points:
		u.w.violate(u, "an answer shows %v points and its token says %d", points, said.Points)
	}
	u.claims = append(u.claims, said)
}

// renew replaces an expired token with the refresh token. If the refresh token is used up, it logs in.
func (u *user) renew(refused string) {
	u.mu.Lock()
	if u.token != refused {
		u.mu.Unlock()
		return // someone else has renewed it in the meantime, or this was an old one
	}
	refresh := u.refresh
	u.refresh = "" // a second use would end the login, so the next caller logs in
	u.mu.Unlock()
	if refresh != "" {
		a, err := u.send(
			request{method: "POST", path: "/auth/refresh", body: map[string]any{"refresh_token": refresh}}, "",
		)
		if err == nil && a.status == http.StatusOK {
			return
		}
	}
	u.login()
}

func (u *user) login() {
	for try := 0; try < 100 && u.w.ctx.Err() == nil; try++ {
		a, err := u.send(
			request{method: "POST", path: "/auth/login", body: map[string]any{"email": u.email, "password": password}},
			"",
		)
		if err == nil && a.status == http.StatusOK {
			return
		}
		pause(u.w.ctx, try)
	}
}

// register makes the account. If the reply to a registration was lost, it logs in to find the account.
func (u *user) register() {
	body := map[string]any{"email": u.email, "password": password}
	a, _, ok := u.insist(request{method: "POST", path: "/auth/register", body: body}, "", 2*loginPatience)
	if ok && a.status == http.StatusConflict {
		u.login()
	}
	if u.current() == "" {
		u.w.violate(u, "cannot register: %s", a)
	}
}
