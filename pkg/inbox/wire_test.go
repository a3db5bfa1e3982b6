package inbox_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// wire is a connection to a PostgreSQL of this test, which can be cut.
type wire struct {
	url    string
	target string
	mu     sync.Mutex
	down   bool
	open   map[net.Conn]bool
}

func newWire(t *testing.T) *wire {
	t.Helper()
	direct, err := url.Parse(storetest.URL(t, store.Postgres))
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &wire{target: direct.Host, open: map[net.Conn]bool{}}
	direct.Host = l.Addr().String()
	w.url = direct.String()
	t.Cleanup(func() { l.Close(); w.cut() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			go w.carry(c)
		}
	}()
	return w
}

func (w *wire) carry(near net.Conn) {
	far, err := net.Dial("tcp", w.target)
	if err != nil {
		near.Close()
		return
	}
	if !w.keep(near, far) {
		return
	}
	go func() { _, _ = io.Copy(far, near); far.Close() }()
	_, _ = io.Copy(near, far)
	near.Close()
}

// keep notes both ends, or closes them while the wire is cut.
func (w *wire) keep(ends ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range ends {
		if w.down {
			c.Close()
		}
		w.open[c] = true
	}
	return !w.down
}

// cut ends all connections, and every new one at once.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for c := range w.open {
		c.Close()
	}
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}
