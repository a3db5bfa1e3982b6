package main

import (
	"context"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestUserClosing proves that the command line disables an account and enables it again, each once, and deletes it. A
// blank reason changes nothing. Each change is recorded with its reason.
func TestUserClosing(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		url := storetest.URL(t, dialect)
		db := storetest.OpenURL(t, url, nil)
		p := program{t: t}.with("DATABASE_URL=" + url)
		a := storetest.NewAccount(t, db)
		// does runs a command and checks what it says and what the row is afterwards.
		does := func(code int, command, reason, says string, disabled, deleting bool) {
			t.Helper()
			said := p.run(code, "user", command, strings.ToUpper(a.Email), "--reason", reason)
			if !strings.Contains(said, says) {
				t.Errorf("user %s says %q", command, said)
			}
			now, err := db.Account(context.Background(), a.ID)
			if err != nil || now.DisabledAt != nil != disabled || now.DeletingAt != nil != deleting {
				t.Errorf("after user %s: disabled at %v, deleting since %v (%v)", command, now.DisabledAt,
					now.DeletingAt, err)
			}
		}
		does(1, "enable", "by mistake", "is not disabled", false, false)
		does(1, "disable", " ", "must say something", false, false)
		does(0, "disable", "a stolen card", "("+string(a.ID)+") is disabled", true, false)
		does(1, "disable", "once more", "is disabled already", true, false)
		does(1, "enable", "\u200b", "must say something", true, false)
		does(0, "enable", "it was his own", "("+string(a.ID)+") is enabled", false, false)
		does(1, "delete", " ", "must say something", false, false)
		for range 2 {
			does(0, "delete", "asked by mail", "("+string(a.ID)+") is closed", false, true)
		}
		does(1, "disable", "too late", "being deleted", false, true)
		for _, command := range []string{"disable", "enable", "delete"} {
			p.run(1, "user", command, "nobody@example.com", "--reason", "known to us")
			if out, err := p.command("user", command, a.Email).CombinedOutput(); err == nil {
				t.Errorf("user %s needs no reason: %s", command, out)
			}
		}
		got := storetest.Dump(t, db, "SELECT action, reason FROM admin_actions ORDER BY id")
		want := "disable a stolen card\nenable it was his own\ndelete asked by mail\n"
		if got != want {
			t.Errorf("recorded are %q, want %q", got, want)
		}
	})
}
