package store

import (
	"cmp"
	"context"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type accountRow struct {
	ID              string `gorm:"primaryKey"`
	Email           *string
	EmailVerifiedAt *stamp
	ExternalID      *string
	PasswordHash    string `gorm:"not null"`
	CustomerID      *string
	Role            string `gorm:"not null"`
	Available       int64  `gorm:"not null"`
	Held            int64  `gorm:"not null"`
	Debt            int64  `gorm:"not null"`
	Unsettled       int64  `gorm:"not null"`
	NextExpiry      *stamp
	Version         int64 `gorm:"not null"`
	LowPoints       *int64
	SpentDay        *stamp
	SpentPoints     int64 `gorm:"not null"`
	SubID           *string
	SubPlan         string `gorm:"not null"`
	SubQuantity     *int64
	SubStatus       *string
	SubPeriodStart  *stamp
	SubPeriodEnd    *stamp
	SubCancels      bool `gorm:"not null"`
	SubNextPlan     *string
	SubNextQuantity *int64
	SubNextAt       *stamp
	SubEndsAt       *stamp
	SubPaused       bool `gorm:"not null"`
	SubPausedUntil  *stamp
	TrialUsedAt     *stamp
	WindowFrom      *stamp
	WindowUntil     *stamp
	TicketIssued    int64 `gorm:"not null"`
	TicketApplied   int64 `gorm:"not null"`
	BudgetAt        stamp `gorm:"not null"`
	InvoicesSince   *stamp
	LastSyncedAt    *stamp
	ParkedAt        *stamp
	ParkedReason    string `gorm:"not null"`
	UnparkedAt      *stamp
	GrantsApproved  bool `gorm:"not null"`
	NextGrantAt     *stamp
	CutOverAt       *stamp
	CutOverRunning  bool  `gorm:"not null"`
	LoginsEnded     int64 `gorm:"not null"`
	DisabledAt      *stamp
	DisabledReason  string `gorm:"not null"`
	DeletingAt      *stamp
	DeletedAt       *stamp
	CreatedAt       stamp `gorm:"not null;autoCreateTime:false"`
}

func (accountRow) TableName() string { return "accounts" }

// HasAccount reports whether an account exists.
func (r reads) HasAccount(ctx context.Context, id billing.AccountID) (bool, error) {
	var n int64
	err := r.q(ctx).Model(&accountRow{}).Where("id = ?", string(id)).Count(&n).Error
	return n == 1, translate(err)
}

// Account reads one account. Errors: ENotFound.
func (r reads) Account(ctx context.Context, id billing.AccountID) (billing.Account, error) {
	var row accountRow
	if err := r.q(ctx).Where("id = ?", string(id)).Take(&row).Error; err != nil {
		return billing.Account{}, translate(err)
	}
	return fromRowAccount(row), nil
}

// CustomerAccounts lists the ids of accounts that have a Stripe customer, in order, starting after the given one.
func (r reads) CustomerAccounts(ctx context.Context, after billing.AccountID, limit int) ([]billing.AccountID, error) {
	var ids []billing.AccountID
	err := r.q(ctx).Model(&accountRow{}).Where("customer_id IS NOT NULL AND id > ?", string(after)).
		Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, translate(err)
}

// InsertAccount appends a new account, and adds its email and its customer to their directories. The caller has
// entered its external id, if it has one. Errors: EEmailTaken.
func (tx *Tx) InsertAccount(ctx context.Context, a billing.Account) error {
	row := toRowAccount(a)
	if row.Email != nil {
		if err := tx.enterEmail(ctx, *row.Email, a.ID); err != nil {
			return err
		}
	}
	if a.CustomerID != "" {
		if err := tx.enterCustomer(ctx, a.CustomerID, a.ID); err != nil {
			return err
		}
	}
	return translate(tx.q(ctx).Create(&row).Error)
}

// LockAccount reads an account and makes other writers of it wait until this transaction ends. A transaction that
// touches an account takes this lock, or updates the row, before it touches anything else of the account. So no two
// transactions can deadlock on it. On SQLite the transaction is the only writer already. Errors: ENotFound.
func (tx *Tx) LockAccount(ctx context.Context, id billing.AccountID) (billing.Account, error) {
	var row accountRow
	if err := tx.q(ctx).Clauses(
		clause.Locking{Strength: "UPDATE"},
	).Where("id = ?", string(id)).Take(&row).Error; err != nil {
		return billing.Account{}, translate(err)
	}
	a := fromRowAccount(row)
	tx.saw(a)
	return a, nil
}

// LockAccountByCustomer locks the account that has or had a Stripe customer, as LockAccount does. Errors: ENotFound.
func (tx *Tx) LockAccountByCustomer(ctx context.Context, id billing.CustomerID) (billing.Account, error) {
	account, err := tx.AccountOfCustomer(ctx, id)
	if err != nil {
		return billing.Account{}, err
	}
	return tx.LockAccount(ctx, account)
}

// saw records an account among the facts that are reported before the commit.
func (tx *Tx) saw(a billing.Account) {
	if tx.facts != nil {
		tx.facts.saw(a)
	}
}

// debitedRow is an account's row after a debit, together with the event types that endpoints want. The same statement
// reads both, so the second costs a spend nothing.
type debitedRow struct {
	Account accountRow `gorm:"embedded"`
	Wanted  string
}

func (debitedRow) TableName() string { return "accounts" }

// Debit lowers the available points by n, if there are that many, the account's caps allow it and no lot has expired by
// tx.Now. It is one statement, so it needs no lock before it. The account must be open, and the login must be live; ""
// is for a service, which has none. If the condition does not hold, it returns false and changes nothing.
func (tx *Tx) Debit(
	ctx context.Context, id billing.AccountID, login billing.SessionID, n billing.Points, caps billing.CapPolicy,
) (billing.Account, bool, error) {
	var row debitedRow
	back := clause.Returning{Columns: []clause.Column{{Name: "*", Raw: true}}}
	if tx.facts != nil {
		back.Columns = append(back.Columns, clause.Column{Name: wantedQuery + " AS wanted", Raw: true})
	}
	q := tx.q(ctx).Model(&row).Clauses(back).
		Where(
			"id = ? AND available >= ? AND (next_expiry IS NULL OR next_expiry > ?)", string(id), int64(n),
			stamp{tx.Now},
		).
		Where("disabled_at IS NULL AND deleting_at IS NULL")
	if login != "" {
		q = q.Where("logins_ended = ("+liveLogin+")", tx.liveArgs(id, login)...)
	}
	columns := countSpent(n, tx.Now)
	columns["available"] = gorm.Expr("available - ?", int64(n))
	columns["unsettled"] = gorm.Expr("unsettled + ?", int64(n))
	columns["version"] = gorm.Expr("version + 1")
	res := underCaps(q, caps, n, tx.Now).Updates(columns)
	if res.Error != nil {
		return billing.Account{}, false, translate(res.Error)
	}
	a := fromRowAccount(row.Account)
	if res.RowsAffected == 1 && tx.facts != nil {
		before := a
		before.Available += n
		tx.saw(before)
		tx.saw(a)
		tx.wanted = &row.Wanted
	}
	return a, res.RowsAffected == 1, nil
}

// SavePoints writes the points of an account whose lock this transaction holds.
func (tx *Tx) SavePoints(ctx context.Context, a billing.Account) error {
	tx.saw(a)
	return tx.saveAccount(ctx, a.ID, map[string]any{
		"available": int64(a.Available), "held": int64(a.Held), "debt": int64(a.Debt), "unsettled": int64(a.Unsettled),
		"next_expiry": toStamp(a.NextExpiry), "version": a.Version,
		"spent_day": toStamp(a.Day.Day), "spent_points": int64(a.Day.Points),
	})
}

// UseTrial records that the account has had its subscription, so no later one begins with a trial. It is recorded once
// and never undone.
func (tx *Tx) UseTrial(ctx context.Context, id billing.AccountID) error {
	return translate(tx.q(ctx).Model(&accountRow{}).Where("id = ? AND trial_used_at IS NULL", string(id)).
		Update("trial_used_at", stamp{tx.Now}).Error)
}

// SetRole gives another role to an account whose lock this transaction holds.
func (tx *Tx) SetRole(ctx context.Context, id billing.AccountID, role billing.Role) error {
	return tx.saveAccount(ctx, id, map[string]any{"role": string(role)})
}

// ReplacePasswordHash stores another hash of the password that an account has, unless the password was changed.
func (tx *Tx) ReplacePasswordHash(ctx context.Context, id billing.AccountID, from, to string) error {
	return translate(tx.q(ctx).Model(&accountRow{}).Where("id = ? AND password_hash = ?", string(id), from).
		Update("password_hash", to).Error)
}

// SetLowPoints writes how few points count as low for the customer, for an account whose lock this transaction holds.
func (tx *Tx) SetLowPoints(ctx context.Context, id billing.AccountID, points *billing.Points) error {
	return tx.saveAccount(ctx, id, map[string]any{"low_points": (*int64)(points)})
}

func (tx *Tx) saveAccount(ctx context.Context, id billing.AccountID, columns map[string]any) error {
	res := tx.q(ctx).Model(&accountRow{}).Where("id = ?", string(id)).Updates(columns)
	if res.Error == nil && res.RowsAffected != 1 {
		return billing.Errorf(billing.ENotFound, "No such account.")
	}
	return translate(res.Error)
}

func toRowAccount(a billing.Account) accountRow {
	row := accountRow{
		ID:              string(a.ID),
		Email:           nullable(strings.ToLower(a.Email)),
		EmailVerifiedAt: toStamp(a.EmailVerifiedAt),
		ExternalID:      nullable(a.ExternalID),
		PasswordHash:    a.PasswordHash,
		CustomerID:      nullable(a.CustomerID),
		Role: string(
			cmp.Or(a.Role, billing.RoleUser),
		), Available: int64(a.Available), Held: int64(a.Held), Debt: int64(a.Debt), Unsettled: int64(a.Unsettled),
		NextExpiry: toStamp(a.NextExpiry), Version: a.Version, LowPoints: (*int64)(a.LowPoints),
		SpentDay: toStamp(a.Day.Day), SpentPoints: int64(a.Day.Points),
		TicketIssued: a.Sync.TicketIssued, TicketApplied: a.Sync.TicketApplied, BudgetAt: stamp{a.Sync.BudgetAt},
		InvoicesSince:  toStamp(a.Sync.InvoicesSince),
		LastSyncedAt:   toStamp(a.Sync.LastSyncedAt),
		NextGrantAt:    toStamp(a.Sync.NextGrantAt),
		ParkedAt:       toStamp(a.Parking.At),
		ParkedReason:   a.Parking.Reason,
		UnparkedAt:     toStamp(a.Parking.EndedAt),
		DisabledAt:     toStamp(a.DisabledAt),
		DisabledReason: a.DisabledReason,
		DeletingAt:     toStamp(a.DeletingAt),
		DeletedAt:      toStamp(a.DeletedAt),
		GrantsApproved: a.Parking.Approved,
		CreatedAt:      stamp{a.CreatedAt},
	}
	row.TrialUsedAt = toStamp(a.TrialUsedAt)
	if c := a.CutOver; c != nil {
		row.CutOverAt, row.CutOverRunning = &stamp{c.At}, c.Running
	}
	row.setSubscription(a.Subscription)
	return row
}

func fromRowAccount(row accountRow) billing.Account {
	a := billing.Account{
		ID:              billing.AccountID(row.ID),
		Email:           fromNullable[string](row.Email),
		EmailVerifiedAt: fromStamp(row.EmailVerifiedAt),
		ExternalID:      fromNullable[string](row.ExternalID),
		PasswordHash:    row.PasswordHash,
		Role:            billing.Role(row.Role),
		CustomerID:      fromNullable[billing.CustomerID](row.CustomerID),
		Balance: billing.Balance{
			Available: billing.Points(row.Available), Held: billing.Points(row.Held), Debt: billing.Points(row.Debt),
		},
		Unsettled:  billing.Points(row.Unsettled),
		NextExpiry: fromStamp(row.NextExpiry),
		Version:    row.Version,
		LowPoints:  (*billing.Points)(row.LowPoints),
		Day:        billing.DaySpent{Day: fromStamp(row.SpentDay), Points: billing.Points(row.SpentPoints)},
		Sync: billing.SyncState{
			TicketIssued: row.TicketIssued, TicketApplied: row.TicketApplied, BudgetAt: row.BudgetAt.Time,
			InvoicesSince: fromStamp(row.InvoicesSince),
			LastSyncedAt:  fromStamp(row.LastSyncedAt),
			NextGrantAt:   fromStamp(row.NextGrantAt),
		},
		Parking: billing.Parking{
			At:       fromStamp(row.ParkedAt),
			Reason:   row.ParkedReason,
			Approved: row.GrantsApproved,
			EndedAt:  fromStamp(row.UnparkedAt),
		},
		DisabledAt:     fromStamp(row.DisabledAt),
		DisabledReason: row.DisabledReason,
		DeletingAt:     fromStamp(row.DeletingAt),
		DeletedAt:      fromStamp(row.DeletedAt),
		CreatedAt:      row.CreatedAt.Time,
	}
	a.Subscription, a.TrialUsedAt = row.subscription(), fromStamp(row.TrialUsedAt)
	if row.CutOverAt != nil {
		a.CutOver = &billing.CutOver{At: row.CutOverAt.Time, Running: row.CutOverRunning}
	}
	return a
}
