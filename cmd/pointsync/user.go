package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

type userCmd struct {
	Role   userRoleCmd   `cmd:"" help:"Make an account an admin, or a user again. The role applies from the next request on."`
	Unpark userUnparkCmd `cmd:"" help:"Let the grants of a parked account through. A running server makes them within a minute."`

	Disable userDisableCmd `cmd:"" help:"Close an account at once: its logins end, and it takes no spend or purchase."`
	Delete  userDeleteCmd  `cmd:"" help:"Delete an account: its subscription and its person's data. The points' history stays under its id."`
	Enable  userEnableCmd  `cmd:"" help:"Open a disabled account."`
}

type userRoleCmd struct {
	Email string `arg:"" help:"The account's email."`
	Role  string `arg:"" help:"admin or user." enum:"admin,user"`

	outcome
	target
}

// Run sets an account's role.
func (u userRoleCmd) Run(ctx context.Context) error {
	db, closeAll, err := u.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	db.LogSecurity(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	changed, err := account.SetRole(ctx, db, u.Email, billing.Role(u.Role))
	if err != nil {
		return fmt.Errorf("account %s: %w", u.Email, err)
	}
	since := "already"
	if changed {
		since = "now"
	}
	return tell(u.JSON, fmt.Sprintf("%s has the role %s %s.", u.Email, u.Role, since), map[string]any{
		"email": u.Email, "role": u.Role, "changed": changed,
	})
}

type userUnparkCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `help:"Why the grants are let through; it is recorded." default:"looked at"`

	outcome
	target
}

// Run lets an account's grants through.
func (u userUnparkCmd) Run(ctx context.Context) error {
	said := "is parked no longer: a running server grants what waited within a minute"
	return u.decide(ctx, account.Unpark, account.Decision{Reason: u.Reason}, u.Account, u.JSON, said)
}

// decision does what an operator decided about an account.
type decision func(context.Context, *store.DB, billing.AccountID, account.Decision) (replayed bool, err error)

// decide does what an operator decided about the account that they named, and prints what is so now.
func (t target) decide(
	ctx context.Context, do decision, d account.Decision, name string, asJSON bool, said string,
) error {
	db, closeAll, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	a, err := account.Named(ctx, db, name)
	replayed := false
	if err == nil {
		replayed, err = do(ctx, db, a.ID, d)
	}
	if err != nil {
		return fmt.Errorf("account %s: %w", name, err)
	}
	return tell(asJSON, fmt.Sprintf("%s (%s) %s.", name, a.ID, said), map[string]any{
		"account": a.ID, "reason": d.Reason, "changed": !replayed,
	})
}
