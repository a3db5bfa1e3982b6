package main

import (
	"context"
	"fmt"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store"
)

type userDisableCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded, and the customer does not read it."`
}

// Run disables an account.
func (u userDisableCmd) Run(ctx context.Context) error {
	return closing(ctx, u.Account, u.Reason, "is disabled: its logins have ended, and it takes no spend or purchase",
		account.Disable)
}

type userEnableCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded."`
}

// Run enables an account.
func (u userEnableCmd) Run(ctx context.Context) error {
	return closing(ctx, u.Account, u.Reason, "is enabled: its customer logs in again", account.Enable)
}

func closing(
	ctx context.Context, name, reason, done string,
	do func(context.Context, *store.DB, billing.AccountID, account.Closing) (bool, error),
) error {
	db, err := openForCommand(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	a, err := account.Named(ctx, db, name)
	if err == nil {
		_, err = do(ctx, db, a.ID, account.Closing{Reason: reason})
	}
	if err != nil {
		return fmt.Errorf("account %s: %w", name, err)
	}
	fmt.Printf("%s (%s) %s.\n", name, a.ID, done)
	return nil
}

type userDeleteCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded, so it must not name the person."`
}

// Run closes an account for good. A running server cancels the subscription and erases the person's data.
func (u userDeleteCmd) Run(ctx context.Context) error {
	db, err := openForCommand(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	a, err := account.Named(ctx, db, u.Account)
	if err == nil {
		err = checkout.BeginDeletion(ctx, db, a.ID, u.Reason)
	}
	if err != nil {
		return fmt.Errorf("account %s: %w", u.Account, err)
	}
	fmt.Printf("%s is closed: a running server cancels its subscription and erases the person within a minute.\n", a.ID)
	return nil
}
