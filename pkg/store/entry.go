package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

type entryRow struct {
	AccountID      string `gorm:"primaryKey"`
	Seq            int64  `gorm:"primaryKey;autoIncrement:false"`
	ID             string `gorm:"not null;index:entries_id"`
	Kind           string `gorm:"not null"`
	Amount         int64  `gorm:"not null"`
	Held           int64  `gorm:"not null"`
	BalanceAfter   int64  `gorm:"not null"`
	Action         *string
	Quantity       *int64
	Description    string `gorm:"not null"`
	Metadata       string `gorm:"not null"`
	LotID          *string
	HoldID         *string
	ByKind         string `gorm:"not null"`
	ByID           *string
	IdempotencyKey *string
	RequestHash    string `gorm:"not null"`
	CreatedAt      stamp  `gorm:"not null;autoCreateTime:false"`
}

func (entryRow) TableName() string { return "entries" }

// ErrKeyUsed reports that the entry's Idempotency-Key had its effect already. The transaction cannot go on after it.
var ErrKeyUsed = errors.New("store: idempotency key used")

// AppendEntry appends one movement of points. Errors: ErrKeyUsed.
func (tx *Tx) AppendEntry(ctx context.Context, e billing.Entry) error {
	row, err := toRowEntry(e)
	if err != nil {
		return err
	}
	err = tx.q(ctx).Create(&row).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) && e.Key != "" {
		return ErrKeyUsed
	}
	if err == nil && tx.facts != nil {
		tx.facts.Entries = append(tx.facts.Entries, e)
	}
	return translate(err)
}

// EntryByKey reads the entry that the account made under an Idempotency-Key. ok is false if the key is unused.
func (r reads) EntryByKey(
	ctx context.Context, account billing.AccountID, key string,
) (e billing.Entry, ok bool, err error) {
	var row entryRow
	err = r.q(ctx).Where("account_id = ? AND idempotency_key = ?", string(account), key).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return billing.Entry{}, false, nil
	}
	if err != nil {
		return billing.Entry{}, false, translate(err)
	}
	e, err = fromRowEntry(row)
	return e, err == nil, err
}

// Entry reads one entry of the account. Errors: ENotFound.
func (r reads) Entry(ctx context.Context, account billing.AccountID, id billing.EntryID) (billing.Entry, error) {
	return r.entry(ctx, "account_id = ? AND id = ?", string(account), string(id))
}

// EntryAt reads the entry that brought the account to a version. Errors: ENotFound.
func (r reads) EntryAt(ctx context.Context, account billing.AccountID, version int64) (billing.Entry, error) {
	return r.entry(ctx, "account_id = ? AND seq = ?", string(account), version)
}

func (r reads) entry(ctx context.Context, where string, args ...any) (billing.Entry, error) {
	var row entryRow
	if err := r.q(ctx).Where(where, args...).Take(&row).Error; err != nil {
		return billing.Entry{}, translate(err)
	}
	return fromRowEntry(row)
}

// EntryOfGrant reads the entry of the grant that made a lot of the account. Errors: ENotFound.
func (r reads) EntryOfGrant(
	ctx context.Context, account billing.AccountID, lot billing.LotID,
) (billing.Entry, error) {
	return r.entry(ctx, "account_id = ? AND lot_id = ? AND kind = 'grant'", string(account), string(lot))
}

