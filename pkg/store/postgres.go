package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/config"
)

// openPostgres opens one pool, which GORM, the job queue and its listener share.
func openPostgres(ctx context.Context, o Options) (*DB, error) {
	if err := config.CheckDatabaseURL(o.URL); err != nil {
		return nil, fmt.Errorf("the database URL %w", err)
	}
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		// The cause repeats the password.
		return nil, fmt.Errorf("the database URL is not one that PostgreSQL understands")
	}
	cfg.MaxConns = 20
	if o.MaxConns > 0 {
		cfg.MaxConns = int32(o.MaxConns)
	}
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// A client that is gone must not lock an account's row forever.
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "30000"
	cfg.ConnConfig.RuntimeParams["lock_timeout"] = "10000"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", hidePassword(err))
	}
	moves, err := openLane(ctx, cfg)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open PostgreSQL: %w", hidePassword(err))
	}
	sqlDB := stdlib.OpenDBFromPool(pool)
	closeAll := func() error { err := sqlDB.Close(); pool.Close(); moves.Close(); return err }
	if err := checkDurable(ctx, pool, o.AllowUnsafe); err != nil {
		closeAll()
		return nil, err
	}
	g, err := gorm.Open(postgres.New(postgres.Config{Conn: sqlDB}), gormConfig())
	if err != nil {
		closeAll()
		return nil, fmt.Errorf("open PostgreSQL: %w", hidePassword(err))
	}
	if err := traceStatements(g, "postgresql"); err != nil {
		closeAll()
		return nil, err
	}
	d := &DB{
		reads:    reads{db: g},
		written:  make(chan struct{}, 1),
		sql:      sqlDB,
		dialect:  Postgres,
		now:      o.Now,
		close:    closeAll,
		listener: pool,
	}
	d.lane = newLane((&pgLane{db: d, pool: moves}).run)
	return d, nil
}

// checkDurable refuses a server that reports a commit before that commit would survive a power cut. An acknowledged
// spend could then be lost.
func checkDurable(ctx context.Context, pool *pgxpool.Pool, allow bool) error {
	for _, name := range []string{"fsync", "synchronous_commit"} {
		var value string
		if err := pool.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return fmt.Errorf("PostgreSQL does not respond: %w", hidePassword(err))
		}
		if value == "off" && !allow {
			return fmt.Errorf(
				"PostgreSQL runs with %s = off and may lose acknowledged spends: turn it on, "+
					"or set POINTSYNC_ALLOW_UNSAFE_DATABASE=true where losing data is fine",
				name,
			)
		}
	}
	return nil
}
