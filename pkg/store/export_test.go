package store

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river/rivermigrate"
	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Models are all rows that the package keeps. A new one belongs in this list, or the drift test fails for its table.
var Models = []any{
	&accountRow{}, &orderRow{}, &requestRow{}, &lotRow{}, &periodRow{}, &entryRow{}, &holdRow{}, &holdPartRow{},
	&loginRow{}, &refreshTokenRow{}, &exchangedTokenRow{},
	&eventRow{}, &walkRow{}, &runRow{}, &syncRow{}, &adminActionRow{}, &changeRow{},
	&topUpRow{}, &returnedRow{}, &formerCustomerRow{}, &linkRow{}, &webhookRow{}, &deliveryRow{}, &budgetRow{},
	&originRow{}, &emailRow{}, &customerRow{}, &systemActionRow{}, &externalIDRow{}, &serviceKeyRow{},
	&attemptRow{}, &identityRow{},
	&mailTokenRow{}, &registrationRow{}, &mailBudgetRow{},
}

// originRow is used only in this list: the digest is read and written while migrating.
type originRow struct {
	Digest string `gorm:"primaryKey"`
}

func (originRow) TableName() string { return "schema_origins" }

// SQLiteText returns a text of the schema in SQLite's words.
func SQLiteText(s string) string { return sqliteWords.Replace(s) }

// GORM returns the underlying handle, for the drift test.
func (d *DB) GORM() *gorm.DB { return d.db }

// ValidateJobs returns what the job queue's own migrations lack.
func (d *DB) ValidateJobs(ctx context.Context) ([]string, error) {
	m, err := d.jobMigrator(d.sql)
	if err != nil {
		return nil, err
	}
	result, err := m.Validate(ctx, (*rivermigrate.ValidateOpts)(nil))
	if err != nil {
		return nil, err
	}
	if result.OK != (len(result.Messages) == 0) {
		return nil, errors.New("the job queue contradicts itself")
	}
	return result.Messages, nil
}

// StampText returns a time as it is sent to the database.
func StampText(t time.Time) string {
	v, _ := stamp{t}.Value() // never fails
	return v.(string)
}

// Translate gives a database's error its code.
func Translate(err error) error { return translate(err) }

// MaxOfOne is how many moves of one account may wait.
const MaxOfOne = maxOfOne

// MaxShare is how many moves of one account a batch takes while those of others wait.
const MaxShare = maxShare

// Waiting returns how many moves wait.
func (d *DB) Waiting() (n int) {
	d.lane.mu.Lock()
	defer d.lane.mu.Unlock()
	for _, of := range d.lane.count {
		n += of
	}
	return n
}

// AppendedColumns returns the columns of an entry that a batch writes, and all that its model has.
func AppendedColumns() (written string, all []string) { return laneAppend, laneEntries.names }

// AtGate returns how many transactions of an account wait for their turn.
func (d *DB) AtGate(id billing.AccountID) int {
	d.gates.mu.Lock()
	defer d.gates.mu.Unlock()
	if own := d.gates.of[id]; own != nil {
		return len(own.waiting)
	}
	return 0
}