// Entries lists the account's entries, newest first, starting after the one with id before ("" begins at the newest).
func (r reads) Entries(
	ctx context.Context, account billing.AccountID, before billing.EntryID, limit int,
) ([]billing.Entry, error) {
	q := r.q(ctx).Where("account_id = ?", string(account))
	if before != "" {
		q = q.Where("seq < (SELECT seq FROM entries WHERE account_id = ? AND id = ?)", string(account), string(before))
	}
	var rows []entryRow
	if err := q.Order("seq DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	entries := make([]billing.Entry, len(rows))
	for i, row := range rows {
		e, err := fromRowEntry(row)
		if err != nil {
			return nil, err
		}
		entries[i] = e
	}
	return entries, nil
}

// Sums are the totals of an account's rows, which an audit compares.
type Sums struct {
	Entries     billing.Points // all amounts
	EntriesHeld billing.Points // all that went into holds, minus what came out
	Remaining   billing.Points // of all lots
	LotsHeld    billing.Points
	Holds       billing.Points // of the active ones
	Breaks      int64          // entries whose balance is not the one before plus their amount
	// Holds and lots that differ from the sum of their hold parts, and ended lots with points left.
	Astray int64
}

// Sums adds up an account's entries, lots and holds.
func (r reads) Sums(ctx context.Context, account billing.AccountID) (s Sums, err error) {
	err = r.q(ctx).Raw(`SELECT
		CAST(COALESCE((SELECT SUM(amount) FROM entries WHERE account_id = @id), 0) AS bigint) AS entries,
		CAST(COALESCE((SELECT SUM(held) FROM entries WHERE account_id = @id), 0) AS bigint) AS entries_held,
		CAST(COALESCE((SELECT SUM(remaining) FROM lots WHERE account_id = @id), 0) AS bigint) AS remaining,
		CAST(COALESCE((SELECT SUM(held) FROM lots WHERE account_id = @id), 0) AS bigint) AS lots_held,
		CAST(COALESCE((SELECT SUM(amount) FROM holds
			WHERE account_id = @id AND status = 'active'), 0) AS bigint) AS holds,
		(SELECT COUNT(*) FROM (
			SELECT balance_after - amount AS wants, LAG(balance_after, 1, 0) OVER (ORDER BY seq) AS has
			FROM entries WHERE account_id = @id) AS steps WHERE wants <> has) AS breaks,
		(SELECT COUNT(*) FROM holds WHERE account_id = @id AND amount <>
			(SELECT COALESCE(SUM(points), 0) FROM hold_parts
				WHERE hold_parts.account_id = holds.account_id AND hold_id = holds.id)) +
		(SELECT COUNT(*) FROM lots WHERE account_id = @id AND (ended_at IS NOT NULL AND remaining > 0 OR held <>
			(SELECT COALESCE(SUM(points), 0) FROM hold_parts
				JOIN holds ON holds.account_id = hold_parts.account_id AND holds.id = hold_id
				WHERE hold_parts.account_id = lots.account_id AND lot_id = lots.id AND status = 'active'))) AS astray`,
		sql.Named("id", string(account))).Scan(&s).Error
	return s, translate(err)
}

func toRowEntry(e billing.Entry) (entryRow, error) {
	metadata, err := toRowMetadata(e.Metadata)
	return entryRow{
		ID:             string(e.ID),
		AccountID:      string(e.AccountID),
		Kind:           string(e.Kind),
		Amount:         int64(e.Amount),
		Held:           int64(e.Held),
		BalanceAfter:   int64(e.BalanceAfter),
		Seq:            e.Seq,
		Action:         nullable(e.Action),
		Quantity:       toRowQuantity(e.Quantity),
		Description:    e.Description,
		Metadata:       metadata,
		LotID:          nullable(e.LotID),
		HoldID:         nullable(e.HoldID),
		ByKind:         cmp.Or(string(e.By.Kind), bySystem),
		ByID:           nullable(e.By.ID),
		IdempotencyKey: nullable(e.Key), RequestHash: e.RequestHash, CreatedAt: stamp{e.CreatedAt},
	}, err
}

func fromRowEntry(row entryRow) (billing.Entry, error) {
	metadata, err := fromRowMetadata(row.Metadata)
	return billing.Entry{
		ID: billing.EntryID(row.ID), AccountID: billing.AccountID(row.AccountID), Kind: billing.EntryKind(row.Kind),
		Amount:       billing.Points(row.Amount),
		BalanceAfter: billing.Points(row.BalanceAfter),
		Seq:          row.Seq,
		Action:       fromNullable[string](row.Action),
		Quantity:     fromRowQuantity(row.Quantity),
		Description:  row.Description,
		Metadata:     metadata, Held: billing.Points(row.Held), LotID: fromNullable[billing.LotID](row.LotID),
		HoldID: fromNullable[billing.HoldID](row.HoldID), By: fromRowActor(row.ByKind, row.ByID),
		Key:         fromNullable[string](row.IdempotencyKey),
		RequestHash: row.RequestHash, CreatedAt: row.CreatedAt.Time,
	}, err
}

// toRowQuantity returns nil for 0, which is the quantity of what has no action.
func toRowQuantity(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func fromRowQuantity(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// bySystem is the zero Actor's kind in the database.
const bySystem = "system"

func fromRowActor(kind string, id *string) billing.Actor {
	if kind == bySystem {
		return billing.Actor{}
	}
	return billing.Actor{Kind: billing.ActorKind(kind), ID: fromNullable[string](id)}
}

func toRowMetadata(m map[string]string) (string, error) {
	if m == nil {
		m = map[string]string{}
	}
	b, err := json.Marshal(m)
	return string(b), err
}

// fromRowMetadata returns nil for no metadata, as it was when it was written.
func fromRowMetadata(text string) (m map[string]string, err error) {
	err = json.Unmarshal([]byte(text), &m)
	if len(m) == 0 {
		m = nil
	}
	return m, err
}
