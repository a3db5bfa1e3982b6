package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/mail/mailtest"
)

var message = mail.Message{
	To: "ada@example.com", Subject: "Mill: été", Text: "Open this:\n\nhttps://app.example.com/#a=b\n",
}

// Proves what a mail server gets: one recipient, the sender, the text as it is, and that no one should reply to it.
func TestSMTP(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, nil)
	sender, err := mail.NewSMTP("smtp-plain://"+s.Addr, "Mill <no-reply@example.com>")
	must(t, err)
	must(t, sender.Send(t.Context(), message))
	got := s.Mails()[0]
	if got.To != message.To || got.From != "no-reply@example.com" || got.Subject != message.Subject ||
		got.Text != message.Text {
		t.Errorf("got %+v", got)
	}
	for _, want := range []string{
		`From: "Mill" <no-reply@example.com>`, "To: <ada@example.com>",
		"Auto-Submitted: auto-generated", "Content-Type: text/plain; charset=UTF-8", "Message-ID: <", "Date: ",
	} {
		if !strings.Contains(got.Raw, want) {
			t.Errorf("lacks %q:\n%s", want, got.Raw)
		}
	}
}

// Proves that nothing of a message becomes a header line.
func TestNoHeaderFromText(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, nil)
	sender, err := mail.NewSMTP("smtp-plain://"+s.Addr, "no-reply@example.com")
	must(t, err)
	m := message
	m.Subject = "Mill\r\nBcc: everyone@example.com"
	_ = sender.Send(t.Context(), m)
	m = message
	m.To = "ada@example.com\r\nBcc: everyone@example.com"
	if err := sender.Send(t.Context(), m); err == nil || !mail.Refused(err) || strings.Contains(err.Error(), "ada@") {
		t.Errorf("got %v", err)
	}
	for _, m := range s.Mails() {
		if strings.Contains(m.Raw, "\nBcc:") {
			t.Errorf("sent %s", m.Raw)
		}
	}
}

// Proves that a refusal for good is told apart from one that may pass: 550 is, 450 and a server that is down are not.
func TestRefused(t *testing.T) {
	t.Parallel()
	for code, refused := range map[int]bool{550: true, 450: false, 0: false} {
		s := mailtest.New(t, nil)
		address := s.Addr
		if s.Say(code); code == 0 {
			address = "127.0.0.1:1"
		}
		sender, err := mail.NewSMTP("smtp-plain://"+address, "no-reply@example.com")
		must(t, err)
		if err := sender.Send(t.Context(), message); err == nil || mail.Refused(err) != refused {
			t.Errorf("%d: %v, refused %v", code, err, mail.Refused(err))
		} else if strings.Contains(err.Error(), "example.com") {
			t.Errorf("%d: the error names the recipient: %v", code, err)
		}
	}
}

// Proves that a server that does not take the sender is asked again: the setting is wrong, and no message is. A server
// may say so only at the recipient, with an enhanced code (RFC 3463), as Postfix does.
func TestSenderRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says    func(s *mailtest.Server)
		refused bool
	}{
		"Sender":           {func(s *mailtest.Server) { s.SaySender(550) }, false},
		"Policy":           {func(s *mailtest.Server) { s.Say(553, 5, 7, 1) }, false},
		"SenderAtRcpt":     {func(s *mailtest.Server) { s.Say(550, 5, 1, 8) }, false},
		"UnknownRecipient": {func(s *mailtest.Server) { s.Say(550, 5, 1, 1) }, true},
		"FullForGood":      {func(s *mailtest.Server) { s.Say(552, 5, 2, 2) }, true},
	} {
		s := mailtest.New(t, nil)
		c.says(s)
		sender, err := mail.NewSMTP("smtp-plain://"+s.Addr, "no-reply@example.com")
		must(t, err)
		if err := sender.Send(t.Context(), message); err == nil || mail.Refused(err) != c.refused {
			t.Errorf("%s: got %v, refused %v", name, err, mail.Refused(err))
		}
	}
}

// Proves that a message that the server has taken is sent, even if the connection breaks right after that: it would be
// sent again and again.
func TestTakenIsSent(t *testing.T) {
	t.Parallel()
	s := mailtest.New(t, nil)
	s.HangUp()
	sender, err := mail.NewSMTP("smtp-plain://"+s.Addr, "no-reply@example.com")
	must(t, err)
	if err := sender.Send(t.Context(), message); err != nil || len(s.Mails()) != 1 {
		t.Errorf("got %v, with %d mails taken", err, len(s.Mails()))
	}
}

// Proves that neither a mail nor a password goes to a server that offers no encryption, or one that no one vouches for.
func TestEncryption(t *testing.T) {
	t.Parallel()
	for name, security := range map[string]*tls.Config{"None": nil, "Unknown": selfSigned(t)} {
		s := mailtest.New(t, security)
		sender, err := mail.NewSMTP("smtp://user:secret@"+s.Addr, "no-reply@example.com")
		must(t, err)
		err = sender.Send(t.Context(), message)
		if err == nil || s.SawLogin() || len(s.Mails()) > 0 || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, saw a password: %v, got %+v", name, err, s.SawLogin(), s.Mails())
		}
	}
}

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	must(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// Proves which addresses of servers are refused, without quoting their passwords.
func TestNewSMTP(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"smtps://u:secret@smtp.example.com": true, "smtp://smtp.example.com:2525": true, "smtp-plain://127.0.0.1": true,
		"http://u:secret@smtp.example.com": false, "smtps://": false, "smtps://u:secret@h:0": false,
		"smtp-plain://u:secret@h": false, "smtps://u:secret@h/x": false, "smtps://u:secret@h?x=y": false,
		"smtps://u:se cret@h:x": false, "": false,
		"smtps://u@h": false, "smtps://u:@h": false,
	} {
		_, err := mail.NewSMTP(address, "no-reply@example.com")
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := mail.NewSMTP("smtps://smtp.example.com", "nobody"); err == nil {
		t.Error("a sender that is no address")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
