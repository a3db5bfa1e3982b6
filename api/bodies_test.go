package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/api"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestUnreadableBodies proves of every operation that a body that cannot be read to its end is refused. It is the
// sender's fault, with 4xx and no error in the log. The cases are a chunk size that is not a number, chunks that end
// too early, fewer bytes than promised, and no bytes for as long as the server waits. If the caller is not
// authenticated, that check comes first. A request without a body has nothing to read.
func TestUnreadableBodies(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		var told syncBuffer
		log := slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelError}))
		server := api.NewHTTPServer(w.wireWith(nil, log), log)
		server.ReadTimeout = 300 * time.Millisecond // the real server has one too, of 15 s
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { must(t, server.Close()) })
		admin := w.admin(t)
		for _, c := range append(
			crossings(t), crossing{id: "receiveWebhook", method: http.MethodPost, path: "/webhook"},
		) {
			if c.method == http.MethodGet && c.id != "getPoints" {
				continue // it makes the same check, and the slow case waits each time
			}
			for name, b := range map[string]struct{ header, body string }{
				"chunk size":  {"Transfer-Encoding: chunked", "ZZ\r\n{}\r\n0\r\n\r\n"},
				"chunk cut":   {"Transfer-Encoding: chunked", "40\r\n{\"amount\":"},
				"chunk end":   {"Transfer-Encoding: chunked", "2\r\n{}XX0\r\n\r\n"},
				"fewer bytes": {"Content-Length: 100", `{"amount":1`},
				"slow":        {"Content-Length: 100", ``},
			} {
				stays := name == "slow"
				status := rawRequest(t, l.Addr().String(), fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n%s\r\n\r\n%s",
					c.method, c.path, admin.token, b.header, b.body), stays)
				if status < 400 || status > 499 {
					t.Errorf("%s, %s: answered %d", c.id, name, status)
				}
			}
		}
		if told.String() != "" {
			t.Errorf("told as faults of ours: %s", told.String())
		}
	})
}

// rawRequest sends bytes and returns the status of the response. Unless stays is set, it closes its side of the
// connection.
func rawRequest(t *testing.T, address, request string, stays bool) int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	must(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte(request))
	must(t, err)
	if !stays {
		must(t, conn.(*net.TCPConn).CloseWrite())
	}
	must(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("no answer to %.80q: %v", request, err)
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// syncBuffer is a log to which several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(s.b.String())
}

// whoMayCall returns the user, or the service for an operation of services.
func whoMayCall(path string, user, service *client) *client {
	if strings.HasPrefix(path, "/accounts") {
		return service
	}
	return user
}

// TestBodiesOfNoUse proves of every operation that takes no body that a body is refused with a status that the contract
// declares for it. The bodies are unknown members, a list, text that is not JSON, and more than any body may have. {}
// and an empty body are not refused.
func TestBodiesOfNoUse(t *testing.T) {
	t.Parallel()
	s, err := openSpec()
	must(t, err)
	w := newWorld(t, storetest.URL(t, store.SQLite))
	admin, worker := w.admin(t), w.service(t, billing.Scopes...)
	for path, item := range s.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody != nil || op.OperationID == "streamSession" {
				continue
			}
			for body, want := range map[string]int{
				`{"amount":1}`: 400, `[]`: 400, `GET it`: 400, strings.Repeat(" ", 2<<20) + "x": 413,
			} {
				req, err := http.NewRequestWithContext(
					t.Context(), method, w.url+addressFor(t, path), strings.NewReader(body),
				)
				must(t, err)
				req.Header.Set("Authorization", "Bearer "+whoMayCall(path, admin, worker).token)
				req.Header.Set("Content-Type", "application/json")
				resp, err := http.DefaultClient.Do(req)
				must(t, err)
				must(t, resp.Body.Close())
				if resp.StatusCode != want || op.Responses.Value(strconv.Itoa(resp.StatusCode)) == nil {
					t.Errorf(
						"%s of %.20q: %d, want %d, which the contract has", op.OperationID, body, resp.StatusCode, want,
					)
				}
			}
		}
	}
}
