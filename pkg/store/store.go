// Package store is the only package that knows GORM and SQL. It keeps the product's rows on PostgreSQL (any number of
// replicas) or on SQLite (one node), with the same models for both.
//
// Reads are methods of both *DB and *Tx. Writes are methods of *Tx only, so code that writes outside a transaction
// does not compile. Rows never leave the package: its methods convert them to and from the types of package billing.
// The package refuses to know what points or orders mean. It keeps the promises that need SQL: conditional updates,
// uniqueness, locks.
package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/trace"
)

// Options name the database and the clock.
type Options struct {
	URL      string           // postgres://… or sqlite://path
	Now      func() time.Time // nil: the machine's clock
	MaxConns int              // PostgreSQL only; 0: 20
	// Accept a PostgreSQL that may lose acknowledged commits (fsync or synchronous_commit off).
	AllowUnsafe bool
}

// DB is an open database.
type DB struct {
	reads
	sql      *sql.DB
	dialect  Dialect
	now      func() time.Time
	close    func() error
	listener any // *pgxpool.Pool on PostgreSQL, for LISTEN
	before   func(ctx context.Context, tx *Tx, f *Facts) error
	metrics  *metric.Metrics // nil: nothing is counted
	security *slog.Logger    // nil: security events are not logged
	written  chan struct{}
	lane     *lane
	gates    gates
}

// Dialect is the kind of a database.
type Dialect string

// The two kinds of databases.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// Open connects to the database. It refuses a PostgreSQL that is configured to lose acknowledged commits. It does not
// migrate.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case strings.HasPrefix(o.URL, "postgres://"), strings.HasPrefix(o.URL, "postgresql://"):
		return openPostgres(ctx, o)
	case strings.HasPrefix(o.URL, "sqlite://"):
		return openSQLite(ctx, o)
	}
	return nil, fmt.Errorf("the database URL must begin with postgres:// or sqlite://")
}

// gormConfig returns a new configuration for each database. GORM keeps the pool and the dialect in it, so two
// databases that shared one would use each other's.
func gormConfig() *gorm.Config {
	return &gorm.Config{
		TranslateError:         true,
		SkipDefaultTransaction: true, // every write is in a transaction already
		Logger:                 logger.Discard,
	}
}

// Dialect returns the kind of this database.
func (d *DB) Dialect() Dialect { return d.dialect }

// SQL returns the underlying pool, for the job queue. The queue writes in our transactions through (*Tx).SQL.
func (d *DB) SQL() *sql.DB { return d.sql }

// Listener returns the *pgxpool.Pool on PostgreSQL, and nil on SQLite.
func (d *DB) Listener() any { return d.listener }

// Close waits for the moves that are under way, and closes all connections.
func (d *DB) Close() error {
	d.lane.close()
	return d.close()
}

// Ping checks that the database responds. Errors: EUnavailable.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.sql.PingContext(ctx); err != nil {
		return billing.Wrap(err, billing.EUnavailable, "The database does not respond.")
	}
	return nil
}

// Tx is one transaction. Now is the only time that it reads from the clock.
type Tx struct {
	reads
	Now     time.Time
	sql     *sql.Tx
	dialect Dialect
	facts   *Facts  // nil if no one wants them: neither BeforeCommit nor CountIn was called
	wanted  *string // the types that endpoints want, once they have been read
	rings   bool    // whether there is something to deliver after the commit

	security []billing.SecurityEvent // to be logged after the commit

	collected *[]billing.Delivery // of a batch of moves, which inserts them together; otherwise nil
}

// SQL returns the transaction itself, for jobs that must be inserted together with their cause.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// maxTries bounds how often a transaction that lost against another one is tried.
const maxTries = 4

// InTx runs fn in a transaction: READ COMMITTED on PostgreSQL, where writers of one account take turns on its row;
// one writer at a time on SQLite. fn may run again after it lost a race: a deadlock, a serialization failure, or a key
// that another transaction used first (Once). So it must have no effect outside the transaction, and it must never
// call Stripe. Errors: fn's own, EUnavailable.
func (d *DB) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	ctx, span := trace.Start(ctx, "transaction", trace.Internal)
	err := d.inTx(ctx, span, fn)
	span.End(err)
	return err
}

func (d *DB) inTx(ctx context.Context, span trace.Span, fn func(tx *Tx) error) error {
	began, now := time.Now(), d.now().UTC().Truncate(time.Microsecond)
	defer func() { d.metrics.Transaction(time.Since(began)) }()
	for try := 1; ; try++ {
		var rings bool
		var facts *Facts
		var security []billing.SecurityEvent
		err := d.db.WithContext(ctx).Transaction(func(g *gorm.DB) error {
			tx := &Tx{reads: reads{g, span}, Now: now, sql: g.Statement.ConnPool.(*sql.Tx), dialect: d.dialect}
			if d.before != nil || d.metrics != nil {
				tx.facts = &Facts{}
			}
			if err := fn(tx); err != nil {
				return err
			}
			if d.before != nil && !tx.facts.none() {
				if err := d.before(ctx, tx, tx.facts); err != nil {
					return err
				}
			}
			rings, facts, security = tx.rings, tx.facts, tx.security
			return nil
		})
		if err == nil {
			d.committed(facts, rings)
			d.logSecurity(ctx, security)
			return nil
		}
		if !lostRace(err) || try == maxTries {
			coded, _ := withCode(err)
			return coded
		}
	}
}

// committed counts what a transaction has committed, and signals that there is something to deliver.
func (d *DB) committed(facts *Facts, rings bool) {
	if rings {
		d.ring()
	}
	if d.metrics != nil {
		d.count(facts)
	}
}

// Now returns the time by the clock that the database was opened with.
func (d *DB) Now() time.Time { return d.now().UTC().Truncate(time.Microsecond) }

// reads are the methods that DB and Tx share.
type reads struct {
	db   *gorm.DB
	span trace.Span // of the transaction, if it is traced
}

func (r reads) q(ctx context.Context) *gorm.DB { return r.db.WithContext(r.span.Within(ctx)) }
