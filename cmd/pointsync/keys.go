package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a service key; prints its secret, once, and nothing else."`
	List   keysListCmd   `cmd:"" help:"The service keys, newest first, without their secrets."`
	Revoke keysRevokeCmd `cmd:"" help:"End a service key: its next request is refused, at every server."`
}

type keysCreateCmd struct {
	Name      string        `required:"" help:"What the key is for, such as the name of the worker."`
	Scope     []string      `required:"" enum:"spend,hold,grant,read,admin" help:"spend, hold, grant, read, admin; several with a comma between."`
	ExpiresIn time.Duration `help:"How long it works, such as 2160h; forever without it."`

	target
}

// Run makes a key. Only the secret goes to standard output, so that a script can pass it on unseen.
func (c keysCreateCmd) Run(ctx context.Context) error {
	if c.ExpiresIn < 0 {
		return fmt.Errorf("--expires-in must not be negative")
	}
	db, closeAll, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	r := account.KeyRequest{Name: c.Name}
	for _, s := range c.Scope {
		r.Scopes = append(r.Scopes, billing.Scope(s))
	}
	if c.ExpiresIn > 0 {
		end := db.Now().Add(c.ExpiresIn)
		r.ExpiresAt = &end
	}
	k, secret, err := account.CreateKey(ctx, db, "", r)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "key     %s\nexpires %s\n", k.ID, timeOr(k.ExpiresAt, "never"))
	fmt.Println(secret)
	return nil
}

type keysListCmd struct {
	Limit int `help:"How many at most." default:"100"`

	listing
	target
}

// Run lists keys.
func (l keysListCmd) Run(ctx context.Context) error {
	if err := checkLimit(l.Limit, maxListed); err != nil {
		return err
	}
	db, closeAll, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	keys, err := db.ServiceKeys(ctx, "", l.Limit)
	if err != nil {
		return err
	}
	t := keysTable(keys, db.Now())
	return t.print(os.Stdout, l.JSON)
}

func keysTable(keys []billing.ServiceKey, now time.Time) table {
	t := table{columns: []string{
		"key", "name", "scopes", "ends_with", "made_by", "expires_at", "last_used_at", "state",
	}}
	for _, k := range keys {
		scopes := make([]string, len(k.Scopes))
		for i, s := range k.Scopes {
			scopes[i] = string(s)
		}
		state := cell{"live", "live"}
		switch {
		case k.RevokedAt != nil:
			state = cell{"revoked", "revoked " + timeOr(k.RevokedAt, "")}
		case !k.Lives(now):
			state = cell{"expired", "expired"}
		}
		t.add(
			k.ID, k.Name, cell{scopes, strings.Join(scopes, ",")}, cell{k.Hint, "…" + k.Hint}, madeBy(k.CreatedBy),
			timeCell(k.ExpiresAt, "never"), timeCell(k.LastUsedAt, "never"), state,
		)
	}
	return t
}

// madeBy returns the admin who did something. People read of the command line, which knows no admin.
func madeBy(admin billing.AdminID) cell {
	return cell{admin, cmp.Or(string(admin), "the command line")}
}

type keysRevokeCmd struct {
	ID string `arg:"" help:"key_…"`

	outcome
	target
}

// Run revokes a key.
func (r keysRevokeCmd) Run(ctx context.Context) error {
	db, closeAll, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	k, err := account.RevokeKey(ctx, db, "", billing.KeyID(r.ID))
	if err != nil {
		return fmt.Errorf("key %s: %w", r.ID, err)
	}
	say := fmt.Sprintf("%s (%s) is revoked since %s.", k.ID, strings.Map(printable, k.Name), timeOr(k.RevokedAt, ""))
	return tell(r.JSON, say, map[string]any{"key": k.ID, "name": k.Name, "revoked_at": k.RevokedAt})
}
