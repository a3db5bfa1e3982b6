package store

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/gormlite"
	"gorm.io/gorm"
)

// openSQLite opens one file in WAL mode. Every transaction begins as a writer (_txlock=immediate). SQLite has one
// writer at a time anyway, and a reader that becomes a writer halfway could only fail.
func openSQLite(ctx context.Context, o Options) (*DB, error) {
	path := strings.TrimPrefix(o.URL, "sqlite://")
	if path == "" {
		return nil, fmt.Errorf("the database URL names no file: sqlite://path/to/file.db")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the database's folder: %w", err)
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}.Encode()}).String()
	sqlDB, err := driver.Open(dsn)
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	sqlDB.SetMaxOpenConns(8)
	if err := sqlDB.PingContext(ctx); err != nil {
		sqlDB.Close()
		return nil, fmt.Errorf("open SQLite at %s: %w", path, err)
	}
	g, err := gorm.Open(gormlite.OpenDB(sqlDB), gormConfig())
	if err != nil {
		sqlDB.Close()
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	if err := traceStatements(g, "sqlite"); err != nil {
		sqlDB.Close()
		return nil, err
	}
	d := &DB{
		reads: reads{db: g}, written: make(chan struct{}, 1), sql: sqlDB, dialect: SQLite, now: o.Now,
		close: sqlDB.Close,
	}
	d.lane = newLane(d.runOnSQLite)
	return d, nil
}
