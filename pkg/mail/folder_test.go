package mail_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/mail"
)

// Proves that a folder keeps the newest hundred mails, newest first, also for the next process, and tells the console
// of each.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var console strings.Builder
	f, err := mail.NewFolder(dir, &console, "http://127.0.0.1:8080/mails")
	must(t, err)
	for n := range 103 {
		must(t, f.Send(t.Context(), mail.Message{To: "ada@example.com", Subject: strconv.Itoa(n), Text: "text"}))
	}
	f, err = mail.NewFolder(dir, &console, "")
	must(t, err)
	sent, err := f.List()
	must(t, err)
	if len(sent) != 100 || sent[0].Subject != "102" || sent[99].Subject != "3" || sent[0].Text != "text" {
		t.Errorf("%d mails: %+v", len(sent), sent)
	}
	const line = `mail to ada@example.com: "102", see http://127.0.0.1:8080/mails`
	if !strings.HasSuffix(console.String(), line+"\n") {
		t.Errorf("console: %s", console.String())
	}
}
