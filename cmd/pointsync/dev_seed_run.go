package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// seededFile is where a data folder keeps which accounts seeds have made.
const seededFile = "seeded.json"

// seeding makes the accounts of a file in a running dev. Each step of an account looks first whether it is done, so a
// seeding that was cut off continues at the next start. An account that is complete is left alone from then on,
// whatever a tester does with it.
type seeding struct {
	dev   *devServer
	items *catalog.Catalog // what is sold
	file  string           // where made is kept
	out   io.Writer
	made  map[string]billing.AccountID // the accounts that are complete, by their emails in the seed file
}

// seed makes the accounts that no seed has made in this folder yet. It makes those that are past due before the
// others, because it moves the clock to their renewals.
func (s *devServer) seed(ctx context.Context, d devCmd, items *catalog.Catalog, accounts []seedAccount) error {
	if len(accounts) == 0 {
		return nil
	}
	g := &seeding{
		dev: s, items: items.ForSale(), file: filepath.Join(d.DataDir, seededFile), out: cmp.Or(d.console, io.Discard),
		made: map[string]billing.AccountID{},
	}
	if err := g.read(); err != nil {
		return err
	}
	var late, others []*seedJob
	for _, a := range accounts {
		there, err := g.isMade(ctx, a.Email)
		switch {
		case err != nil:
			return err
		case there:
			fmt.Fprintf(g.out, "seed: %s is there already\n", a.Email)
		case a.PastDue:
			late = append(late, g.job(ctx, a))
		default:
			others = append(others, g.job(ctx, a))
		}
	}
	if len(late) > 0 {
		fmt.Fprintf(g.out, "seed: the clock moves to the renewal of %s\n", late[0].want.Plan)
	}
	for _, step := range []func() error{
		each(late, (*seedJob).buy), each(late, (*seedJob).failRenewal), each(late, (*seedJob).finish),
		each(others, (*seedJob).buy), each(others, (*seedJob).finish),
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// job returns the work on an account.
func (g *seeding) job(ctx context.Context, a seedAccount) *seedJob {
	return &seedJob{
		seeding: g, want: a,
		client: &demo{ctx: ctx, api: g.dev.url, sandbox: g.dev.sandboxURL, out: io.Discard},
	}
}

// each returns a function that takes a step with each account, until one fails.
func each(jobs []*seedJob, step func(*seedJob)) func() error {
	return func() error {
		for _, j := range jobs {
			if err := j.client.guard(func() { step(j) }); err != nil {
				return fmt.Errorf("%s: %w", j.want.Email, err)
			}
		}
		return nil
	}
}

// isMade reports whether a seed has made the account of an email, even if the account has another email now.
func (g *seeding) isMade(ctx context.Context, email string) (bool, error) {
	id := g.made[email]
	if id == "" {
		return false, nil
	}
	_, err := g.dev.app.db.Account(ctx, id)
	if billing.CodeOf(err) == billing.ENotFound {
		return false, nil // the database was deleted since
	}
	return err == nil, err
}

// read reads which accounts were made.
func (g *seeding) read() error {
	b, err := os.ReadFile(g.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &g.made); err != nil {
		return fmt.Errorf("%s is not readable: %w", g.file, err)
	}
	return nil
}

// note writes down that an account is complete.
func (g *seeding) note(email string, id billing.AccountID) error {
	g.made[email] = id
	b, err := json.MarshalIndent(g.made, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(g.file+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(g.file+".new", g.file)
}
