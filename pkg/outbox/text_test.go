package outbox_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that an attempt is noted whatever the endpoint's reply looks like. A reply that is not HTTP is quoted in the
// note, which is cut at 300 bytes. At some lengths that cut falls inside a letter. The reply also contains a NUL and
// broken UTF-8. If a note could not be saved, attempts would stay at 0, and the endpoint would be tried forever.
func TestAnyAnswerIsNoted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, answer string }{
		{"two bytes", strings.Repeat("ä", 300)}, {"two bytes, odd", "x" + strings.Repeat("ä", 300)},
		{"three bytes", strings.Repeat("€", 200)}, {"four bytes", "xy" + strings.Repeat("😀", 200)},
		{"NUL", "\x00 HTTP"}, {"broken", "\xff\xfe HTTP/\xc3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachOffice(t, func(o *office) {
				w := o.add(answersRaw(t, c.answer+"\r\n\r\n"))
				o.account(1000)
				if next := o.run(w); next == nil {
					t.Error("a failed attempt is made again, so there is a next one")
				}
				d := o.sent(w)[0]
				if d.Attempts != 1 || d.Status != billing.DeliveryPending || !utf8.ValidString(d.LastError) ||
					len(d.LastError) > 300 ||
					!strings.Contains(d.LastError, "malformed HTTP") {
					t.Errorf("noted %+v", d)
				}
			})
		})
	}
}

// answersRaw returns an endpoint that replies to every request with the same bytes, whatever they are.
func answersRaw(t *testing.T, answer string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				request := make([]byte, 64<<10)
				_, _ = c.Read(request)
				fmt.Fprint(c, answer)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}
