package main

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestKeysCommands proves that the command line makes, lists and revokes service keys. Only the secret of a new key
// goes to standard output, and the list shows no secret.
func TestKeysCommands(t *testing.T) {
	t.Parallel()
	for _, dialect := range storetest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			url := storetest.URL(t, dialect)
			p := program{t: t}.with("DATABASE_URL=" + url)
			out, err := p.command(
				"keys", "create", "--name", "render\nworker", "--scope", "hold,read", "--expires-in", "2160h",
			).Output()
			if err != nil {
				t.Fatal(err)
			}
			secret := strings.TrimSuffix(string(out), "\n")
			if !regexp.MustCompile(`^psk_[0-9A-Za-z]{49}$`).MatchString(secret) {
				t.Fatalf("create prints %q", out)
			}
			keys, err := storetest.OpenURL(t, url, nil).ServiceKeys(context.Background(), "", 9)
			if err != nil || len(keys) != 1 || !keys[0].May(billing.ScopeHold) || keys[0].May(billing.ScopeSpend) ||
				keys[0].ExpiresAt.Sub(keys[0].CreatedAt).Round(1e9).Hours() != 2160 {
				t.Fatalf("made %+v, %v", keys, err)
			}
			id := string(keys[0].ID)
			line := regexp.MustCompile(
				`(?m)^` + id + ` +render worker +hold,read +…` + secret[len(secret)-4:] + ` +the command line .*live$`,
			)
			if said := p.run(0, "keys", "list"); !line.MatchString(said) || strings.Contains(said, secret) {
				t.Errorf("list says %q", said)
			}
			var listed []struct {
				Key    string   `json:"key"`
				Scopes []string `json:"scopes"`
			}
			if err := json.Unmarshal([]byte(p.run(0, "keys", "list", "--json")), &listed); err != nil ||
				len(listed) != 1 || listed[0].Key != id || len(listed[0].Scopes) != 2 {
				t.Errorf("list --json says %+v, %v", listed, err)
			}
			p.run(0, "keys", "revoke", id)
			p.run(0, "keys", "revoke", id)
			if said := p.run(0, "keys", "list"); !strings.Contains(said, "revoked 2") {
				t.Errorf("list says %q", said)
			}
			p.run(1, "keys", "revoke", "key_none")
			p.run(1, "keys", "create", "--name", " ", "--scope", "read")
			p.run(1, "keys", "list", "--limit", "0")
			if out, err := p.command("keys", "create", "--name", "n", "--scope", "root").CombinedOutput(); err == nil {
				t.Errorf("a key with every power: %s", out)
			}
		})
	}
}
