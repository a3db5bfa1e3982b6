package main

import (
	"context"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store"
)

type userDisableCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded, and the customer does not read it."`

	target
}

// Run disables an account.
func (u userDisableCmd) Run(ctx context.Context) error {
	said := "is disabled: its logins have ended, and it takes no spend or purchase"
	return u.onAccount(ctx, u.Account, said, func(db *store.DB, id billing.AccountID) error {
		_, err := account.Disable(ctx, db, id, account.Decision{Reason: u.Reason})
		return err
	})
}

type userEnableCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded."`

	target
}

// Run enables an account.
func (u userEnableCmd) Run(ctx context.Context) error {
	said := "is enabled: its customer logs in again"
	return u.onAccount(ctx, u.Account, said, func(db *store.DB, id billing.AccountID) error {
		_, err := account.Enable(ctx, db, id, account.Decision{Reason: u.Reason})
		return err
	})
}

type userDeleteCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded, so it must not name the person."`

	target
}

// Run closes an account for good. A running server cancels the subscription and erases the person's data.
func (u userDeleteCmd) Run(ctx context.Context) error {
	said := "is closed: a running server cancels its subscription and erases the person within a minute"
	return u.onAccount(ctx, u.Account, said, func(db *store.DB, id billing.AccountID) error {
		_, err := checkout.BeginDeletion(ctx, db, id, account.Decision{Reason: u.Reason})
		return err
	})
}
