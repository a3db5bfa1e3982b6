// Package mailtest runs a real mail server inside a test. It owns the mails that the server took, as their readers see
// them. It refuses to know who sent them.
package mailtest

import (
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is a mail that the server took.
type Mail struct {
	From, To string // of the envelope
	Raw      string
	Subject  string
	Text     string
}

// Server is a mail server on this machine.
type Server struct {
	Addr string

	mu       sync.Mutex
	mails    []Mail
	says     error
	saysFrom error
	hangsUp  bool
	sawLogin bool
}

// New starts a server, which ends with the test. It offers encryption if it is given a certificate.
func New(t testing.TB, security *tls.Config) *Server {
	t.Helper()
	s := &Server{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().String()
	served := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{s: s, conn: c.Conn()}, nil
	}))
	served.TLSConfig, served.AllowInsecureAuth = security, true
	go func() { _ = served.Serve(l) }()
	t.Cleanup(func() { _ = served.Close() })
	return s
}

// Say makes the server respond with an SMTP code to each recipient from now on, instead of taking the mail. enhanced is
// the code of RFC 3463, such as 5, 7, 1; without one, the reply says only whether it is for good.
func (s *Server) Say(code int, enhanced ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	says := &smtp.SMTPError{Code: code, Message: fmt.Sprint("no, says ", code)}
	copy(says.EnhancedCode[:], enhanced)
	s.says = says
}

// HangUp makes the server close each connection from now on as soon as it has taken a mail.
func (s *Server) HangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangsUp = true
}

// SaySender makes the server respond with an SMTP code to each sender from now on.
func (s *Server) SaySender(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saysFrom = &smtp.SMTPError{Code: code, Message: fmt.Sprint("no, says ", code)}
}

// Mails returns what the server took, in order.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// SawLogin reports whether a client sent a password.
func (s *Server) SawLogin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sawLogin
}

type session struct {
	s    *Server
	conn net.Conn
	mail Mail
}

// AuthMechanisms names the ways to log in.
func (c *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth lets everyone in.
func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, _ string) error {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.s.sawLogin = true
		return nil
	}), nil
}

// Mail takes the sender.
func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	c.mail.From = from
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.saysFrom
}

// Rcpt takes the recipient.
func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.mail.To = to
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.says
}

// Reset forgets the mail. It comes after the response to one that was taken.
func (c *session) Reset() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.hangsUp && c.mail.Raw != "" {
		_ = c.conn.Close()
	}
	c.mail = Mail{}
}

// Logout ends the session.
func (c *session) Logout() error { return nil }

// Data takes the mail itself.
func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := c.mail
	if m.Raw, m.Subject, m.Text, err = read(string(raw)); err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.mail = m
	c.s.mails = append(c.s.mails, m)
	return nil
}

// read returns a mail as it came, and its subject and text as a person reads them.
func read(raw string) (_, subject, text string, err error) {
	parsed, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return raw, "", "", err
	}
	if subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		return raw, "", "", err
	}
	body := parsed.Body
	if parsed.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	decoded, err := io.ReadAll(body)
	return raw, subject, strings.ReplaceAll(string(decoded), "\r\n", "\n"), err
}
