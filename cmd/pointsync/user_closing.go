package main

import (
	"context"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/checkout"
)

type userDisableCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded, and the customer does not read it."`

	outcome
	target
}

// Run disables an account.
func (u userDisableCmd) Run(ctx context.Context) error {
	said := "is disabled: its logins have ended, and it takes no spend or purchase"
	return u.decide(ctx, account.Disable, account.Decision{Reason: u.Reason}, u.Account, u.JSON, said)
}

type userEnableCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded."`

	outcome
	target
}

// Run enables an account.
func (u userEnableCmd) Run(ctx context.Context) error {
	said := "is enabled: its customer logs in again"
	return u.decide(ctx, account.Enable, account.Decision{Reason: u.Reason}, u.Account, u.JSON, said)
}

type userDeleteCmd struct {
	Account string `arg:"" help:"The account's email, its id (acc_…) or its external id."`
	Reason  string `required:"" help:"Why; it is recorded, so it must not name the person."`

	outcome
	target
}

// Run closes an account for good. A running server cancels the subscription and erases the person's data.
func (u userDeleteCmd) Run(ctx context.Context) error {
	said := "is closed: a running server cancels its subscription and erases the person within a minute"
	return u.decide(ctx, checkout.BeginDeletion, account.Decision{Reason: u.Reason}, u.Account, u.JSON, said)
}
