package api_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"testing"
)

// wire is a connection to a PostgreSQL that can be cut.
type wire struct {
	url    string
	target string
	addr   string
	stop   context.CancelFunc
	ended  chan struct{}
}

func startWire(t *testing.T, databaseURL string) *wire {
	t.Helper()
	u, err := url.Parse(databaseURL)
	must(t, err)
	w := &wire{target: u.Host, addr: "127.0.0.1:0"}
	w.mend(t)
	u.Host = w.addr
	w.url = u.String()
	t.Cleanup(func() { w.cut() })
	return w
}

// mend listens again, at its earlier address.
func (w *wire) mend(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", w.addr)
	must(t, err)
	w.addr = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.ended = stop, make(chan struct{})
	go func() {
		defer close(w.ended)
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go carry(ctx, in, w.target)
		}
	}()
	context.AfterFunc(ctx, func() { l.Close() })
}

// cut ends every connection and accepts no new one.
func (w *wire) cut() {
	w.stop()
	<-w.ended
}

// carry copies both ways until one side or the context ends.
func carry(ctx context.Context, in net.Conn, target string) {
	out, err := net.Dial("tcp", target)
	if err != nil {
		in.Close()
		return
	}
	hangUp := func() { in.Close(); out.Close() }
	stop := context.AfterFunc(ctx, hangUp)
	defer stop()
	defer hangUp()
	go func() {
		defer hangUp()
		_, _ = io.Copy(out, in)
	}()
	_, _ = io.Copy(in, out)
}
