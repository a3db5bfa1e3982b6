package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The versions of the schema. Later migrations are files with the next numbers.
const (
	// 1 is our tables: 00001_schema.sql
	versionJobs   = 2 // River's tables
	versionOrigin = 3 // the digest of 00001_schema.sql
)

// Migrate brings the schema up to this program's version. Several replicas may call it at once: on PostgreSQL they
// take turns by an advisory lock.
//
// All databases are made by the same statements in the same order. Migrate refuses a database that has a later
// migration but lacks an earlier one. It also refuses one whose first schema had another text. Only a program between
// two releases can have left such a database, and it has to be created again.
func (d *DB) Migrate(ctx context.Context) error {
	if err := d.checkOrigin(ctx); err != nil {
		return err
	}
	var options []goose.ProviderOption
	if d.dialect == Postgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := d.provider(options...)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Migration is a step of the schema.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt *time.Time // nil: not yet
}

// Migrations returns the steps of this program's schema, oldest first, and when each was done. It runs none.
func (d *DB) Migrations(ctx context.Context) ([]Migration, error) {
	p, err := d.provider()
	if err != nil {
		return nil, err
	}
	all, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", err)
	}
	steps := make([]Migration, len(all))
	for n, s := range all {
		steps[n] = Migration{Version: s.Source.Version, Name: nameOf(s.Source)}
		if s.State == goose.StateApplied {
			steps[n].AppliedAt = &s.AppliedAt
		}
	}
	return steps, nil
}

// nameOf returns what a step is called: the name of its file, without number and ending.
func nameOf(s *goose.Source) string {
	if s.Path != "" {
		_, name, _ := strings.Cut(strings.TrimSuffix(path.Base(s.Path), ".sql"), "_")
		return name
	}
	switch s.Version {
	case versionJobs:
		return "jobs"
	case versionOrigin:
		return "origin"
	}
	return "other"
}

// CheckMigrated returns an error, with what to do, if the schema is older than this program.
func (d *DB) CheckMigrated(ctx context.Context) error {
	if err := d.checkOrigin(ctx); err != nil {
		return err
	}
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

// checkOrigin refuses a database whose first schema was made from a text that differs from this program's.
func (d *DB) checkOrigin(ctx context.Context) error {
	p, err := d.provider()
	if err != nil {
		return err
	}
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if version < versionOrigin {
		return nil // empty, or an interrupted first migration
	}
	var same bool
	err = d.sql.QueryRowContext(
		ctx, "SELECT COUNT(*) = 1 FROM schema_origins WHERE digest = '"+schemaDigest()+"'",
	).Scan(&same)
	switch {
	case err != nil && away(err):
		return translate(err)
	case err != nil: // the oldest have no such table
		return fmt.Errorf("%w (%w)", errOldSchema, err)
	case !same:
		return errOldSchema
	}
	return nil
}

var errOldSchema = errors.New("the database was made by a development version of pointsync, " +
	"and its schema cannot be upgraded: use a new database (on SQLite, delete the file) and run pointsync migrate")

var sqlComment = regexp.MustCompile(`(?m)--.*$`)

// schemaDigest identifies the text of the first schema. It ignores comments and spaces.
func schemaDigest() string {
	text, err := migrations.ReadFile("migrations/00001_schema.sql")
	if err != nil {
		panic(err) // it is embedded
	}
	words := strings.Fields(string(sqlComment.ReplaceAll(text, nil)))
	sum := sha256.Sum256([]byte(strings.Join(words, " ")))
	return hex.EncodeToString(sum[:])
}

func (d *DB) provider(options ...goose.ProviderOption) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	// River's own tables. If a new version of River brings migrations, add another such line. A test fails without it.
	options = append(options, goose.WithGoMigrations(
		goose.NewGoMigration(versionJobs, &goose.GoFunc{RunDB: d.migrateJobs}, nil),
		goose.NewGoMigration(versionOrigin, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO schema_origins (digest) VALUES ('"+schemaDigest()+"')")
			return err
		}}, nil),
	))
	if d.dialect == SQLite {
		return goose.NewProvider(goose.DialectSQLite3, d.sql, sqliteFiles{files}, options...)
	}
	return goose.NewProvider(goose.DialectPostgres, d.sql, files, options...)
}

// sqliteFiles are the migrations with PostgreSQL's words replaced by SQLite's.
type sqliteFiles struct{ fs.FS }

var sqliteWords = strings.NewReplacer("bigint", "integer", "timestamptz", "datetime", " WITH (fillfactor = 70)", "")

func (s sqliteFiles) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return sqliteFile{f, bytes.NewReader([]byte(sqliteWords.Replace(string(text))))}, nil
}

type sqliteFile struct {
	fs.File
	text io.Reader
}

func (f sqliteFile) Read(b []byte) (int, error) { return f.text.Read(b) }

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
