package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// eachOperatorCommand are the commands that find a dev folder, with a part of what they print about one in which the
// account ada@example.com has bought a pack.
var eachOperatorCommand = []struct {
	said string // what it prints, as a regular expression
	args []string
}{
	{`1 accounts compared, 0 differ`, []string{"stripe", "reconcile", "ada@example.com"}},
	{`1 accounts compared, 0 differ`, []string{"stripe", "reconcile", "--dry-run", "--rate", "100"}},
	{`70 points available`, []string{"explain", "ada@example.com"}},
	{`2 accounts looked at, 0 violations`, []string{"audit"}},
	{`customer.created|checkout.session.completed`, []string{"events", "list"}},
	{`events looked at, 0 of them were missing, 0 could not`, []string{"events", "backfill"}},
	{`has the role user already`, []string{"user", "role", "ada@example.com", "user"}},
	{`psk_`, []string{"keys", "create", "--name", "worker", "--scope", "read"}},
	{`worker`, []string{"keys", "list"}},
	{`whsec_`, []string{"webhooks", "add", "http://127.0.0.1:9/hook"}},
	{`127.0.0.1:9/hook`, []string{"webhooks", "list"}},
}

// TestCommandsFindDev proves that the operator's commands work on a dev folder without any setting, while dev runs and
// after it has ended, with the local Stripe's time. With no folder they say what to do.
func TestCommandsFindDev(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := dev(t, dir, "127.0.0.1:0")
	d := client(t, s.url, s.sandboxURL)
	if err := d.guard(func() {
		d.begin()
		d.buyPack()
		d.send(200, d.request(
			http.MethodPost, s.sandboxURL+"/_sandbox/clock", map[string]any{"advance_seconds": 20 * 86_400},
		), "clock")
	}); err != nil {
		t.Fatal(err)
	}
	p := program{t: t}
	each := func(when string) {
		for _, c := range eachOperatorCommand {
			said := p.run(0, append(c.args, "--dev="+dir)...)
			if !regexp.MustCompile(c.said).MatchString(said) {
				t.Errorf("%s, pointsync %s prints\n%s", when, strings.Join(c.args, " "), said)
			}
		}
	}
	event := regexp.MustCompile(`evt_\w+`).FindString(p.run(0, "events", "list", "--dev="+dir))
	each("while dev runs")
	s.stop()
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	each("after dev has ended")
	p.run(0, "events", "show", event, "--dev="+dir)
	p.run(0, "events", "replay", event, "--dev="+dir)
	secret := p.run(0, "keys", "create", "--name", "hour", "--scope", "read", "--expires-in", "1h", "--dev="+dir)
	ends, err := time.Parse(time.RFC3339, regexp.MustCompile(`expires (\S+)`).FindStringSubmatch(secret)[1])
	if err != nil || time.Until(ends) < 19*24*time.Hour {
		t.Errorf("the key of an hour ends at %s, %v: not of the local Stripe's time", ends, err)
	}
	dev(t, dir, "127.0.0.1:0") // the commands have left the folder
}

// TestDevFlag proves that --dev alone means .pointsync here, that a folder without state of dev is refused, and that
// each of the commands names the flag in its help.
func TestDevFlag(t *testing.T) {
	t.Parallel()
	p := program{t: t}
	if said := p.run(2, "audit", "--dev"); !strings.Contains(said, "no state of pointsync dev in .pointsync: run") {
		t.Errorf("without a folder it says\n%s", said)
	}
	if said := p.run(80, "explain", "ada", "--dev="); !strings.Contains(said, "name a folder") {
		t.Errorf("an empty folder: %s", said)
	}
	for _, c := range eachOperatorCommand {
		if said := p.run(0, append(c.args, "--help")...); !strings.Contains(said, "--dev") {
			t.Errorf("the help of %v does not name --dev:\n%s", c.args, said)
		}
	}
}

// TestDevFolderInUse proves that a folder whose holder is no dev that is up is refused with the holder's pid.
func TestDevFolderInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := dev(t, dir, "127.0.0.1:0")
	s.stop()
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	_, release, err := devFolder(dir).load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again := devCmd{Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", DataDir: dir, Catalog: catalogPath(t)}
	_, err = startDev(context.Background(), again, slog.New(slog.DiscardHandler))
	refused(t, err, os.Getpid())
	notes := devNotes{PID: -1, SandboxURL: s.sandboxURL}
	if err := notes.write(dir); err != nil {
		t.Fatal(err)
	}
	_, _, err = devFolder(dir).load(t.Context())
	refused(t, err, os.Getpid())
	if err := release(); err != nil {
		t.Error(err)
	}
}
