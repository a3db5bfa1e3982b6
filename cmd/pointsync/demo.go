package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

type demoCmd struct{}

// Run plays the story on free ports, in a folder that is removed afterwards.
func (demoCmd) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "pointsync-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	s, err := startDev(ctx, devCmd{Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: dir}, log)
	if err != nil {
		return err
	}
	d := &demo{ctx: ctx, api: s.url, sandbox: s.sandboxURL, stopJobs: s.app.jobs.Stop, out: os.Stdout}
	err = d.play()
	s.stop()
	if waitErr := s.wait(); err == nil {
		err = waitErr
	}
	if err == nil {
		fmt.Println("\nEvery step was as it should be.")
	}
	return err
}

// demo is a client: it holds a token and knows the API only by its contract.
type demo struct {
	ctx          context.Context
	api, sandbox string
	stopJobs     func(context.Context) error // of the server, so that it learns only from its requests
	out          io.Writer
	token        string
	refresh      string
}

// answer is the body of a response, by member name.
type answer map[string]any

// play stops at the first step that goes wrong.
func (d *demo) play() error {
	return d.guard(func() {
		for _, part := range []func(){d.begin, d.buyPack, d.subscribe, d.outside, d.refused, d.cancel} {
			part()
		}
	})
}

// guard returns the panic of a failed step as an error.
func (d *demo) guard(part func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			step, ok := r.(unexpected)
			if !ok {
				panic(r)
			}
			err = step
		}
	}()
	part()
	return nil
}

// unexpected is the panic value that ends the play.
type unexpected string

// Error returns what was unexpected.
func (u unexpected) Error() string { return string(u) }

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, "\n# "+format+"\n", args...) }

// expect ends the play unless ok.
func (d *demo) expect(ok bool, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if !ok {
		panic(unexpected("not as it should be: " + what))
	}
	fmt.Fprintf(d.out, "  ✓ %s\n", what)
}

// call sends JSON to the API, prints a summary of both sides, and ends the play if the status is not the wanted one.
func (d *demo) call(want int, method, path string, body any, headers ...string) answer {
	req := d.request(method, d.api+path, body)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	return d.send(want, req, path)
}

// stripe sends a form to the sandbox, as Stripe's own clients do.
func (d *demo) stripe(want int, method, path string, form url.Values) answer {
	req, err := http.NewRequestWithContext(d.ctx, method, d.sandbox+path, strings.NewReader(form.Encode()))
	if err != nil {
		panic(unexpected(err.Error()))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+devKey)
	return d.send(want, req, "stripe "+path)
}

func (d *demo) request(method, address string, body any) *http.Request {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(unexpected(err.Error()))
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(d.ctx, method, address, content)
	if err != nil {
		panic(unexpected(err.Error()))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

func (d *demo) send(want int, req *http.Request, label string) answer {
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		panic(unexpected(err.Error()))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(unexpected(err.Error()))
	}
	var a answer
	if len(b) > 0 {
		if err := json.Unmarshal(b, &a); err != nil {
			panic(unexpected(fmt.Sprintf("%s responded %s without JSON: %.200s", label, resp.Status, b)))
		}
	}
	fmt.Fprintf(d.out, "  %-4s %-34s -> %d %s\n", req.Method, short(label), resp.StatusCode, brief(a))
	if resp.StatusCode != want {
		panic(unexpected(fmt.Sprintf("%s %s responded %d, not %d: %s", req.Method, label, resp.StatusCode, want, b)))
	}
	// The rule for clients: whenever a response has a token, replace the one that you hold.
	if t, ok := a["token"].(string); ok {
		d.token = t
	}
	if r, ok := a["refresh_token"].(string); ok {
		d.refresh = r
	}
	return a
}

// at returns a member by its path, or nil if it is missing.
func (a answer) at(path string) any {
	var v any = map[string]any(a)
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (a answer) text(path string) string { s, _ := a.at(path).(string); return s }
func (a answer) number(path string) int  { n, _ := a.at(path).(float64); return int(n) }

// claims returns the claims of the held token, which a client may read without verifying them.
func (d *demo) claims() answer {
	parts := strings.Split(d.token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		panic(unexpected(err.Error()))
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		panic(unexpected(err.Error()))
	}
	return a
}

// brief returns the members of an answer that tell the story.
func brief(a answer) string {
	var parts []string
	for _, m := range []struct{ path, label string }{
		{"order.status", "order"}, {"payment_status", "payment"}, {"spend.amount", "spent"}, {
			"points.available", "points",
		}, {"available", "points"},
		{
			"subscription.status", "subscription",
		}, {"subscription.until", "until"}, {"stale", "stale"}, {"type", "type"}, {"now", "now"}, {"status", "status"},
	} {
		if v := a.at(m.path); v != nil {
			parts = append(parts, fmt.Sprintf("%s=%v", m.label, v))
		}
	}
	return strings.Join(parts, " ")
}

// short cuts long paths, whose ids tell nothing.
func short(path string) string {
	if len(path) > 34 {
		return path[:33] + "…"
	}
	return path
}
