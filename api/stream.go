package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

const (
	// streamTime is the longest life of a stream. Load balancers spread the new streams, and the first token is still
	// valid.
	streamTime     = 10 * time.Minute
	streamPulse    = 15 * time.Second // how often a quiet stream shows that it is alive
	streamPatience = 10 * time.Second // for one write, and for one read of the account
)

// The reasons why a stream ends.
const (
	loginEnded   = "login_ended"
	replaced     = "replaced"
	timeOver     = "time_over"
	serverEnding = "server_ending"
)

// streamSession sends the caller's session again whenever the account changes. The generated server can only send whole
// bodies, so this handler is not part of it.
func (s *server) streamSession(c echo.Context) error {
	if closed(s.leaving) {
		return billing.Errorf(billing.EUnavailable, "This server is shutting down.")
	}
	ctx, who := c.Request().Context(), caller(c.Request().Context())
	watch, err := s.accounts.Follow(ctx, who)
	if err != nil {
		return err
	}
	defer watch.Close()
	session, err := s.accounts.Read(ctx, who) // while an error can still be sent as a problem
	if err != nil {
		return err
	}
	out := beginEvents(c)
	if isHead(ctx) {
		return nil
	}
	known, err := strconv.ParseInt(c.Request().Header.Get("Last-Event-ID"), 10, 64)
	if err != nil || known != session.Account.Version {
		out.session(session.Account.Version, s.toAPISession(session))
	}
	s.accounts.Told(ctx, watch, session.Account)
	s.follow(ctx, out, watch, session.Account.Version, lengthOf(c))
	return nil
}

// lengthOf returns how long the caller wants the stream to last; the contract has checked the value.
func lengthOf(c echo.Context) time.Duration {
	if seconds, err := strconv.Atoi(c.QueryParam("seconds")); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return streamTime
}

// follow sends every change after version sent, until the stream is over or its reader has gone.
func (s *server) follow(ctx context.Context, out *events, watch *account.Watch, sent int64, length time.Duration) {
	over, pulse := time.NewTimer(length), time.NewTicker(streamPulse)
	defer over.Stop()
	defer pulse.Stop()
	for out.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-s.leaving:
			out.end(serverEnding)
			return
		case <-over.C:
			out.end(timeOver)
			return
		case <-pulse.C:
			out.write(": still here\n\n")
		case <-watch.News:
			if reason := endOf(watch); reason != "" {
				out.end(reason)
				return
			}
			session, err := s.readFor(ctx, caller(ctx))
			if err != nil || session.Account.Version == sent {
				continue // the signal repeats as long as the account's version differs from the one sent
			}
			sent = session.Account.Version
			out.session(session.Account.Version, s.toAPISession(session))
			s.accounts.Told(ctx, watch, session.Account)
		}
	}
}

// endOf returns why a watch is over, or "" if it is not.
func endOf(w *account.Watch) string {
	switch {
	case w.Replaced():
		return replaced
	case w.Ended():
		return loginEnded
	}
	return ""
}

func (s *server) readFor(ctx context.Context, who token.Claims) (account.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, streamPatience)
	defer cancel()
	return s.accounts.Read(ctx, who)
}

// events writes server-sent events. Nothing is kept for a slow reader: a write that takes too long ends the stream.
type events struct {
	out        http.ResponseWriter
	connection *http.ResponseController
	err        error // the first one; the reader has gone, and there is no one to tell
}

// beginEvents sends the header. The server's time limits are for short requests, so each write sets its own.
func beginEvents(c echo.Context) *events {
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // otherwise nginx would buffer the events
	e := &events{out: c.Response(), connection: http.NewResponseController(c.Response().Writer)}
	e.err = e.connection.SetReadDeadline(time.Time{})
	e.write("retry: 2000\n\n")
	return e
}

func (e *events) session(version int64, session Session) {
	data, err := json.Marshal(session)
	if err != nil {
		e.err = err
		return
	}
	e.write(fmt.Sprintf("event: session\nid: %d\ndata: %s\n\n", version, data))
}

func (e *events) end(reason string) {
	e.write(fmt.Sprintf("event: end\ndata: {\"reason\":%q}\n\n", reason))
}

func (e *events) write(text string) {
	if e.err == nil {
		e.err = e.connection.SetWriteDeadline(time.Now().Add(streamPatience))
	}
	if e.err == nil {
		_, e.err = e.out.Write([]byte(text))
	}
	if e.err == nil {
		e.err = e.connection.Flush()
	}
}
