package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/pointsync/pointsync/pkg/config"
)

// clock follows the clock of a sandbox over HTTP, so that a tester can live through a year in a minute. It asks every
// time, because a request after a move of the clock must see the new time.
type clock struct {
	url    string
	client http.Client
	offset atomic.Int64 // nanoseconds from the machine's time, as last read
	log    *slog.Logger
}

// clockOf returns the clock that the configuration names: the machine's, or a sandbox's.
func clockOf(ctx context.Context, c config.Config, log *slog.Logger) (func() time.Time, error) {
	if c.ClockURL == "" {
		return time.Now, nil
	}
	log.Warn("the time is that of a sandbox", "url", c.ClockURL)
	now, err := followClock(ctx, c.ClockURL, log)
	if err != nil {
		return nil, fmt.Errorf("POINTSYNC_CLOCK_URL: %w", err)
	}
	return now, nil
}

// followClock returns a function that reads the clock at url. The clock must reply now. If it does not reply later, the
// function uses the last offset.
func followClock(ctx context.Context, url string, log *slog.Logger) (func() time.Time, error) {
	// Many requests ask at once, and two idle connections, the default, would mean a new one for most questions.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	c := &clock{url: url, client: http.Client{Timeout: 2 * time.Second, Transport: transport}, log: log}
	if _, err := c.ask(ctx); err != nil {
		return nil, fmt.Errorf("the clock at %s does not respond: %w", url, err)
	}
	return c.now, nil
}

func (c *clock) now() time.Time {
	t, err := c.ask(context.Background())
	if err != nil {
		c.log.Warn("the clock does not respond; its last offset stays", "error", err)
		return time.Now().Add(time.Duration(c.offset.Load()))
	}
	return t
}

func (c *clock) ask(ctx context.Context) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer resp.Body.Close()
	var answer struct {
		Now time.Time `json:"now"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Now.IsZero() {
		return time.Time{}, fmt.Errorf("it responded %s without {\"now\": …}", resp.Status)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // to the end, so that the next question can reuse the connection
	c.offset.Store(int64(time.Until(answer.Now)))
	return answer.Now, nil
}
