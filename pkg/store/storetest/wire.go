package storetest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/store/storetest/pgserver"
)

// Wire leads to a PostgreSQL server and can be cut.
type Wire struct {
	URL string // of the database, through the wire

	to   string
	mu   sync.Mutex
	cut  bool
	open []net.Conn
}

// NewWire returns a wire to a database that URL made. It ends with the test.
func NewWire(t testing.TB, databaseURL string) *Wire {
	t.Helper()
	through, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{to: through.Host}
	through.Host = l.Addr().String()
	w.URL = through.String()
	t.Cleanup(func() { l.Close(); w.Cut() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			go w.pass(c)
		}
	}()
	return w
}

// Cut ends all connections, and every new one at once.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

// Restore lets new connections pass again.
func (w *Wire) Restore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
}

func (w *Wire) pass(here net.Conn) {
	there, err := net.Dial("tcp", w.to)
	if err != nil {
		here.Close()
		return
	}
	if !w.keep(here, there) {
		return
	}
	go func() { _, _ = io.Copy(there, here); there.Close() }()
	_, _ = io.Copy(here, there)
	here.Close()
}

// keep notes both ends, or closes them while the wire is cut.
func (w *Wire) keep(ends ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		for _, c := range ends {
			c.Close()
		}
		return false
	}
	w.open = append(w.open, ends...)
	return true
}

// FreeAddr returns an address of the loopback interface on which nothing listens now. No other call in this process
// returns it.
func FreeAddr(t testing.TB) string {
	t.Helper()
	port, err := pgserver.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + port
}
