package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/store/storetest/pgserver"
)

// TestRestore proves docs/operations/backup.md: what a restored backup gets back from Stripe, and what it does not. In
// the hour after the backup, people buy again, for the first time, and after they registered. One is refunded, one
// spends, and one account is deleted. After `stripe recover` and `stripe reconcile`, what Stripe sold is there once,
// the books are right, and nothing differs from Stripe. The spend after the backup is gone, and its client recovers.
func TestRestore(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		stripe := newSandbox(t)
		p := served(t, stripe, storetest.URL(t, dialect)).with("POINTSYNC_CLOCK_URL=" + stripe + "/_sandbox/clock")
		p.run(0, "stripe", "setup")
		server := p.serve()
		people := map[string]*demo{}
		for _, name := range []string{"ada", "bob", "dan", "eve", "gus"} {
			people[name] = join(t, server.url, stripe, name)
		}
		ada := people["ada"]
		play(t, func() {
			ada.pay("basic_monthly", "first")
			ada.pay("pack_100", "second")
			ada.spendAs("before", 30)
			people["dan"].pay("pack_100", "first")
		})
		refunded := people["bob"].page(t, "pack_100")

		backup := makeBackup(t, p, dialect)
		made := p.sandboxTime(t, stripe).Add(time.Second) // after all that the backup has
		lived := theHourAfter(t, p, server.url, stripe, people, refunded)
		server.terminate()

		p = p.with("DATABASE_URL=" + restoreBackup(t, dialect, backup))
		p.run(0, "migrate", "--status")
		recovers(t, p, made)
		p.run(0, "stripe", "reconcile", "--rate", "1000")
		p.run(0, "audit")
		if said := p.run(0, "stripe", "reconcile", "--dry-run", "--rate", "1000"); !strings.Contains(
			said, "6 accounts compared, 0 differ: 0 differences",
		) {
			t.Errorf("the comparison says %q", said)
		}
		server = p.serve()
		clientRecovers(t, server.url, lived)
		for name, want := range map[string]int{"bob": 0, "eve": 100, "gus": 500, "dan": 100} {
			d := people[name]
			d.api = server.url
			play(t, func() {
				d.logIn(name)
				d.expect(d.claims().number("points") == want, "%s has %d points", name, want)
			})
		}
		if said := p.run(0, "explain", "fay@example.com"); !strings.Contains(said, "100 points available") {
			t.Errorf("who registered after the backup has %q", said)
		}
		server.terminate()
	})
}

// theHourAfter plays what happens after the backup. It returns ada with the tokens that she holds at its end.
func theHourAfter(
	t *testing.T, p program, api, stripe string, people map[string]*demo, refunded string,
) (ada *demo) {
	t.Helper()
	ada = people["ada"]
	play(t, func() {
		hour := map[string]any{"advance_seconds": 3600}
		ada.send(200, ada.request(http.MethodPost, stripe+"/_sandbox/clock", hour), "clock")
		for _, d := range people {
			d.call(200, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": d.refresh})
		}
		ada.pay("pack_100", "third")
		ada.spendAs("after", 50)
		ada.expect(ada.claims().number("points") == 620, "500 + 100 - 30 + 100 - 50 points")
		people["eve"].pay("pack_100", "first")
		people["gus"].pay("basic_monthly", "first")
		session := ada.stripe(200, http.MethodGet, "/v1/checkout/sessions/"+refunded, nil)
		ada.stripe(200, http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {session.text("payment_intent")}})
	})
	fay := join(t, api, stripe, "fay")
	play(t, func() { fay.pay("pack_100", "first") })
	p.run(0, "user", "delete", "dan@example.com", "--reason", "asked by mail")
	return ada
}

// recovers proves that a dry run of `stripe recover` names what the backup lacks and changes nothing, that a run brings
// it back, and that a second run finds all of it.
func recovers(t *testing.T, p program, made time.Time) {
	t.Helper()
	args := []string{"stripe", "recover", "--since", made.Format(time.RFC3339), "--rate", "1000", "--json"}
	for _, run := range []struct {
		more string
		want recoverReport
	}{
		{"", recoverReport{DryRun: true, Restored: 4, Accounts: 1, Linked: 2}},
		{"--yes", recoverReport{Restored: 4, Accounts: 1, Linked: 2, Granted: 800}}, // gus 500, three others 100
		{"--yes", recoverReport{Known: 4}},
	} {
		out, err := p.command(append(args, strings.Fields(run.more)...)...).Output()
		var r recoverReport
		if err == nil {
			err = json.Unmarshal(out, &r)
		}
		r.Orders, r.Since, run.want.Complete = nil, time.Time{}, true
		if err != nil || !reflect.DeepEqual(r, run.want) {
			t.Errorf("recover %s says %s (%v), want %+v", run.more, out, err, run.want)
		}
	}
}

