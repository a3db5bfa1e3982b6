package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

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
		var wait errgroup.Group // the slow case waits, so several operations are tried at a time
		wait.SetLimit(10)
		for _, c := range append(
			crossings(t), crossing{id: "receiveWebhook", method: http.MethodPost, path: "/webhook"},
		) {
			if c.method == http.MethodGet && c.id != "getPoints" {
				continue // it makes the same check
			}
			wait.Go(func() error { return unreadableBodies(t, l.Addr().String(), admin.token, c) })
		}
		must(t, wait.Wait())
		if told.String() != "" {
			t.Errorf("told as faults of ours: %s", told.String())
		}
	})
}

// unreadableBodies sends one operation each body of TestUnreadableBodies.
func unreadableBodies(t *testing.T, address, token string, c crossing) error {
	for name, b := range map[string]struct{ header, body string }{
		"chunk size":  {"Transfer-Encoding: chunked", "ZZ\r\n{}\r\n0\r\n\r\n"},
		"chunk cut":   {"Transfer-Encoding: chunked", "40\r\n{\"amount\":"},
		"chunk end":   {"Transfer-Encoding: chunked", "2\r\n{}XX0\r\n\r\n"},
		"fewer bytes": {"Content-Length: 100", `{"amount":1`},
		"slow":        {"Content-Length: 100", ``},
	} {
		head := []string{
			c.method + " " + c.path + " HTTP/1.1", "Host: x", "Authorization: Bearer " + token,
			"Content-Type: application/json", "Idempotency-Key: k", b.header,
		}
		status, err := rawRequest(address, strings.Join(head, "\r\n")+"\r\n\r\n"+b.body, name == "slow")
		if err != nil {
			return fmt.Errorf("%s, %s: %w", c.id, name, err)
		}
		if status < 400 || status > 499 {
			t.Errorf("%s, %s: answered %d", c.id, name, status)
		}
	}
	return nil
}

// rawRequest sends bytes and returns the status of the response. Unless stays is set, it closes its side of the
// connection.
func rawRequest(address, request string, stays bool) (status int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, err
	}
	if !stays {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return 0, err
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, fmt.Errorf("no answer to %.80q: %w", request, err)
	}
	return resp.StatusCode, resp.Body.Close()
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
