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

// user is one customer with an app: a client that follows the rules for clients, and writes down what it was told.
type user struct {
	w      *world
	number int
	email  string

	mu         sync.Mutex
	account    string    // its id, once registered
	customer   string    // at Stripe, once known
	switchedOn time.Time // when packs were last wanted to be bought by themselves, on Stripe's clock
	gone       []string  // customers of theirs that were deleted at Stripe
	token      string
	refresh    string
	old        []string // tokens held before, the newest last
	claims     []claims // what every token said that has not been held against the database yet
	journal    []*intent
	orders     []order
	wishes     []*wish // the last few, about the subscription
}

const password = "correct horse battery"

// answer is what came back of a request.
type answer struct {
	status   int
	replayed bool
	json     map[string]any // nil where the body is none
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

// request is one request, as often as it is sent.
type request struct {
	method, path string
	body         any
	key          string
}

const (
	callPatience  = 5 * time.Second  // how long a client waits for one answer
	loginPatience = 60 * time.Second // the same where a password is hashed, which costs much on a busy machine
)

func (r request) patience() time.Duration {
	if strings.HasPrefix(r.path, "/auth/") {
		return loginPatience
	}
	return callPatience
}

// send sends a request once, over the wire that may be cut, under the token given.
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

// lost says whether the outcome of a try is unknown: it may have had its effect or not.
func lost(a answer, err error) bool { return err != nil || a.status >= http.StatusInternalServerError }

// insist repeats a request until it has a definite answer, or patience ends. unsure says that some try before the last
// had an unknown outcome. The first try goes out under the token first, "" for the current one.
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
			return a, unsure, true // Stripe refuses it, and would again
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

// stale is a token that was held before, mostly an older one.
func (u *user) stale(n int) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.old) == 0 {
		return u.token
	}
	return u.old[n%len(u.old)]
}

// maxOld bounds how many old tokens a client goes on using.
const maxOld = 12

// keep follows the rule for clients, and remembers what each token says.
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

// renew replaces a token that ran out: by the refresh token, or, where that is used up, by logging in.
func (u *user) renew(refused string) {
	u.mu.Lock()
	if u.token != refused {
		u.mu.Unlock()
		return // somebody else has renewed it meanwhile, or this was an old one
	}
	refresh := u.refresh
	u.refresh = "" // a second use would end the login: so whoever comes next logs in
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

// register makes the account. A registration whose answer was lost is found by logging in.
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
