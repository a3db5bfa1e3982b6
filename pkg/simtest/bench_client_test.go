package simtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// benchClient is one connection to a server. It writes its requests itself, because it shares the machine with what is
// measured.
type benchClient struct {
	conn net.Conn
	in   *bufio.Reader
	out  bytes.Buffer
}

func newBenchClient(b *testing.B, addr string) *benchClient {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	return &benchClient{conn: conn, in: bufio.NewReaderSize(conn, 8<<10)}
}

// post sends a request with one header more, and returns the body of the response, which must be a success.
func (c *benchClient) post(path, header, value, key, body string) ([]byte, error) {
	c.out.Reset()
	fmt.Fprintf(&c.out, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n", path)
	fmt.Fprintf(&c.out, "%s: %s\r\n", header, value)
	if key != "" {
		fmt.Fprintf(&c.out, "Idempotency-Key: %s\r\n", key)
	}
	fmt.Fprintf(&c.out, "Content-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := c.conn.Write(c.out.Bytes()); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s: %s", resp.Status, got)
	}
	return got, err
}

// spender spends one point a request. It replaces its token by the one of each response, as a client does.
type spender struct {
	*benchClient
	token string
	name  string // of its keys
	spent int
}

func (s *spender) spend() error {
	s.spent++
	key := fmt.Sprint(s.name, "-", s.spent)
	got, err := s.post("/points/spend", "Authorization", "Bearer "+s.token, key, `{"amount":1}`)
	if err != nil {
		return err
	}
	_, rest, found := bytes.Cut(got, []byte(`"token":"`))
	fresh, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed || string(fresh) == s.token {
		return fmt.Errorf("no fresh token in %s", got)
	}
	s.token = string(fresh)
	return nil
}
