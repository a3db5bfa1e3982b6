package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// ImportReason is why a customer is skipped, or an order of a Recovery.
type ImportReason string

// The reasons.
const (
	ImportOurs              ImportReason = "ours"
	ImportDeleted           ImportReason = "deleted"
	ImportUnknownCustomer   ImportReason = "unknown-customer"
	ImportTwoSubscriptions  ImportReason = "two-subscriptions"
	ImportNoMatch           ImportReason = "no-match"
	ImportBadExternalID     ImportReason = "bad-external-id"
	ImportBadEmail          ImportReason = "bad-email"
	ImportSameExternalID    ImportReason = "same-external-id"
	ImportSameEmail         ImportReason = "same-email"
	ImportUnverifiedEmail   ImportReason = "unverified-email"
	ImportEmailTaken        ImportReason = "email-taken"
	ImportAccountTaken      ImportReason = "account-has-customer"
	ImportFormerCustomer    ImportReason = "former-customer"
	ImportAccountClosed     ImportReason = "account-closed"
	ImportNotImported       ImportReason = "not-imported"
	ImportBalanceDiffers    ImportReason = "balance-differs"
	ImportBalanceHasExpired ImportReason = "balance-expired"
	orderOfUnknownItem      ImportReason = "unknown-item"
)

// details explain the reasons to an operator. One that ends with a blank is followed by an account.
var details = map[ImportReason]string{
	ImportOurs:              "pointsync made this customer, for an account that does not have it",
	ImportDeleted:           "the customer was deleted at Stripe",
	ImportUnknownCustomer:   "the file of balances names it, and Stripe has no such customer",
	ImportTwoSubscriptions:  "it has more than one live subscription of ours: cancel all but one",
	ImportNoMatch:           "it has neither an external id nor an email",
	ImportBadExternalID:     "its external id must be 1 to 255 visible characters of ASCII",
	ImportBadEmail:          "its email is not an address",
	ImportSameExternalID:    "another customer has the same external id",
	ImportSameEmail:         "another customer has the same email",
	ImportUnverifiedEmail:   "its email was never verified here, so it may be someone else's account: ",
	ImportEmailTaken:        "its email belongs to an account without its external id: ",
	ImportAccountTaken:      "the account has another customer: ",
	ImportFormerCustomer:    "the account had another customer before: ",
	ImportAccountClosed:     "the account is disabled, or is being deleted: ",
	ImportNotImported:       "no import made or linked its account, so it gets no opening balance: ",
	ImportBalanceDiffers:    "it got another opening balance before: ",
	ImportBalanceHasExpired: "its opening balance would have expired already",
	orderOfUnknownItem:      "neither its price nor the catalogue says how many points it bought",
}

func (r ImportReason) detail(a billing.AccountID) string {
	text := details[r]
	if text[len(text)-1] == ' ' {
		text += string(a)
	}
	return text
}

// known returns the account that the customer has already, locked. The account is empty if there is none. Whose account
// it is was decided before, so what is unclear about that is no obstacle. A customer that pointsync sold to from the
// beginning has no opening balance: there was no earlier system.
func (i *Import) known(ctx context.Context, tx *store.Tx, c candidate) (billing.Account, ImportReason, error) {
	a, err := tx.LockAccountByCustomer(ctx, c.ID)
	switch {
	case billing.CodeOf(err) == billing.ENotFound:
		return billing.Account{}, c.unfit, nil
	case err != nil:
		return a, "", err
	case a.CustomerID != c.ID:
		return a, ImportFormerCustomer, nil
	case a.Closed() != nil:
		return a, ImportAccountClosed, nil
	case c.unfit == ImportDeleted || c.unfit == ImportUnknownCustomer:
		return a, c.unfit, nil
	}
	if _, ok := i.Balances[c.ID]; ok && a.CutOver == nil {
		return a, ImportNotImported, nil
	}
	return a, "", nil
}

// match returns the account that a customer belongs to by its external id, or else by its email, locked. The account is
// empty if there is none. An email leads only to an account that has verified it: anyone can register an address before
// its owner comes.
func (i *Import) match(ctx context.Context, tx *store.Tx, c candidate) (a billing.Account, _ ImportReason, err error) {
	if c.externalID != "" {
		a.ID, err = tx.AccountOfExternalID(ctx, c.externalID)
		if err == nil {
			return fit(ctx, tx, a.ID, c)
		}
		if a.ID = ""; billing.CodeOf(err) != billing.ENotFound {
			return a, "", err
		}
	}
	if c.email == "" {
		return a, "", nil
	}
	found, err := tx.AccountByEmail(ctx, c.email)
	switch {
	case billing.CodeOf(err) == billing.ENotFound:
		return a, "", nil
	case err != nil:
		return a, "", err
	case found.CustomerID == c.ID, c.externalID != "" && found.ExternalID == c.externalID:
		return a, "", errPlaced
	case c.externalID != "":
		return found, ImportEmailTaken, nil
	case found.EmailVerifiedAt == nil:
		return found, ImportUnverifiedEmail, nil
	}
	a, reason, err := fit(ctx, tx, found.ID, c)
	if err == nil && a.Email != c.email {
		err = errEmailMoved
	}
	return a, reason, err
}

// fit locks an account and reports why it cannot get a customer.
func fit(
	ctx context.Context, tx *store.Tx, id billing.AccountID, c candidate,
) (billing.Account, ImportReason, error) {
	a, err := tx.LockAccount(ctx, id)
	if err != nil {
		return a, "", err
	}
	former, err := tx.FormerCustomers(ctx, id)
	switch {
	case err != nil:
		return a, "", err
	case a.CustomerID == c.ID:
		return a, "", errPlaced
	case a.Closed() != nil:
		return a, ImportAccountClosed, nil
	case a.CustomerID != "":
		return a, ImportAccountTaken, nil
	case len(former) > 0:
		return a, ImportFormerCustomer, nil
	}
	return a, "", nil
}

// openingKey returns the grant key of a customer's opening balance.
func openingKey(id billing.CustomerID) string { return "import:" + string(id) }

// checkOpening reports why a customer's opening balance cannot be granted. One that was granted before is no obstacle.
func (i *Import) checkOpening(
	ctx context.Context, tx *store.Tx, a billing.Account, c candidate,
) (ImportReason, error) {
	b, ok := i.Balances[c.ID]
	if !ok {
		return "", nil
	}
	if a.ID != "" {
		lot, granted, err := tx.LotByGrant(ctx, a.ID, openingKey(c.ID))
		switch {
		case err != nil:
			return "", err
		case granted && lot.Granted != b.Points:
			return ImportBalanceDiffers, nil
		case granted:
			return "", nil
		}
	}
	if b.ExpiresAt != nil && !b.ExpiresAt.After(tx.Now) {
		return ImportBalanceHasExpired, nil
	}
	return "", nil
}

// open grants the opening balance of a customer, once.
func (i *Import) open(
	ctx context.Context, tx *store.Tx, a billing.Account, c candidate,
) (_ billing.Account, granted billing.Points, err error) {
	b, ok := i.Balances[c.ID]
	if !ok || b.Points == 0 {
		return a, 0, nil
	}
	if a, err = tx.LockAccount(ctx, a.ID); err != nil {
		return a, 0, err
	}
	a, ok, err = ledger.Grant(ctx, tx, a, billing.Grant{
		Key: openingKey(c.ID), Source: "import", Amount: b.Points, ExpiresAt: b.ExpiresAt,
		Description: "opening balance",
	})
	if !ok {
		return a, 0, err
	}
	return a, b.Points, err
}
