package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// Migrate brings the schema up to this program's version. Several replicas may call it at once: on PostgreSQL they
// take turns by an advisory lock.
//
// All databases are made by the same statements in the same order. A database that has a later migration and lacks an earlier one, as only a
// program between two releases can have left it, is refused rather than given the earlier one late: such a database is made anew.
func (d *DB) Migrate(ctx context.Context) error {
	p, err := d.provider()
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// CheckMigrated says what to do when the schema is older than this program.
func (d *DB) CheckMigrated(ctx context.Context) error {
	p, err := d.provider()
	if err != nil {
		return err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if pending {
		return fmt.Errorf("the database's schema is older than this program: run pointsync migrate")
	}
	return nil
}

func (d *DB) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+string(d.dialect))
	if err != nil {
		return nil, err
	}
	// River's own tables. A new version of River that brings migrations needs another such line; a test says so.
	options := []goose.ProviderOption{goose.WithGoMigrations(
		goose.NewGoMigration(2, &goose.GoFunc{RunDB: d.migrateJobs}, nil),
	)}
	dialect := goose.DialectSQLite3
	if d.dialect == Postgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, d.sql, files, options...)
}

func (d *DB) migrateJobs(ctx context.Context, db *sql.DB) error {
	m, err := d.jobMigrator(db)
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

func (d *DB) jobMigrator(db *sql.DB) (*rivermigrate.Migrator[*sql.Tx], error) {
	if d.dialect == Postgres {
		return rivermigrate.New(riverdatabasesql.New(db), nil)
	}
	return rivermigrate.New(riversqlite.New(db), nil)
}