// clientRecovers proves what a client meets that lived through the hour: its access token has a higher version than the
// account and still works, the refresh token it got since is unknown, and a login helps. The key of a spend that the
// backup has repeats it. The key of one that was lost debits again.
func clientRecovers(t *testing.T, api string, d *demo) {
	t.Helper()
	d.api = api
	play(t, func() {
		before := d.claims().number("ver")
		d.call(200, http.MethodGet, "/session", nil)
		d.expect(d.claims().number("ver") < before, "the fresh token has a lower version")
		d.expect(d.claims().number("points") == 670, "500 + 100 - 30 + 100 points: the spend is gone")
		d.call(401, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": d.refresh})
		d.logIn("ada")
		d.spendAs("before", 30)
		d.expect(d.claims().number("points") == 670, "a repeat of a spend that the backup has debits nothing")
		d.spendAs("after", 50)
		d.expect(d.claims().number("points") == 620, "a repeat of a spend that was lost debits again")
	})
}

// play runs a part of a story, and fails the test if a step goes wrong.
func play(t *testing.T, part func()) {
	t.Helper()
	if err := (&demo{}).guard(part); err != nil {
		t.Fatal(err)
	}
}

// join registers a person.
func join(t *testing.T, api, stripe, name string) *demo {
	t.Helper()
	d := client(t, api, stripe)
	play(t, func() { d.call(201, http.MethodPost, "/auth/register", credentials(name)) })
	return d
}

func credentials(name string) map[string]any {
	return map[string]any{"email": name + "@example.com", "password": "correct horse battery"}
}

func (d *demo) logIn(name string) { d.call(200, http.MethodPost, "/auth/login", credentials(name)) }

func (d *demo) spendAs(key string, points int) {
	d.call(200, http.MethodPost, "/points/spend", map[string]any{"amount": points}, "Idempotency-Key", key)
}

// pay buys an item under a key, and returns its checkout session.
func (d *demo) pay(item, key string) (session string) {
	made := d.call(201, http.MethodPost, "/checkout", map[string]any{"item": item}, "Idempotency-Key", key)
	session = made.text("session_id")
	d.stripe(200, http.MethodPost, "/v1/payment_pages/"+session+"/confirm", url.Values{
		"payment_method": {"pm_card_visa"}, "expected_amount": {strconv.Itoa(made.number("order.amount"))},
	})
	status := d.call(200, http.MethodGet, "/checkout/"+made.text("order.id"), nil)
	d.expect(status.text("order.status") == "fulfilled", "the order is fulfilled")
	return session
}

func (d *demo) page(t *testing.T, item string) (session string) {
	t.Helper()
	play(t, func() { session = d.pay(item, "page") })
	return session
}

// sandboxTime returns the time that the server follows.
func (p program) sandboxTime(t *testing.T, stripe string) (now time.Time) {
	t.Helper()
	d, err := client(t, "", stripe), error(nil)
	play(t, func() {
		now, err = time.Parse(time.RFC3339, d.send(
			200, d.request(http.MethodGet, stripe+"/_sandbox/clock", nil), "clock",
		).text("now"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return now.Truncate(time.Second)
}

// makeBackup backs the database up while a server uses it, as docs/operations/backup.md says.
func makeBackup(t *testing.T, p program, dialect store.Dialect) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "backup")
	if dialect == store.SQLite {
		p.run(0, "backup", file)
		p.run(1, "backup", file) // it would be overwritten
		return file
	}
	if said := p.run(1, "backup", file); !strings.Contains(said, "pg_dump") {
		t.Errorf("the command for SQLite says %q", said)
	}
	postgresTool(t, "pg_dump", "--format=custom", "--file="+file, p.setting("DATABASE_URL"))
	return file
}

// restoreBackup restores a backup into a new database, and returns its URL.
func restoreBackup(t *testing.T, dialect store.Dialect, file string) (databaseURL string) {
	t.Helper()
	databaseURL = storetest.Empty(t, dialect)
	if dialect == store.Postgres {
		postgresTool(t, "pg_restore", "--exit-on-error", "--no-owner", "--dbname="+databaseURL, file)
		return databaseURL
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(strings.TrimPrefix(databaseURL, "sqlite://"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return databaseURL
}

func postgresTool(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := pgserver.Tool(name)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// setting returns a setting of the program's environment.
func (p program) setting(name string) (value string) {
	for _, pair := range p.env {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v // the last one counts
		}
	}
	return value
}
