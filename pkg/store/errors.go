package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ncruces/go-sqlite3"
	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

// translate gives a database's error the code that callers decide by. Without one, it at least adds where the error
// came from.
func translate(err error) error {
	if coded, ok := withCode(err); ok {
		return coded
	}
	return fmt.Errorf("store: %w", err)
}

// withCode gives an error its code, if it has one. A code that is there already stays. Other errors are returned as
// they are.
func withCode(err error) (_ error, ok bool) {
	var known *billing.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled):
		return err, true
	case errors.Is(err, gorm.ErrRecordNotFound):
		return billing.Wrap(err, billing.ENotFound, "Not found."), true
	case away(err):
		e := billing.Wrap(hidePassword(err), billing.EUnavailable, "The database does not respond. Try again.")
		e.RetryAfter = time.Second
		return e, true
	}
	return err, false
}

// away reports whether the database was out of reach or too busy, so that the same call may succeed later. A statement
// that the database refused does not count: a broken rule stays broken, however often the call is retried.
func away(err error) bool {
	if lostRace(err) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "08", "53", "57": // connection, resources, shutdown
			return true
		}
		return pg.Code == "55P03" || pg.Code == "58030" // lock_timeout, io_error
	}
	for _, sign := range []error{
		driver.ErrBadConn, sql.ErrConnDone, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF, context.DeadlineExceeded,
		sql.ErrTxDone, // its context ended first, so it was rolled back before it could be committed
	} {
		if errors.Is(err, sign) {
			return true
		}
	}
	// Before net.Error: SQLite's errors have the methods Timeout and Temporary, so all of them would match it.
	var lite sqlite3.ErrorCode
	if errors.As(err, &lite) {
		return slices.Contains(liteAway, lite)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err)
}

// liteAway are SQLite's codes for failures that the statement did not cause: locks of others, an interrupted wait, and
// a machine that is short of disk, memory or files. They correspond to the classes 08, 53 and 57 and to 58030 on
// PostgreSQL.
var liteAway = []sqlite3.ErrorCode{
	sqlite3.BUSY, sqlite3.LOCKED, sqlite3.PROTOCOL, sqlite3.INTERRUPT, sqlite3.FULL, sqlite3.NOMEM, sqlite3.IOERR,
	sqlite3.CANTOPEN,
}

// lostRace reports whether a transaction lost against another one and may simply be retried: it was the victim of a
// deadlock or a serialization failure, or the other one was first to use its Idempotency-Key.
func lostRace(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, errKeyTaken) || errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// hidePassword keeps a connection string out of the log.
func hidePassword(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("cannot connect to host %s port %d", connect.Config.Host, connect.Config.Port)
	}
	return err
}
