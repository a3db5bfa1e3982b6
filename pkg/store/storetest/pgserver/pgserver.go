// Package pgserver finds or starts a PostgreSQL server for tests. It owns the choice of the server and the lifetime of
// a throwaway one. It refuses to know the product's schema and package testing.
//
// Two things always hold. A server that it started ends when the process that started it ends, for any reason, and
// leaves no files behind. And the server commits as in production (fsync stays on), so what tests prove about commits
// is true there as well.
package pgserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver, which checks whether a server is up
)

// EnvURL names a server on which tests may create and drop databases.
const EnvURL = "TEST_DATABASE_URL"

// Server is a running PostgreSQL server.
type Server struct {
	URL  string // of the maintenance database, as a user who may create databases
	stop func() error
}

// Stop ends a server that Start started. It does not stop a server that was there before.
func (s *Server) Stop() error {
	if s.stop == nil {
		return nil
	}
	return s.stop()
}

// errNone is for a person on a machine without PostgreSQL, so it says what to do.
var errNone = errors.New("these tests need PostgreSQL: install its server (Debian: apt-get install postgresql; " +
	"macOS: brew install postgresql@16), or start Docker, or set " + EnvURL +
	" to a server on which they may create databases")

// Start returns the first of these: the server that TEST_DATABASE_URL names; a throwaway server of the PostgreSQL
// installed here; a server in a container. The caller stops it.
func Start(ctx context.Context) (*Server, error) {
	if url := os.Getenv(EnvURL); url != "" {
		if err := ping(ctx, url); err != nil {
			return nil, fmt.Errorf("the server that %s names does not respond: %w", EnvURL, err)
		}
		return &Server{URL: url}, nil
	}
	if bin := findBinaries(); bin != "" {
		return startCluster(ctx, bin)
	}
	if dockerAnswers(ctx) {
		return startContainer(ctx)
	}
	return nil, errNone
}

func dockerAnswers(ctx context.Context) bool {
	return exec.CommandContext(ctx, "docker", "info").Run() == nil
}

func ping(ctx context.Context, url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}
