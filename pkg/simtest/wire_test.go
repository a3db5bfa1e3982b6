package simtest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// wire is a piece of network that can be cut and slow. It passes connections on to the targets in turn. On request it
// ends the connection of the next reply after a number of bytes, when whatever the reply reports has happened already.
// Or it delays a reply on its way.
type wire struct {
	listener net.Listener

	mu      sync.Mutex
	targets []string
	next    int
	cuts    []cut
	late    []time.Duration
	struck  int64 // how many replies were cut or late, and connections cut
	live    map[net.Conn]bool
}

// cut ends the connection of a reply when the given number of its bytes has passed. Before that, skip replies pass
// unharmed.
type cut struct{ skip, after int }

func newWire(t testing.TB, targets ...string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, targets: targets, live: map[net.Conn]bool{}}
	go w.accept()
	t.Cleanup(func() { listener.Close(); w.cutAll() })
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return // closed
		}
		go w.pass(near)
	}
}

// pass connects one connection with one to the next target.
func (w *wire) pass(near net.Conn) {
	defer near.Close()
	target := w.nextTarget()
	if target == "" {
		return
	}
	far, err := net.Dial("tcp", target)
	if err != nil {
		return // its server is down: the caller sees the connection end
	}
	defer far.Close()
	w.keep(near, far)
	defer w.forget(near, far)
	go func() {
		defer far.Close()
		_, _ = io.Copy(far, near)
	}()
	w.answers(near, far)
}

// answers copies the replies, until a cut or the end.
func (w *wire) answers(near, far net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := far.Read(buffer)
		if n > 0 {
			if wait, late := w.takeDelay(); late {
				<-time.After(wait)
			}
			if limit, strikes := w.takeCut(); strikes {
				_, _ = near.Write(buffer[:min(n, limit)])
				return
			}
			if _, err := near.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) nextTarget() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.targets) == 0 {
		return ""
	}
	w.next++
	return w.targets[w.next%len(w.targets)]
}

func (w *wire) setTargets(targets []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets = targets
}

func (w *wire) takeCut() (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.cuts) == 0 {
		return 0, false
	}
	next := &w.cuts[0]
	if next.skip > 0 {
		next.skip--
		return 0, false
	}
	w.struck++
	limit := next.after
	w.cuts = w.cuts[1:]
	return limit, true
}

func (w *wire) takeDelay() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.late) == 0 {
		return 0, false
	}
	w.struck++
	wait := w.late[0]
	w.late = w.late[1:]
	return wait, true
}

// delayAnswer delays the next reply on its way.
func (w *wire) delayAnswer(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = append(w.late, by)
}

func (w *wire) cutAnswer(c cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cuts = append(w.cuts, c)
}

// restore removes the cuts and delays that have not struck.
func (w *wire) restore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cuts, w.late = nil, nil
}

// cutAll ends all connections now.
func (w *wire) cutAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.live {
		w.struck++
		c.Close()
	}
}

func (w *wire) strikes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.struck
}

func (w *wire) keep(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		w.live[c] = true
	}
}

func (w *wire) forget(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		delete(w.live, c)
	}
}
