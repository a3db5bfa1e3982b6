package store

import (
	"context"
	"time"

	"gorm.io/gorm/logger"
)

// Watch calls f with each statement, its values filled in, and with the context that it ran in. Set it once, before
// the database is used. Tests use it to see what a request asks the database for.
func (d *DB) Watch(f func(ctx context.Context, statement string)) {
	d.db.Logger = watcher{Interface: logger.Discard, f: f}
}

type watcher struct {
	logger.Interface
	f func(ctx context.Context, statement string)
}

func (w watcher) LogMode(logger.LogLevel) logger.Interface { return w }

func (w watcher) Trace(ctx context.Context, _ time.Time, what func() (string, int64), _ error) {
	statement, _ := what()
	w.f(ctx, statement)
}
