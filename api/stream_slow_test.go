package api

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
)

// oneConnection is a listener that accepts one existing connection.
type oneConnection struct {
	net.Conn
	given chan net.Conn
}

func (l oneConnection) Accept() (net.Conn, error) {
	c, open := <-l.given
	if !open {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l oneConnection) Addr() net.Addr { return l.LocalAddr() }

// TestSlowFollower proves that a client that reads nothing is dropped when a write times out.
func TestSlowFollower(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader, conn := net.Pipe() // has no buffer: a write waits for the reader
		ended, e, begin := make(chan error), echo.New(), time.Now()
		e.GET("/", func(c echo.Context) error {
			ended <- beginEvents(c).err
			return nil
		})
		l := oneConnection{conn, make(chan net.Conn, 1)}
		l.given <- conn
		server := NewHTTPServer(e, slog.New(slog.DiscardHandler))
		go func() { _ = server.Serve(l) }()
		if _, err := reader.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if err, took := <-ended, time.Since(begin); !errors.Is(err, os.ErrDeadlineExceeded) || took != streamPatience {
			t.Errorf("dropped after %v: %v", took, err)
		}
		close(l.given)
		server.Close()
		reader.Close()
	})
}
