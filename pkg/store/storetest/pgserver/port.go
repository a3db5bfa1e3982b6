package pgserver

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// Systems give outgoing connections ports from 32768 on. FreePort stays below them. So no connection takes a port
// before its server does, or while its server restarts.
const (
	lowestPort = 10_000
	portCount  = 22_000
	maxBusy    = 1_000 // ports that are in use, one after the other
)

// lastPort is where FreePort goes on. Each process begins elsewhere, and returns no port twice.
var lastPort = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(portCount))
	return n
}()

// FreePort returns a port of the loopback interface on which nothing listens.
func FreePort() (string, error) {
	var last error
	for range maxBusy {
		port := strconv.Itoa(lowestPort + int(lastPort.Add(1)%portCount))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return "", fmt.Errorf("find a free port: %w", last)
}
